"""Kappas: Cohen's of two raters, plain and weighted, and Fleiss' of several.

Categories are fixed by the scale, used or not: weights rescaled to the observed ones give another
number. Shapes as in `agreement`.
"""

import numpy as np

from pipeline.audit.statistics.agreement import one_minus_ratio
from pipeline.audit.statistics.bootstrap import Array

WEIGHTS = ("unweighted", "linear", "quadratic")

_FLAT = 1e-12  # rounding error of a share


def disagreement(levels: Array, weights: str) -> Array:
    """Weights of disagreement w (K, K): [c != k], |c - k| or (c - k)^2."""
    gap = np.abs(levels[:, None] - levels[None, :])
    if weights == "unweighted":
        return (gap > 0).astype(float)
    if weights in ("linear", "quadratic"):
        return np.asarray(gap if weights == "linear" else gap**2)
    raise ValueError(f"weights: expected one of {', '.join(WEIGHTS)}, got {weights!r}")


def kappa_table(one: Array, other: Array, levels: Array) -> Array:
    """Sufficient statistics (N, 3 + 2 K) of Cohen's kappas of two raters' scores (N,).

    Disagreement by each of the ``WEIGHTS``; the level of ``one``; the level of ``other``. All zero
    where either is missing or not one of the levels.
    """
    rows, columns = one[:, None] == levels, other[:, None] == levels
    both = rows.any(axis=1) & columns.any(axis=1)
    gap = np.where(both, np.abs(one - other), 0.0)
    table = np.column_stack([gap > 0, gap, gap**2, rows, columns])
    return np.where(both[:, None], table, 0.0)


def cohen_kappas(sums: Array, levels: Array) -> Array:
    """Cohen's kappa (B, 3), one for each of the ``WEIGHTS``, of sums (B, 3 + 2 K) of kappa_table.

    kappa = 1 - sum(w * o) / sum(w * e), e = row sum * column sum / n. ``levels`` (K,) are all
    categories of the scale. NaN without clips, or where both raters use one and the same category
    throughout; 0 where only one of them is constant, which is what chance gives.

    Sources: Cohen 1960, Educational and Psychological Measurement 20(1); weighted, Cohen 1968,
    Psychological Bulletin 70(4).
    """
    k = len(levels)
    rows, columns = sums[:, 3 : 3 + k], sums[:, 3 + k :]
    n = rows.sum(axis=1)
    kappas = []
    for i, weights in enumerate(WEIGHTS):
        expected = ((rows @ disagreement(levels, weights)) * columns).sum(axis=1)
        kappas.append(one_minus_ratio(sums[:, i] * n, expected))
    return np.stack(kappas, axis=1)


def fleiss_table(counts: Array) -> Array:
    """Sufficient statistics (N, K + 2) of Fleiss' kappa from value counts (N, K).

    One, the share of the clip's pairs of ratings that are equal, and the share of its ratings at each
    level. All zero for a clip with fewer than two ratings: it is left out.
    """
    m = counts.sum(axis=1, keepdims=True)
    used = m >= 2
    pairs = np.maximum(m * (m - 1), 1)
    equal = ((counts**2).sum(axis=1, keepdims=True) - m) / pairs
    table = np.column_stack([np.ones(len(counts)), equal, counts / np.maximum(m, 1)])
    return np.where(used, table, 0.0)


def fleiss_kappa(sums: Array) -> Array:
    """Fleiss' kappa (B,) of sums (B, K + 2) of :func:`fleiss_table`: levels without order.

    (A - E) / (1 - E), A the mean over clips of the share of equal pairs of ratings, E the sum of
    squared mean shares of the levels. With equally many ratings of every clip that is Fleiss'
    definition. With unequal numbers every clip weighs the same, in A and in E: Gwet's extension, but
    that clips with one rating are left out of E too. NaN without a clip with two ratings, or where
    all ratings are equal.

    Sources: Fleiss 1971, Psychological Bulletin 76(5); Gwet 2014, Handbook of Inter-Rater
    Reliability, chapter 2.
    """
    n = sums[:, :1]
    with np.errstate(invalid="ignore", divide="ignore"):
        agreed, levels = (sums[:, 1:2] / n)[:, 0], sums[:, 2:] / n
    chance = 1 - (levels**2).sum(axis=1)  # E's complement
    return one_minus_ratio(1 - agreed, np.where(chance > _FLAT, chance, 0.0))
