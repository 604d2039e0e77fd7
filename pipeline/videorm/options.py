"""What a person may set about VideoRM. Free of torch: configurations are checked without it."""

from typing import Literal

from pydantic import Field, model_validator

from schemas.options import Options

MIN_TRAIN_PROMPTS = 2  # a batch of one prompt cannot be normalised, one of two can
Arm = Literal["videorm", "per_frame"]


class VideoRMOptions(Options):
    """Model, training and evaluation of VideoRM. The defaults are the tiny configuration.

    Tiny means: towers of two layers on 32 x 32 pixels, trained from random weights in about a
    minute on one CPU core. With ``trunk`` set, the towers and their tokenizer are loaded and
    frozen, and the fields marked (random trunk) are ignored.
    """

    seed: int = 0  # of the initial weights, the order of the data and the augmentation
    # None: every dimension of the preferences but `overall`
    dimensions: tuple[str, ...] | None = None
    arms: tuple[Arm, ...] = ("videorm", "per_frame")  # trained side by side, the first is the model
    threads: int = Field(default=1, ge=1)  # CPU threads of each arm

    # the towers
    trunk: str | None = None  # folder or hub id of a CLIP model; None: random weights
    image_size: int = Field(default=32, ge=8)  # pixels (random trunk)
    patch_size: int = Field(default=8, ge=2)  # pixels (random trunk)
    width: int = Field(default=64, ge=8)  # of both towers and of the joint space (random trunk)
    layers: int = Field(default=2, ge=1)  # of the image tower (random trunk)
    text_layers: int = Field(default=1, ge=1)  # of the text tower (random trunk)
    heads: int = Field(default=4, ge=1)  # of both towers (random trunk)

    # the temporal parts and the head
    frames: int = Field(default=8, ge=1)  # at most; longer clips are thinned out evenly
    shift: float = Field(default=0.25, ge=0, le=0.5)  # share of channels from each neighbour frame
    temporal_layers: int = Field(default=1, ge=1)
    temporal_heads: int = Field(default=4, ge=1)
    hidden: int = Field(default=128, ge=1)  # width of the readout's hidden layer

    # training
    epochs: int = Field(default=18, ge=1)
    batch_prompts: int = Field(default=8, ge=1)  # one batch element is a prompt with all its clips
    learning_rate: float = Field(default=2e-3, gt=0)
    weight_decay: float = Field(default=0.1, ge=0)
    warmup: float = Field(default=0.06, ge=0, le=1)  # share of the steps
    clip_norm: float = Field(default=1.0, gt=0)  # of the gradient
    ema: float = Field(default=0.99, ge=0, lt=1)  # decay of the averaged weights that are kept
    jitter: float = Field(default=0.03, ge=0, lt=1)  # brightness and contrast, one draw per clip
    translate: int = Field(default=1, ge=0)  # pixels, one draw per clip

    @model_validator(mode="after")
    def _check(self) -> "VideoRMOptions":
        if not self.arms or len(set(self.arms)) != len(self.arms):
            raise ValueError("arms: name each arm once, at least one")
        if self.width % self.heads or self.width % self.temporal_heads:
            raise ValueError("width must be a multiple of heads and of temporal_heads")
        if self.image_size % self.patch_size:
            raise ValueError("image_size must be a multiple of patch_size")
        return self
