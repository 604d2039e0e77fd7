"""What is needed to build the network that a set of weights belongs to. Free of torch."""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from pipeline.videorm.options import Arm, Fit, HeadOptions, ReadoutOptions
from schemas.options import Options, SetupError

FILES = ("config.json", "model.safetensors", "tokenizer.json")  # a saved VideoRM


class ShiftConfig(Options):
    """Which blocks of the image tower see their neighbours' channels."""

    fraction: float
    placement: Literal["branch", "input"]
    blocks: tuple[int, ...]  # from 0; none: no shift


class VideoRMConfig(Options):
    """config.json of a saved VideoRM."""

    videorm: Literal[1] = 1  # version of this format
    arm: Arm
    dimensions: tuple[str, ...]
    frames: int  # that it was trained on, at most; longer clips are thinned out evenly
    fit: Fit
    shift: ShiftConfig
    temporal: bool  # false: the head sees every frame by itself
    head: HeadOptions
    readout: ReadoutOptions
    towers: dict[str, Any]  # transformers' CLIPConfig or SiglipConfig
    trunk: str | None = None  # where the towers came from; None: random weights
    trunk_sha256: str | None = None  # of the towers' weights as they were loaded
    saved: Literal["all", "trained"] = "all"  # trained: towers are loaded from `trunk` and checked
    overall: dict[str, float] = Field(
        default_factory=dict
    )  # weight of each dimension's reward in `overall`
    loss: str = "rao_kupper"
    # by dimension: rewards closer than this are more likely tied
    log_k: dict[str, float] = Field(default_factory=dict)
    scale: tuple[float, float] | None = None  # of a regression: rewards are scores on it

    @property
    def image_size(self) -> int:
        """Height and width of a frame in pixels."""
        return int(self.towers["vision_config"]["image_size"])

    def write(self, folder: Path) -> None:
        """Write config.json."""
        text = json.dumps(self.model_dump(mode="json"), indent=2, sort_keys=True)
        (folder / "config.json").write_text(text + "\n")


def read_config(folder: Path) -> VideoRMConfig:
    """config.json of a folder that ``train`` wrote. Raises :class:`SetupError` where it is none."""
    path = folder / "config.json"
    for name in FILES:
        if not (folder / name).is_file():
            raise SetupError(f"{folder / name}: not found; name the folder of a trained VideoRM")
    try:
        values = json.loads(path.read_text())
        if not isinstance(values, dict) or "videorm" not in values:
            raise SetupError(
                f"{path}: of another model; name a folder that `videoprefer train` wrote"
            )
        return VideoRMConfig(**values)
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"]))
        raise SetupError(f"{path}: {place}: {fault['msg']}; train the model anew") from None
    except ValueError as error:
        if isinstance(error, SetupError):
            raise
        raise SetupError(f"{path}: not valid JSON ({error}); train the model anew") from error
