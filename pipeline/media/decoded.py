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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FrameList:
    """What is known of a clip's frames before they are chosen from.

    ``timeline`` has one entry per frame; its times may be None (a file without times, or a decoder
    that has not met them yet). ``keys``: numbers of the keyframes, None where the decoder cannot tell.
    """

    timeline: Timeline
    keys: tuple[int, ...] | None

    @property
    def n(self) -> int:
        """How many frames there are."""
        return len(self.timeline.pts)


# frames of the clip -> 0-based frame numbers wanted, distinct and ascending. Raises MediaError where
# the policy needs what the file does not have.
Choose = Callable[[FrameList], tuple[int, ...]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Decoded(Generic[Taken]):
    """The wanted frames of a clip. ``lost``: packets or frames that no decoder could read.

    ``notes``: what a person should know of the picture (:mod:`pipeline.media.decoders.suits`).
    """

    decoder: str
    indices: tuple[int, ...]
    taken: tuple[Taken, ...]
    timeline: Timeline
    width_px: int
    height_px: int
    lost: int = 0
    notes: tuple[str, ...] = ()


class Disagreement(Exception):
    """This way of decoding does not suit the file; another may."""


class Unsuited(Disagreement):
    """This decoder is known to be wrong on ``what``, or cannot tell whether it is: use ``instead``."""

    def __init__(self, what: str, instead: str) -> None:
        super().__init__(what)
        self.instead = instead
