"""Intraclass correlation of raters who all rated the same clips: two-way, random, absolute agreement.

Shapes as in `agreement`. Source: Shrout and Fleiss 1979, Psychological Bulletin 86(2).
"""

import numpy as np

from pipeline.audit.statistics.bootstrap import Array

_FLAT = 1e-12  # a variance no larger is rounding error


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
    """
    n, k = sums[:, 0], sums.shape[1] - 3
    msr, msc, mse = _mean_squares(sums)
    with np.errstate(invalid="ignore", divide="ignore"):
        whole = msr + (k - 1) * mse + k * (msc - mse) / n
        return np.where((n >= 2) & (whole > _FLAT), (msr - mse) / whole, np.nan)


def icc_2_k(sums: Array) -> Array:
    """ICC(2,k) (B,), absolute agreement of the mean of all k raters; as :func:`icc_2_1`.

    (MSR - MSE) / (MSR + (MSC - MSE) / n). NaN also where the denominator is not positive, which raters
    who contradict each other can bring about.
    """
    n = sums[:, 0]
    msr, msc, mse = _mean_squares(sums)
    with np.errstate(invalid="ignore", divide="ignore"):
        whole = msr + (msc - mse) / n
        return np.where((n >= 2) & (whole > _FLAT), (msr - mse) / whole, np.nan)


def _mean_squares(sums: Array) -> tuple[Array, Array, Array]:
    """Of clips, raters and error (B,); NaN for a single rater."""
    n, columns, squares, row_squares = sums[:, 0], sums[:, 1:-2], sums[:, -2], sums[:, -1]
    k = columns.shape[1]
    if k < 2:
        return (np.full(len(sums), np.nan),) * 3
    with np.errstate(invalid="ignore", divide="ignore"):
        correction = columns.sum(axis=1) ** 2 / (n * k)
        clips = row_squares / k - correction
        raters = (columns**2).sum(axis=1) / n - correction
        error = squares - correction - clips - raters
        return clips / (n - 1), raters / (k - 1), error / ((n - 1) * (k - 1))
