"""What is needed to build the network that a set of weights belongs to. Free of torch."""

import json
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from pipeline.videorm.options import Arm, Fit, HeadOptions, ReadoutOptions
from schemas.options import Options, SetupError

FORMAT: Final = 1  # of a saved VideoRM; a folder of a later one is refused
KINDS = ("clip", "siglip")  # of towers, by transformers' names
FILES = ("config.json", "model.safetensors", "tokenizer.json")  # a saved VideoRM


# rewards closer than this are equal: 32-bit sums in another order differ by up to 8e-6 (measured)
MODEL_TIE = 1e-5


class ShiftConfig(Options):
    """Which blocks of the image tower see their neighbours' channels."""

    fraction: float = Field(ge=0, le=0.5)
    placement: Literal["branch", "input"]
    blocks: tuple[int, ...]  # from 0; none: no shift


class VideoRMConfig(Options):
    """config.json of a saved VideoRM."""

    videorm: Literal[1] = FORMAT  # version of this format
    arm: Arm
    dimensions: tuple[str, ...] = Field(min_length=1)
    frames: int = Field(
        ge=1
    )  # that it was trained on, at most; longer clips are thinned out evenly
    fit: Fit
    shift: ShiftConfig
    temporal: bool  # false: the head sees every frame by itself
    head: HeadOptions
    readout: ReadoutOptions
    towers: dict[str, Any]  # transformers' CLIPConfig or SiglipConfig
    trunk: str | None = None  # where the towers came from; None: random weights
    trunk_sha256: str | None = None  # of the towers' weights as they were loaded
    # top blocks of the image tower that learned; None: both towers did, wholly
    train_blocks: int | None = Field(default=None, ge=0)
    saved: Literal["all", "trained"] = "all"  # trained: towers are loaded from `trunk` and checked
    overall: dict[str, float] = Field(
        default_factory=dict
    )  # weight of each dimension's reward in `overall`; empty: equal
    loss: str = "rao_kupper"
    # by dimension: rewards closer than this are more likely tied
    log_k: dict[str, float] = Field(default_factory=dict)
    scale: tuple[float, float] | None = None  # of a regression: rewards are scores on it

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.dimensions)) != len(self.dimensions):
            raise ValueError("dimensions: one stands there twice")
        if self.overall and set(self.overall) != set(self.dimensions):
            raise ValueError(
                f"overall: weights of {', '.join(self.overall)} for dimensions "
                f"{', '.join(self.dimensions)}; one for each is needed"
            )
        if self.overall and (min(self.overall.values()) < 0 or not sum(self.overall.values()) > 0):
            raise ValueError("overall: weights are at least 0, one of them more")
        kind = self.towers.get("model_type")
        vision = self.towers.get("vision_config")
        if kind not in KINDS or not isinstance(vision, dict) or "image_size" not in vision:
            raise ValueError(f"towers: no configuration of {' or '.join(KINDS)}")
        if self.saved == "trained" and not (self.trunk and self.trunk_sha256):
            raise ValueError("saved: without its frozen weights it needs trunk and trunk_sha256")
        return self

    @property
    def image_size(self) -> int:
        """Height and width of a frame in pixels."""
        return int(self.towers["vision_config"]["image_size"])

    def write(self, folder: Path) -> None:
        """Write config.json; it appears whole or not at all."""
        text = json.dumps(self.model_dump(mode="json"), indent=2, sort_keys=True)
        part = folder / "config.json.part"
        part.write_text(text + "\n")
        part.replace(folder / "config.json")


def read_config(folder: Path) -> VideoRMConfig:
    """config.json of a folder that ``train`` wrote. Raises :class:`SetupError` where it is none."""
    for name in FILES:
        if not (folder / name).is_file():
            raise SetupError(f"{folder / name}: not found; name the folder of a trained VideoRM")
    path = folder / "config.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SetupError(f"{path}: not valid JSON ({error}); train the model anew") from error
    version = values.get("videorm") if isinstance(values, dict) else None
    if version is None:
        raise SetupError(f"{path}: of another model; name a folder that `videoprefer train` wrote")
    if version != FORMAT:
        raise SetupError(
            f"{path}: format {version!r}, but this version reads {FORMAT}; take the version of "
            "videoprefer that wrote it, or train the model anew"
        )
    try:
        return VideoRMConfig(**values)
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"]))
        what = f"{place}: {fault['msg']}" if place else fault["msg"]
        raise SetupError(f"{path}: {what}; train the model anew") from None
