"""Kind ``diffusers``: the block of the configuration."""

import importlib.metadata
import importlib.util
from collections.abc import Iterator, Sequence
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from pipeline.generators.base import Declared, GenerationError, GeneratorSpec, SettingValue, Tools
from pipeline.generators.diffusers.weights import look_again, name_of, pin, place_of
from schemas import Clip
from schemas.ids import canonical_json
from schemas.options import SetupError

WAY = 1  # of calling and of writing the file; a new number wherever the same clip could come out other
SINCE = (0, 42)  # the version of diffusers whose pipelines are told their `dtype` by this name
DType = Literal["float16", "bfloat16", "float32"]


class DiffusersSpec(GeneratorSpec):
    """A text-to-video pipeline of diffusers: ModelScopeT2V, AnimateDiff, CogVideoX, LTX-Video, Wan, ...

    A clip's noise comes from its seed alone, on the CPU: the same clip comes out on any machine and in
    any batch, up to rounding, and on the same machine to the byte. What is left out has the pipeline's
    own default, which another version of diffusers may change. Pipelines round ``frames`` to what their
    model can make (4n + 1 for Wan and CogVideoX 1.5, 8n + 1 for LTX-Video), and cut a prompt that is
    longer than their text encoder reads (77 tokens of CLIP), with a warning of their own. Sound that a
    model makes is left out. Weights are read from safetensors only, and no code of a repository is run.
    """

    kind: Literal["diffusers"] = "diffusers"

    model: str = Field(min_length=1)  # a folder that `save_pretrained` wrote, or a name on the hub
    revision: str | None = None  # of a model of the hub: the commit, in full
    pipeline: str | None = None  # class of diffusers; None: the one that the model names
    variant: str | None = None  # of the weight files, such as fp16
    # of all weights, or by component: {default: bfloat16, vae: float32}
    dtype: DType | dict[str, DType] = "bfloat16"
    # components from elsewhere, by name: a folder, or NAME@COMMIT of the hub; null: to do without it
    components: dict[str, str | None] = Field(default_factory=dict)
    scheduler: str | None = None  # class of diffusers, made from the settings of the model's own
    scheduler_settings: dict[str, SettingValue] = Field(default_factory=dict)

    height: int | None = Field(None, ge=8, le=8192)  # pixels
    width: int | None = Field(None, ge=8, le=8192)
    frames: int | None = Field(None, ge=1, le=4096)
    # Frames per second of the file. Trained with, as their authors say: ModelScopeT2V, AnimateDiff,
    # Latte, CogVideoX 8; Allegro 15; Wan, CogVideoX 1.5 16; LTX-Video, HunyuanVideo, Kandinsky 5 24;
    # Mochi, Cosmos 30. Handed to pipelines that are told the rate (LTX-Video, Cosmos), too.
    fps: float = Field(gt=0, le=240, allow_inf_nan=False)
    steps: int | None = Field(None, ge=1, le=10_000)  # of denoising
    negative_prompt: str | None = None
    arguments: dict[str, SettingValue] = Field(default_factory=dict)  # of the call, any further

    # clips at once, of the same settings; halved where memory does not suffice
    batch_size: int = Field(1, ge=1, le=256)
    # auto: a GPU where there is one; several, such as [cuda:0, cuda:1], work at the same time
    device: str | list[str] = "auto"
    # keep weights in main memory while they are not used: whole components, or layer by layer
    offload: Literal["none", "model", "sequential"] = "none"
    vae_tiling: bool = False  # decode in tiles: less memory, and seams that may be seen
    vae_slicing: bool = False  # decode one clip of a batch at a time
    timeout_s: float = Field(default=3600.0, gt=0)  # for one clip; the first one loads the model

    @model_validator(mode="after")
    def _devices_differ(self) -> Self:
        if not self.devices or len(set(self.devices)) < len(self.devices):
            raise ValueError("device: name at least one, and each one once")
        return self

    @property
    def devices(self) -> list[str]:
        """Each of them holds a model of its own."""
        return [self.device] if isinstance(self.device, str) else self.device

    @property
    def batch(self) -> int:
        """``batch_size``."""
        return self.batch_size

    def at_once(self, processes: int) -> int:
        """One batch per device."""
        return min(processes, len(self.devices))

    def weights(self) -> dict[str, str]:
        """The pins of the model and of its components from elsewhere, by their key in the settings.

        Raises :class:`SetupError` where they cannot be told.
        """
        pins = {"revision": pin(self.model, self.revision)}
        for name, where in self.components.items():
            pins[f"components.{name}"] = "none" if where is None else _origin(where)
        return pins

    @property
    def declared(self) -> Declared | None:
        """As the block says; what is left to the pipeline's defaults is not known here."""
        if self.width is None or self.height is None or self.frames is None:
            return None
        return Declared(
            width_px=self.width, height_px=self.height, n_frames=self.frames, fps=self.fps
        )

    def fixed_settings(self) -> dict[str, SettingValue]:
        """Everything but device, batch and offloading, which change roundings only.

        Raises :class:`SetupError` where the weights cannot be told.
        """
        said: dict[str, Any] = {
            "way": WAY,
            "model": name_of(self.model),
            **self.weights(),
            "pipeline": self.pipeline,
            "variant": self.variant,
            "dtype": self.dtype if isinstance(self.dtype, str) else canonical_json(self.dtype),
            "scheduler": self.scheduler,
            "height": self.height,
            "width": self.width,
            "frames": self.frames,
            "fps": self.fps,
            "steps": self.steps,
            "negative_prompt": self.negative_prompt,
            "vae_tiling": self.vae_tiling or None,
        }
        said |= {f"scheduler_settings.{name}": v for name, v in self.scheduler_settings.items()}
        said |= {f"arguments.{name}": value for name, value in self.arguments.items()}
        return {name: value for name, value in said.items() if value is not None}

    def check(self) -> None:
        """Refuse what cannot work here. Weights of the hub are not fetched yet, only the model's index.

        Raises :class:`SetupError`.
        """
        try:
            self._check()
        except SetupError as error:
            raise SetupError(f"generator {self.name}: {error}") from error

    def _check(self) -> None:
        if importlib.util.find_spec("diffusers") is None:
            raise SetupError(
                "kind diffusers needs the package; `pip install 'videoprefer[generate]'`"
            )
        found = importlib.metadata.version("diffusers")
        if tuple(int(part) for part in found.split(".")[:2]) < SINCE:
            raise SetupError(
                f"diffusers {found} is too old, it would pass over `dtype`; "
                "`pip install -U 'videoprefer[generate]'`"
            )
        from pipeline.generators.diffusers.index import check_fits  # torch loads only here

        look_again()
        self.fixed_settings()
        check_fits(self)

    def generate(self, clips: Sequence[Clip], tools: Tools) -> Iterator[bytes | GenerationError]:
        """MP4 files. The process keeps the model that it used last, and one model only."""
        from pipeline.generators.diffusers.make import generate

        yield from generate(self, clips)


def _origin(where: str) -> str:
    model, revision = place_of(where)
    return f"{name_of(model)}@{pin(model, revision)}"
