"""What a person may set about VideoRM. Free of torch: configurations are checked without it."""

from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from pipeline.videorm.presets import DEFAULT, filled
from schemas.options import Options

MIN_TRAIN_PROMPTS = 2  # a batch of one prompt cannot be normalised, one of two can
ARMS = ("videorm", "shift", "transformer", "per_frame")
# dimensions that are about the prompt, under the names that datasets give them
ALIGNMENT = (
    "prompt_following",
    "alignment",
    "prompt_alignment",
    "text_alignment",
    "text_video_alignment",
    "text_to_video_alignment",
    "text-to-video alignment",
    "semantic_alignment",
    "TA",
)
Arm = Literal["videorm", "shift", "transformer", "per_frame"]
Fit = Literal["squeeze", "crop", "letterbox"]


class TowerOptions(Options):
    """Towers with random weights, where no ``trunk`` is named."""

    image_size: int = Field(default=32, ge=8)  # pixels, height and width of a frame
    patch_size: int = Field(default=8, ge=2)  # pixels
    width: int = Field(default=64, ge=8)  # of both towers and of the joint space
    layers: int = Field(default=2, ge=1)  # of the image tower
    text_layers: int = Field(default=1, ge=1)
    heads: int = Field(default=4, ge=1)  # of both towers

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.width % self.heads:
            raise ValueError("width must be a multiple of heads")
        if self.image_size % self.patch_size:
            raise ValueError("image_size must be a multiple of patch_size")
        return self


class ShiftOptions(Options):
    """The parameter-free temporal shift inside the image tower (TSM, arXiv 1811.08383)."""

    fraction: float = Field(default=0.125, ge=0, le=0.5)  # of the channels, from each neighbour
    # branch: before attention alone, the skip path stays a clean copy of the frame (TSM's residual
    # shift); input: the whole block's input, skip path included (ActionCLIP, arXiv 2109.08472)
    placement: Literal["branch", "input"] = "branch"
    # trained: only where something behind the shift can adapt to it; or block numbers from 0
    blocks: Literal["all", "trained"] | tuple[int, ...] = "trained"


class HeadOptions(Options):
    """What runs over the frame embeddings; a masked mean over frames follows."""

    kind: Literal["transformer", "lstm", "conv1d", "none"] = "transformer"
    layers: int = Field(default=2, ge=1)  # transformer, lstm
    heads: int = Field(default=16, ge=1)  # transformer
    expansion: int = Field(default=4, ge=1)  # of the transformer's MLP
    activation: Literal["gelu", "quick_gelu"] = "gelu"
    # zero: the last projections start at 0, so the first reward is that of the mean frame;
    # normal: N(0, 0.02), the output added to the input (ActionCLIP)
    start: Literal["zero", "normal"] = "zero"


class ReadoutOptions(Options):
    """From clip z and prompt q to one reward per dimension.

    cosine: logit scale x cosine of q with z, moved per dimension by a matrix that starts at zero;
    mlp: of [z, q, z * q] through one hidden layer; cosine_mlp: their sum, the second starting at 0.
    """

    kind: Literal["cosine", "mlp", "cosine_mlp"] = "cosine_mlp"
    hidden: int = Field(default=256, ge=1)  # width of the MLP
    norm: Literal["unit", "batch"] = "unit"  # of z and q before the MLP


class TextSwapOptions(Options):
    """Pairs of one clip under its own prompt and under another's: the own one is preferred."""

    weight: float = Field(default=0.0, ge=0)  # of these pairs' loss beside the others'
    # None: those known to be about the prompt, where the model has one (ALIGNMENT)
    dimensions: tuple[str, ...] | None = Field(default=None, min_length=1)

    def among(self, names: Sequence[str]) -> tuple[str, ...]:
        """Which dimensions are asked for, of a model that has these; none without a weight."""
        if not self.weight:
            return ()
        known = tuple(name for name in names if name in ALIGNMENT)
        return known if self.dimensions is None else self.dimensions


class RealOptions(Options):
    """What is known of real footage without asking anybody. Weights of pairs; 0: none are made."""

    generators: tuple[str, ...] = ()  # names under which real clips stand in the dataset
    over_generated: float = Field(default=0.0, ge=0)  # real before generated of the same prompt
    over_damaged: float = Field(default=0.0, ge=0)  # real before its shuffled, frozen, blurred self
    dimensions: tuple[str, ...] = ("video_quality",)


class DataOptions(Options):
    """What is learned from."""

    # machine: the dataset's preferences; human: its ratings and votes; both (VideoRM-V, -H, VideoRM)
    labels: Literal["machine", "human", "both"] = "machine"
    held_out_generators: tuple[str, ...] = ()  # no clip of theirs is trained on, only tested
    text_swap: TextSwapOptions = TextSwapOptions()
    real: RealOptions = RealOptions()
    memory_gb: float = Field(
        default=4.0, ge=0
    )  # decoded frames up to here are held, else read anew
    workers: int = Field(default=4, ge=1)  # threads that decode frames ahead


class LossOptions(Options):
    """How rewards are held against labels."""

    kind: Literal["rao_kupper", "bradley_terry", "margin", "soft", "regression"] = "rao_kupper"
    # margin: reward differences of at least this (times the score gap, where margin_per_gap)
    margin: float = Field(default=0.57, ge=0)  # VideoAlign's constant (arXiv 2501.13918)
    margin_per_gap: bool = False
    temperature: float = Field(default=1.0, gt=0)  # soft: score points per unit of log-odds
    log_k: float | None = Field(default=None, gt=0)  # rao_kupper; None: learned
    scale: tuple[float, float] | None = None  # regression: of the scores; None: as they come


class TrainingOptions(Options):
    """The optimisation."""

    epochs: int = Field(default=3, ge=1)
    batch_prompts: int = Field(default=16, ge=1)  # prompts with all their clips, over all processes
    accumulate: int = Field(default=1, ge=1)  # in so many parts, one after the other
    learning_rate: float = Field(default=3e-4, gt=0)
    trunk_learning_rate: float | None = Field(default=None, gt=0)  # None: a tenth where pretrained
    train_blocks: int = Field(default=0, ge=0)  # top blocks of a pretrained image tower that learn
    weight_decay: float = Field(default=0.05, ge=0)
    beta2: float = Field(default=0.98, gt=0, lt=1)
    warmup: float = Field(default=0.05, ge=0, le=1)  # share of the steps
    schedule: Literal["cosine", "constant"] = "cosine"
    clip_norm: float = Field(default=1.0, gt=0)  # of the gradient
    ema: float = Field(default=0.99, ge=0, lt=1)  # decay of the averaged weights kept; 0: the last
    patience: int | None = Field(default=None, ge=1)  # epochs without a better validation log-loss
    jitter: float = Field(default=0.0, ge=0, lt=1)  # brightness and contrast, one draw per clip
    translate: int = Field(default=0, ge=0)  # pixels, one draw per clip
    precision: Literal["auto", "fp32", "bf16"] = "auto"  # auto: bf16 on a GPU that has it
    compile: Literal["auto", "never", "always"] = "auto"  # auto: a trained trunk on a GPU
    gradient_checkpointing: bool = False  # less memory, a third more work
    checkpoint_seconds: float = Field(default=60.0, ge=0)  # how much work a kill may cost


class CacheOptions(Options):
    """Frozen parts are encoded once."""

    path: str | None = None  # folder, may be shared between trainings; None: OUTPUT/features
    # embeddings: of wholly frozen towers; prefix: also tokens below the first trained block
    # (0.6 MB per frame of a ViT-H); none: encode at every step
    keep: Literal["embeddings", "prefix", "none"] = "embeddings"


class VideoRMOptions(Options):
    """Model, data, training and evaluation of VideoRM.

    ``preset`` fills in what is not said: ``videorm-tiny`` (towers of two layers on 32 x 32 pixels,
    trained from random weights in about a minute on a CPU core), ``videorm-default`` (frozen
    pretrained towers, a head trained on cached features) or ``videorm-paper`` (as published).
    """

    preset: str = DEFAULT
    seed: int = 0  # of the initial weights, the order of the data and the augmentation
    # None: every dimension of the preferences but `overall`; naming `overall` trains on pooled ones
    dimensions: tuple[str, ...] | None = None
    # weights of the dimensions in `overall`; None: equal, each reward over its own spread
    overall: dict[str, float] | None = None
    arms: tuple[Arm, ...] = ("videorm", "per_frame")  # trained alike, the first is the model
    trunk: str | None = None  # folder or hub id of CLIP or SigLIP; None: random towers
    tokenizer: str | None = None  # where the trunk has none
    towers: TowerOptions = TowerOptions()
    frames: int = Field(default=8, ge=1)  # at most; longer clips are thinned out evenly
    # how a frame becomes a square: squeezed, its middle cut out, or with black bars
    fit: Fit = "squeeze"
    shift: ShiftOptions = ShiftOptions()
    head: HeadOptions = HeadOptions()
    readout: ReadoutOptions = ReadoutOptions()
    data: DataOptions = DataOptions()
    loss: LossOptions = LossOptions()
    training: TrainingOptions = TrainingOptions()
    cache: CacheOptions = CacheOptions()
    device: str = "auto"  # auto: a GPU where there is one; else as torch names it
    threads: int = Field(default=1, ge=1)  # CPU threads of each arm
    track: tuple[Literal["tensorboard", "wandb"], ...] = ("tensorboard",)
    save_trunk: bool = True  # false: the file holds what was trained, the rest is loaded by name

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, given: Any) -> Any:
        return filled(given) if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.arms or len(set(self.arms)) != len(self.arms):
            raise ValueError("arms: name each arm once, at least one")
        if self.trunk is None and self.towers.width % self.head.heads and self._attends:
            raise ValueError("head.heads: must divide towers.width")
        if self.trunk is None and self.preset != DEFAULT and self.preset_needs_trunk:
            raise ValueError(
                f"trunk: preset {self.preset} starts from pretrained towers; name a folder or hub id"
                " (HPS v2 is made a folder by scripts/convert_hps.py)"
            )
        if self.training.train_blocks and self.trunk is None:
            raise ValueError("training.train_blocks: random towers always train; name a trunk")
        if self.data.labels != "machine" and self.loss.kind == "regression" and not self.loss.scale:
            raise ValueError("loss.scale: say which scale people's scores are on, such as [1, 5]")
        return self

    @property
    def _attends(self) -> bool:
        return self.head.kind == "transformer"

    @property
    def preset_needs_trunk(self) -> bool:
        """Whether the preset was made for pretrained towers."""
        return self.preset != DEFAULT
