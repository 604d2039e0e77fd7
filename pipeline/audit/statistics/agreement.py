"""Agreement of scores on one scale: what every statistic of it starts from, and shares of pairs.

Every statistic is a function of sums over prompts (B, ...), so that the bootstrap can recompute it
from resampled sums; the functions that make the per-prompt tables stand beside it. N clips, R
raters, K levels, P prompts, B resamples. A missing rating is NaN. Chance-corrected agreement has
its own modules: `alpha`, `kappa`, `icc`.
"""

import numpy as np
import numpy.typing as npt

from pipeline.audit.statistics.bootstrap import Array, Statistic


def sum_by_prompt(values: Array, prompts: npt.NDArray[np.intp], n_prompts: int) -> Array:
    """Sums (P, k) of the rows of ``values`` (N, k) that have the same prompt number."""
    columns = [np.bincount(prompts, weights=c, minlength=n_prompts) for c in values.T]
    return np.stack(columns, axis=1)


def value_counts(ratings: Array, levels: Array) -> Array:
    """How many raters gave each clip each level: (N, R) scores to (N, K) counts."""
    return np.stack([(ratings == level).sum(axis=1) for level in levels], axis=1).astype(float)


def agreeing_pairs(counts: Array, levels: Array) -> Array:
    """Pairs of ratings (N, 3) within each clip: equal, at most one apart, all.

    For value counts (N, K). Every pair of two raters of one clip counts once; a clip with fewer
    than two ratings has none.
    """
    close = (np.abs(levels[:, None] - levels[None, :]) <= 1).astype(float)
    m, squares = counts.sum(axis=1), (counts**2).sum(axis=1)
    near = ((counts @ close) * counts).sum(axis=1)
    return np.stack([(squares - m) / 2, (near - m) / 2, m * (m - 1) / 2], axis=1)


def agreeing_with_judge(judge: Array, ratings: Array) -> Array:
    """Pairs (N, 3) of the judge's score with each rating of the clip: equal, within one, all."""
    gap = np.abs(judge[:, None] - ratings)  # NaN where a rating is missing: compares false
    return np.stack([(gap == 0).sum(1), (gap <= 1).sum(1), (~np.isnan(gap)).sum(1)], 1).astype(
        float
    )


def confusion(judge: Array, ratings: Array, levels: Array) -> Array:
    """Score pairs (N, K * K + 1) of each clip, and how many there are.

    One cell for each rater's level (row) and the judge's level (column), rows after one another; the
    last column counts all of the clip's pairs. A judge or rating off the levels is in no cell.
    """
    theirs = value_counts(ratings, levels)
    own = (judge[:, None] == levels).astype(float)
    cells = (theirs[:, :, None] * own[:, None, :]).reshape(len(judge), len(levels) ** 2)
    return np.column_stack([cells, cells.sum(axis=1)])


def ratio(column: int, total: int) -> Statistic:
    """The statistic ``sums[:, column] / sums[:, total]``, NaN where the total is zero."""

    def of_sums(sums: Array) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(sums[:, column] / sums[:, total])

    return of_sums


def shares(sums: Array) -> Array:
    """All columns but the last as shares of the last, (B, k + 1) to (B, k); NaN where it is zero."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[:, :-1] / sums[:, -1:])


def one_minus_ratio(observed: Array, expected: Array) -> Array:
    """1 - observed / expected disagreement; NaN where none was expected."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(expected > 0, 1 - observed / expected, np.nan)
