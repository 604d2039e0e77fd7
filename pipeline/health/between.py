"""How far annotators agree with each other. It says nothing about who is right: models share faults."""

import itertools
from collections.abc import Iterator

import numpy as np

from pipeline.audit.statistics.correlation import spearman_within
from pipeline.health.interval import ratio
from pipeline.health.items import Floats, Ints, grouped
from pipeline.health.measure import Names, Row
from pipeline.health.names import ALL
from pipeline.health.rankings import Ordered
from pipeline.health.read import Scored


def agreement_rows(
    scored: Scored, ordered: Ordered, prompt_of: Ints, names: Names
) -> Iterator[Row]:
    """Rows of every two annotators, called ``a & b`` (sorted), on each dimension that both judged.

    ``judges_spearman_within_prompt``: mean over prompts of Spearman's rho of the clips' mean
    scores; ``judges_same_choice``: share of the pairs of clips on which both prefer one, over all
    of their comparisons, that they prefer the same one. ``prompt_of`` (V,) is each clip's prompt.
    """
    n_clips = len(prompt_of)
    for d in range(len(names.dimensions)):
        means = _means(scored, d, n_clips)
        for a, b in itertools.combinations(sorted(means), 2):
            row = _spearman(means[a], means[b], prompt_of, len(names.prompts))
            yield from _named(row, "judges_spearman_within_prompt", a, b, d, names)
        votes = _votes(ordered, d)
        for a, b in itertools.combinations(sorted(votes), 2):
            row = _same_choice(votes[a], votes[b], prompt_of, n_clips, len(names.prompts))
            yield from _named(row, "judges_same_choice", a, b, d, names)


def _named(row: Row | None, statistic: str, a: int, b: int, d: int, names: Names) -> list[Row]:
    if row is None:
        return []
    one, other = sorted(names.annotators.names[n] for n in (a, b))
    return [
        {
            "annotator": f"{one} & {other}",
            "statistic": statistic,
            "dimension": names.dimensions.names[d],
            "generator": ALL,
            **row,
        }
    ]


def _means(scored: Scored, dimension: int, n_clips: int) -> dict[int, Floats]:
    """Annotator -> mean score of each clip (V,), NaN where it has none."""
    own = np.flatnonzero(scored.items.dimension == dimension)
    found = {}
    for a in np.unique(scored.items.annotator[own]).tolist():
        rows = own[scored.items.annotator[own] == a]
        n = np.bincount(scored.clip[rows], minlength=n_clips)
        total = np.bincount(scored.clip[rows], weights=scored.score[rows], minlength=n_clips)
        found[a] = np.where(n > 0, total / np.maximum(n, 1), np.nan)
    return found


def _spearman(x: Floats, y: Floats, prompt_of: Ints, n_prompts: int) -> Row | None:
    both = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if not len(both):
        return None
    rho = spearman_within(x[both], y[both], prompt_of[both], n_prompts)
    defined = np.flatnonzero(np.isfinite(rho))
    found = ratio(rho[defined], np.ones(len(defined)), defined, n_prompts, share=False)
    if found.value is None:
        return None
    low, high = (
        None if end is None else min(1.0, max(-1.0, end)) for end in (found.low, found.high)
    )
    return {"value": found.value, "low": low, "high": high, "n_items": len(defined)}


def _votes(ordered: Ordered, dimension: int) -> dict[int, tuple[Ints, Ints]]:
    """Annotator -> pairs (M,) that it compared, and which clip of each it prefers in sum (M,)."""
    own = np.flatnonzero(ordered.items.dimension == dimension)
    found = {}
    for a in np.unique(ordered.items.annotator[own]).tolist():
        rows = own[ordered.items.annotator[own] == a]
        groups, first = grouped(ordered.pair[rows])
        total = np.bincount(groups, weights=ordered.sign[rows], minlength=len(first))
        found[a] = ordered.pair[rows][first], np.sign(total).astype(np.intp)
    return found


def _same_choice(
    one: tuple[Ints, Ints], other: tuple[Ints, Ints], prompt_of: Ints, n_clips: int, n_prompts: int
) -> Row | None:
    pairs, left, right = np.intersect1d(one[0], other[0], return_indices=True)
    x, y = one[1][left], other[1][right]
    both = np.flatnonzero((x != 0) & (y != 0))
    prompts = prompt_of[pairs[both] // n_clips]
    same = (x[both] == y[both]).astype(float)
    found = ratio(same, np.ones(len(both)), prompts, n_prompts, share=True)
    if found.value is None:
        return None
    return {"value": found.value, "low": found.low, "high": found.high, "n_items": len(both)}
