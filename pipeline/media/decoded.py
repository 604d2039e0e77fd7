"""What every decoder gives back."""

import dataclasses
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from pipeline.media.timeline import Timeline

Rgb = npt.NDArray[np.uint8]  # (height, width, 3), as shown: rotation applied
Taken = TypeVar("Taken")
Take = Callable[[Rgb], Taken]  # what becomes of a wanted frame, at once: no frame is held
Choose = Callable[[int], tuple[int, ...]]  # number of frames in the clip -> frame numbers wanted


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Decoded(Generic[Taken]):
    """The wanted frames of a clip. ``lost``: packets or frames that no decoder could read."""

    decoder: str
    indices: tuple[int, ...]
    taken: tuple[Taken, ...]
    timeline: Timeline
    width_px: int
    height_px: int
    lost: int = 0


class Disagreement(Exception):
    """This way of decoding does not suit the file; another may."""
