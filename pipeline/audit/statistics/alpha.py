"""Krippendorff's alpha of any number of raters, ratings missing or not.

Undefined (NaN) in every form: no clip with two ratings (so also a single rater), and all ratings
equal, since then nothing was expected to differ. A clip with a single rating changes nothing. Shapes
as in `agreement`. Source of all: Krippendorff 2011, Computing Krippendorff's alpha-reliability,
parts D and F.
"""

import numpy as np
import numpy.typing as npt
from scipy import sparse

from pipeline.audit.statistics.agreement import one_minus_ratio, value_counts
from pipeline.audit.statistics.bootstrap import Array, Table
from pipeline.audit.statistics.patterns import sum_of_patterns

LEVEL_KINDS = ("nominal", "ordinal", "interval")

_FEW = 16  # levels up to which a table of all of their pairs is small and mostly full
_FLAT = 1e-12  # share of the squared scores: a spread no larger is rounding error


def coincidences(counts: Array) -> Array:
    """Krippendorff's coincidences (N, K * K) of value counts (N, K); zero for m < 2 ratings.

    o[c, k] = counts[c] * (counts[k] - [c == k]) / (m - 1).
    """
    m = counts.sum(axis=1)
    own = np.eye(counts.shape[1])
    products = counts[:, :, None] * (counts[:, None, :] - own)
    weight = np.where(m >= 2, 1 / np.maximum(m - 1, 1), 0.0)
    return np.asarray((products * weight[:, None, None]).reshape(len(counts), counts.shape[1] ** 2))


def coincidence_table(
    ratings: Array, levels: Array, prompts: npt.NDArray[np.intp], n_prompts: int
) -> Table:
    """Sums (P, K * K) per prompt of the :func:`coincidences` of ratings (N, R).

    A sparse array where there are many levels: few of their pairs ever meet on a clip. Ratings that
    are none of the ``levels`` count as missing.
    """
    k = len(levels)
    if k <= _FEW:
        return sum_of_patterns(
            lambda rows: coincidences(value_counts(rows, levels)),
            ratings,
            levels,
            prompts,
            n_prompts,
        )
    rated = np.sort(
        np.where(np.isin(ratings, levels), ratings, np.nan), axis=1
    )  # missing ones last
    codes, m = np.searchsorted(levels, rated), (~np.isnan(rated)).sum(axis=1)
    table = sparse.csr_array((n_prompts, k * k))
    for j in range(1, m.max(initial=0)):
        clips = np.flatnonzero(m > j)
        one, other = codes[clips, :j], codes[clips, j : j + 1]
        cells = np.concatenate([one * k + other, other * k + one], axis=1)
        rows = np.broadcast_to(prompts[clips, None], cells.shape)
        weight = np.broadcast_to(1 / (m[clips, None] - 1), cells.shape)
        at = rows.ravel(), cells.ravel()
        table += sparse.csr_array((weight.ravel(), at), shape=table.shape)
    return table


def krippendorff_alpha(sums: Array, levels: Array, kind: str = "ordinal") -> Array:
    """Alpha (B,) of summed coincidences (B, K * K), ``levels`` (K,) in scale order.

    alpha = 1 - sum(o * d2) / sum(e * d2), e[c, k] = n_c (n_k - [c == k]) / (n - 1). The squared
    distance d2 is [c != k] for ``nominal``, (c - k)^2 for ``interval``, and for ``ordinal``
    (n_c / 2 + n between c and k + n_k / 2)^2 with the marginals n of the same sums, so that each
    resample has its own. ``value`` s of a level: itself, or its midrank; then sum(o * (s_c - s_k)^2)
    is 2 (sum n_c s_c^2 - s o s), which needs no table of distances for each resample.
    """
    k = len(levels)
    o = sums.reshape(-1, k, k)
    n_c = o.sum(axis=2)
    n = n_c.sum(axis=1)
    if kind == "nominal":
        observed = n - np.trace(o, axis1=1, axis2=2)
        expected = n**2 - (n_c**2).sum(axis=1)
    else:
        s = _values(n_c, levels, kind)
        squares = (n_c * s**2).sum(axis=1)
        crossed = ((o @ s[:, :, None])[:, :, 0] * s).sum(axis=1)
        observed = squares - crossed
        expected = n * squares - (n_c * s).sum(axis=1) ** 2
    several = (n_c > 0).sum(axis=1) > 1  # decided on counts, free of rounding
    return one_minus_ratio(observed * (n - 1), np.where(several, expected, 0.0))


def _values(n_c: Array, levels: Array, kind: str) -> Array:
    if kind == "ordinal":
        return np.asarray(np.cumsum(n_c, axis=1) - (n_c + n_c.sum(axis=1, keepdims=True)) / 2)
    if kind == "interval":
        return np.broadcast_to(levels - levels.mean(), n_c.shape)
    raise ValueError(f"kind: expected one of {', '.join(LEVEL_KINDS)}, got {kind!r}")


def interval_table(ratings: Array) -> Array:
    """Sufficient statistics (N, 4) of interval alpha for scores (N, R) of any number of values.

    Ratings m, their sum, their squares, and (m sum x^2 - (sum x)^2) / (m - 1): the sum of o d2 of a
    clip, halved. All zero for m < 2. Scores are centred on their mean, against rounding error.
    """
    known = ~np.isnan(ratings)
    m = known.sum(axis=1)
    known = known & (m >= 2)[:, None]
    mean = ratings[known].mean() if known.any() else 0.0
    x = np.where(known, ratings - mean, 0.0)
    m = known.sum(axis=1)
    squares = (x**2).sum(axis=1)
    within = np.where(m >= 2, (m * squares - x.sum(axis=1) ** 2) / np.maximum(m - 1, 1), 0.0)
    return np.column_stack([m, x.sum(axis=1), squares, within])


def krippendorff_alpha_interval(sums: Array) -> Array:
    """Interval alpha (B,) from sums (B, 4) of :func:`interval_table`.

    The same number as :func:`krippendorff_alpha` gives of coincidences, without levels:
    1 - (n - 1) sum(within) / (n sum x^2 - (sum x)^2).
    """
    n, x, squares, within = sums.T
    expected = n * squares - x**2
    return one_minus_ratio(within * (n - 1), np.where(expected > _FLAT * n * squares, expected, 0))


def krippendorff_alpha_interval_centred(sums: Array) -> Array:
    """Interval alpha (B,) after each rater's own mean was taken from his scores.

    ``sums`` (B, R + 3) are those of :func:`pipeline.audit.statistics.icc.icc_table`: the means are over the
    common clips, those that every rater rated, and only these are used (elsewhere a rater's mean
    tells of his clips as much as of himself). Means are taken anew in each resample. On such a table
    what is left is the sum of squares of clips C and of error E of the two-way analysis of variance:
    alpha = 1 - R E (n - 1) / ((R - 1) n (C + E)) for n ratings of R raters. Far above the alpha of
    the scores as they are: raters differ in severity more than in what they see.

    NaN for fewer than two raters, and where no spread is left once the means are taken.
    """
    count, columns, squares, row_squares = sums[:, 0], sums[:, 1:-2], sums[:, -2], sums[:, -1]
    k = columns.shape[1]
    if k < 2:
        return np.full(len(sums), np.nan)
    n = count * k
    with np.errstate(invalid="ignore", divide="ignore"):
        raters = (columns**2).sum(axis=1) / count
        left = squares - raters  # C + E
        error = left - (row_squares / k - columns.sum(axis=1) ** 2 / n)
        expected = np.where(left > _FLAT * squares, left * n * (k - 1), 0.0)
        return one_minus_ratio(np.maximum(error, 0.0) * k * (n - 1), expected)
