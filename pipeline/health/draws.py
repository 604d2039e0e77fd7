"""Figures of repeated draws: do they differ at all, and by how much."""

from collections.abc import Iterator

import numpy as np

from pipeline.health.items import Bools, Floats, Ints, Items, grouped, join
from pipeline.health.measure import Measure
from pipeline.health.rankings import Compared
from pipeline.health.read import Scored


def draw_measures(scored: Scored, compared: Compared) -> Iterator[Measure]:
    """Share of distinct draws, spread of scores, and how often a repeated comparison flips.

    Only items with at least two usable draws count: one clip on one dimension, or the same clips
    in the same order.
    """
    yield distinct("distinct_draws", *_sayings(scored, compared))
    items, groups, first = _items_of(scored)
    yield _spread(items.take(first), groups, scored.score)
    yield _flips(compared)


def _items_of(scored: Scored) -> tuple[Items, Ints, Ints]:
    items = scored.items
    groups, first = grouped(scored.clip, items.dimension, items.annotator)
    return items, groups, first


def _sayings(scored: Scored, compared: Compared) -> tuple[Items, Ints, Ints]:
    """Items of both protocols: (items (M,), group (N,) of each draw, number (N,) of what it said)."""
    items, groups, first = _items_of(scored)
    own = compared.items
    others, first_of = grouped(compared.shown, own.dimension, own.annotator)
    both = join([items.take(first), own.take(first_of)])
    said = np.concatenate([scored.said, compared.said])
    return both, np.concatenate([groups, others + len(first)]), said


def distinct(statistic: str, items: Items, groups: Ints, said: Ints) -> Measure:
    """Distinct sayings over draws, of items (M,) with several draws; ``groups``, ``said`` (N,)."""
    draws = np.bincount(groups, minlength=len(items)).astype(float)
    _, one_of_each = grouped(said, groups)
    counts = np.bincount(groups[one_of_each], minlength=len(items)).astype(float)
    several = np.flatnonzero(draws > 1)
    return Measure(
        statistic=statistic,
        items=items.take(several),
        top=counts[several],
        bottom=draws[several],
    )


def _spread(items: Items, groups: Ints, score: Floats) -> Measure:
    """Mean over items of the sample standard deviation (n - 1) of the scores of its draws."""
    n = np.bincount(groups, minlength=len(items)).astype(float)
    mean = np.bincount(groups, weights=score, minlength=len(items)) / np.maximum(n, 1)
    squares = np.bincount(groups, weights=(score - mean[groups]) ** 2, minlength=len(items))
    several = np.flatnonzero(n > 1)
    return Measure(
        statistic="spread",
        items=items.take(several),
        top=np.sqrt(squares[several] / (n[several] - 1)),
        bottom=np.ones(len(several)),
        share=False,
    )


def _flips(compared: Compared) -> Measure:
    """Share of pairs of draws, same clips in the same order, that prefer different clips.

    Over all pairs of an item's draws, so that its value does not depend on how many there are. Shi
    et al. 2024 (arXiv:2406.07791) report repetition stability, the share of the commonest verdict.
    """
    items = compared.items
    groups, first = grouped(compared.shown, items.dimension, items.annotator)
    outcomes, of = grouped(compared.best, groups)
    alike = np.bincount(outcomes, minlength=len(of)).astype(float)
    same = np.bincount(groups[of], weights=alike * (alike - 1) / 2, minlength=len(first))
    n = np.bincount(groups, minlength=len(first)).astype(float)
    pairs = n * (n - 1) / 2
    several = np.flatnonzero(pairs > 0)
    return Measure(
        statistic="repeat_flip_rate",
        items=items.take(first[several]),
        top=(pairs - same)[several],
        bottom=pairs[several],
    )


def copies(scored: Scored, compared: Compared) -> Measure:
    """Share of items with several draws, all with a rationale, whose draws are word for word one."""
    items, groups, said = _sayings(scored, compared)
    worded: Bools = np.concatenate([scored.worded, compared.worded])
    silent = np.bincount(groups, weights=~worded, minlength=len(items)) > 0
    found = distinct("copies", items, groups, said)
    several = np.flatnonzero(np.bincount(groups, minlength=len(items)) > 1)
    spoken = np.flatnonzero(~silent[several])
    return Measure(
        statistic="copies",
        items=found.items.take(spoken),
        top=(found.top[spoken] == 1).astype(float),
        bottom=np.ones(len(spoken)),
    )
