"""What a chart of a study is made of, in pixels."""

import dataclasses
import math
from collections.abc import Callable, Sequence

WIDTH, HEIGHT = 560, 320
LEFT, RIGHT, TOP, BOTTOM = 58, 18, 20, 46
SIDE = 14  # pixels between points of one cost

Scale = Callable[[float], float]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A line of the grid and what stands beside it."""

    at: float
    label: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A point with its interval; ``low`` and ``high`` None: it has none."""

    x: float
    y: float
    low: float | None
    high: float | None
    title: str
    number: int  # of the point in the table
    recommended: bool
    bare: bool  # not every clip was scored


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Points that differ in the axis alone."""

    label: str
    colour: int
    marks: Sequence[Mark]
    joined: bool  # whether values in between mean something

    @property
    def recommended(self) -> bool:
        """Whether the recommended point is on it."""
        return any(mark.recommended for mark in self.marks)

    @property
    def path(self) -> str:
        """For a polyline."""
        return " ".join(f"{mark.x:.1f},{mark.y:.1f}" for mark in self.marks)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One picture; ``reference`` is the height of the raters' own line."""

    title: str
    x_title: str
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    lines: Sequence[Line]
    reference: Tick | None
    where: str = (
        ""  # what all of its lines have in common, where there are several charts of an axis
    )
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    base: int = HEIGHT - BOTTOM

    @property
    def bare(self) -> bool:
        """Whether a point of it left clips out."""
        return any(mark.bare for line in self.lines for mark in line.marks)


def side_by_side(places: Sequence[float]) -> list[float]:
    """Points of one cost next to each other, around where they belong."""
    found = list(places)
    for place in set(places):
        same = [n for n, own in enumerate(places) if abs(own - place) < 1]
        for k, n in enumerate(same):
            found[n] = place + SIDE * (k - (len(same) - 1) / 2)
    return found


def scale(low: float, high: float, start: float, end: float) -> Scale:
    """A straight line from ``low`` at ``start`` to ``high`` at ``end``; the middle where they are one."""
    if high == low:
        return lambda value: (start + end) / 2
    return lambda value: start + (value - low) / (high - low) * (end - start)


def nice(low: float, high: float, wanted: int) -> list[float]:
    """Round numbers in [low, high], about so many: steps of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / wanted
    if rough <= 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]
