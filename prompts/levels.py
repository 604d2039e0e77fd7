"""Scales as a template shows them: ascending, or with their levels in an order drawn by hash."""

import dataclasses
from collections.abc import Sequence

from schemas import Dimension, Rubric, ScalePoint
from schemas.ids import hash_fraction


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ShownDimension:
    """A dimension whose levels stand in another order; ``Dimension`` itself is always ascending."""

    name: str
    question: str
    scale: tuple[ScalePoint, ...]
    low: int
    high: int


def shown_dimensions(rubric: Rubric, order_key: str | None) -> Sequence[Dimension | ShownDimension]:
    """The dimensions of a rubric; None: as they are.

    Else every level has a number drawn by hash of the rubric, the key, the dimension and the level,
    and the levels stand in the order of these numbers: each order is as likely as any other, and
    the same on every machine.
    """
    if order_key is None:
        return rubric.dimensions
    return [_shuffled(dimension, rubric.sha256, order_key) for dimension in rubric.dimensions]


def _shuffled(dimension: Dimension, sha256: str, order_key: str) -> ShownDimension:
    def drawn(level: ScalePoint) -> float:
        return hash_fraction(sha256, order_key, dimension.name, str(level.score))

    return ShownDimension(
        name=dimension.name,
        question=dimension.question,
        scale=tuple(sorted(dimension.scale, key=drawn)),
        low=dimension.low,
        high=dimension.high,
    )
