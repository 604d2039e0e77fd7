"""Frame numbers and times: which frames are taken, and when they are shown."""

import dataclasses
import itertools
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

TIME_DIGITS = 6  # microseconds: finer than any container's clock ticks


def uniform(n: int, count: int) -> tuple[int, ...]:
    """``round(linspace(0, n - 1, count))`` without repeats: 0-based, ascending frame numbers.

    Holds min(n, count) numbers: neighbours lie more than 1 apart unless n <= count, and then every
    frame is hit. The rule is the usual one of video reward models' data code (VideoScore,
    Qwen-VL's loaders); numpy rounds halves to even.
    """
    return tuple(int(i) for i in np.unique(np.round(np.linspace(0, n - 1, count)).astype(np.int64)))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The presentation times of every frame of a clip.

    ``pts`` are clock ticks of ``tick_s`` seconds, one per frame, None where a frame has none;
    ``last_ticks`` is how long the last frame is shown, None where the file does not say.
    """

    pts: Sequence[int | None]
    tick_s: Fraction
    last_ticks: int | None = None

    def _ticks(self) -> list[int] | None:
        """Ticks since the first frame; None unless every frame has its own, later than the last."""
        known = [p for p in self.pts if p is not None]
        if len(known) < len(self.pts) or any(a >= b for a, b in itertools.pairwise(known)):
            return None
        return [p - known[0] for p in known]

    def times_s(self, indices: Sequence[int]) -> tuple[float | None, ...]:
        """Seconds since the first frame for the given frame numbers."""
        ticks = self._ticks()
        if ticks is None:
            return (None,) * len(indices)
        return tuple(round(float(ticks[i] * self.tick_s), TIME_DIGITS) for i in indices)

    @property
    def fps(self) -> float | None:
        """Mean frames per second between the first and the last frame; None for one frame."""
        ticks = self._ticks()
        if ticks is None or len(ticks) < 2:
            return None
        return round(float((len(ticks) - 1) / (ticks[-1] * self.tick_s)), TIME_DIGITS)

    @property
    def duration_s(self) -> float | None:
        """Seconds from the first frame to the end of the last, None if the file does not say."""
        ticks = self._ticks()
        if ticks is None or not self.last_ticks:
            return None
        return round(float((ticks[-1] + self.last_ticks) * self.tick_s), TIME_DIGITS)


def no_times(n: int) -> Timeline:
    """The timeline of a file that gives its frames no time (a GIF whose delays are zero)."""
    return Timeline(pts=(None,) * n, tick_s=Fraction(1))
