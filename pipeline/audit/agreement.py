"""Agreement of scores on one scale: exact, within one, kappa, alpha, ICC.

Every statistic is a function of sums over prompts (B, ...), so that the bootstrap can recompute it
from resampled sums; the functions that make the per-prompt tables stand beside it. N clips, R
raters, K levels, P prompts, B resamples. A missing rating is NaN.
"""

import numpy as np
import numpy.typing as npt

from pipeline.audit.bootstrap import Array, Statistic

LEVEL_KINDS = ("nominal", "ordinal", "interval")


def sum_by_prompt(values: Array, prompts: npt.NDArray[np.intp], n_prompts: int) -> Array:
    """Sums (P, k) of the rows of ``values`` (N, k) that have the same prompt number."""
    columns = [np.bincount(prompts, weights=c, minlength=n_prompts) for c in values.T]
    return np.stack(columns, axis=1)


def value_counts(ratings: Array, levels: Array) -> Array:
    """How many raters gave each clip each level: (N, R) scores to (N, K) counts."""
    return np.stack([(ratings == level).sum(axis=1) for level in levels], axis=1).astype(float)


def coincidences(counts: Array) -> Array:
    """Krippendorff's coincidences (N, K * K) of value counts (N, K); zero for m < 2 ratings.

    o[c, k] = counts[c] * (counts[k] - [c == k]) / (m - 1). Source: Krippendorff 2011, Computing
    Krippendorff's alpha-reliability, part D.
    """
    m = counts.sum(axis=1)
    own = np.eye(counts.shape[1])
    products = counts[:, :, None] * (counts[:, None, :] - own)
    weight = np.where(m >= 2, 1 / np.maximum(m - 1, 1), 0.0)
    return np.asarray((products * weight[:, None, None]).reshape(len(counts), counts.shape[1] ** 2))


def krippendorff_alpha(sums: Array, levels: Array, kind: str = "ordinal") -> Array:
    """Alpha (B,) of summed coincidences (B, K * K), ``levels`` (K,) in scale order.

    alpha = 1 - sum(o * d2) / sum(e * d2), e[c, k] = n_c (n_k - [c == k]) / (n - 1). The squared
    distance d2 is [c != k] for ``nominal``, (c - k)^2 for ``interval``, and for ``ordinal``
    (n_c / 2 + n between c and k + n_k / 2)^2 with the marginals n of the same sums, so that each
    resample has its own. NaN where all values are one and the same: nothing was expected to differ.

    Source: Krippendorff 2011, parts D and F.
    """
    k = len(levels)
    o = sums.reshape(-1, k, k)
    n_c = o.sum(axis=2)
    n = n_c.sum(axis=1)
    if kind == "nominal":
        d2 = np.broadcast_to(1 - np.eye(k), o.shape)
    elif kind == "ordinal":
        middle = np.cumsum(n_c, axis=1) - n_c / 2
        d2 = (middle[:, :, None] - middle[:, None, :]) ** 2
    elif kind == "interval":
        d2 = np.broadcast_to((levels[:, None] - levels[None, :]) ** 2, o.shape)
    else:
        raise ValueError(f"kind: expected one of {', '.join(LEVEL_KINDS)}, got {kind!r}")
    observed = (o * d2).sum(axis=(1, 2))
    expected = (n_c[:, :, None] * n_c[:, None, :] * d2).sum(axis=(1, 2)) / np.maximum(n - 1, 1)
    return _one_minus_ratio(observed, expected)


def agreeing_pairs(counts: Array, levels: Array) -> Array:
    """Pairs of ratings (N, 3) within each clip: equal, at most one apart, all.

    For value counts (N, K). Every pair of two raters of one clip counts once.
    """
    close = np.abs(levels[:, None] - levels[None, :]) <= 1
    pairs = counts[:, :, None] * (counts[:, None, :] - np.eye(len(levels))) / 2
    equal = np.trace(pairs, axis1=1, axis2=2)
    return np.stack([equal, (pairs * close).sum((1, 2)), pairs.sum((1, 2))], axis=1)


def agreeing_with_judge(judge: Array, ratings: Array) -> Array:
    """Pairs (N, 3) of the judge's score with each rating of the clip: equal, within one, all."""
    gap = np.abs(judge[:, None] - ratings)  # NaN where a rating is missing: compares false
    return np.stack([(gap == 0).sum(1), (gap <= 1).sum(1), (~np.isnan(gap)).sum(1)], 1).astype(
        float
    )


def ratio(column: int, total: int) -> Statistic:
    """The statistic ``sums[:, column] / sums[:, total]``, NaN where the total is zero."""

    def of_sums(sums: Array) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(sums[:, column] / sums[:, total])

    return of_sums


def contingency(one: Array, other: Array, levels: Array) -> Array:
    """One cell per clip (N, K * K): row level of ``one``, column level of ``other``.

    All zero where either is missing or not one of the levels.
    """
    rows = (one[:, None] == levels).astype(float)
    columns = (other[:, None] == levels).astype(float)
    return np.asarray((rows[:, :, None] * columns[:, None, :]).reshape(len(one), len(levels) ** 2))


def cohen_kappa_quadratic(sums: Array, levels: Array) -> Array:
    """Quadratically weighted kappa (B,) of summed contingency tables (B, K * K).

    kappa = 1 - sum(w * o) / sum(w * e), w = (c - k)^2, e = row sum * column sum / n. ``levels``
    (K,) are all categories of the scale, used or not: weights rescaled to the observed ones give
    another number. NaN without clips, or where both use one and the same category throughout.

    Source: Cohen 1968, Psychological Bulletin 70(4).
    """
    k = len(levels)
    o = sums.reshape(-1, k, k)
    w = (levels[:, None] - levels[None, :]) ** 2
    n = o.sum(axis=(1, 2))
    e = o.sum(axis=2)[:, :, None] * o.sum(axis=1)[:, None, :]
    return _one_minus_ratio((o * w).sum(axis=(1, 2)) * n, (e * w).sum(axis=(1, 2)))


def icc_table(ratings: Array) -> Array:
    """Sufficient statistics (N, R + 3) of ICC: is complete, scores, their squares, squared row sum.

    Rows with a missing rating are all zero: the formula needs complete rows. Scores are centred on
    the mean of the complete rows, which changes nothing but the rounding error.
    """
    complete = np.asarray(~np.isnan(ratings).any(axis=1))
    x = np.where(complete[:, None], ratings, 0.0)
    if complete.any():
        x = np.where(complete[:, None], x - x[complete].mean(), 0.0)
    return np.column_stack([complete, x, (x**2).sum(axis=1), x.sum(axis=1) ** 2])


def icc_2_1(sums: Array) -> Array:
    """ICC(2,1) (B,), absolute agreement of single raters, from sums (B, R + 3) of icc_table.

    (MSR - MSE) / (MSR + (k - 1) MSE + k (MSC - MSE) / n) for n clips, k raters and the mean squares
    of clips R, raters C and error E of the two-way analysis of variance. NaN for fewer than two
    complete clips or two raters, and where all scores are equal.

    Source: Shrout and Fleiss 1979, Psychological Bulletin 86(2).
    """
    n, columns, squares, row_squares = sums[:, 0], sums[:, 1:-2], sums[:, -2], sums[:, -1]
    k = columns.shape[1]
    if k < 2:
        return np.full(len(sums), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        correction = columns.sum(axis=1) ** 2 / (n * k)
        clips = row_squares / k - correction
        raters = (columns**2).sum(axis=1) / n - correction
        error = squares - correction - clips - raters
        msr, msc, mse = clips / (n - 1), raters / (k - 1), error / ((n - 1) * (k - 1))
        whole = msr + (k - 1) * mse + k * (msc - mse) / n
        return np.where((n >= 2) & (whole > 1e-12), (msr - mse) / whole, np.nan)


def _one_minus_ratio(observed: Array, expected: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(expected > 0, 1 - observed / expected, np.nan)
