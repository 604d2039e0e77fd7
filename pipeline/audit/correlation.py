"""Rank and linear correlation, pooled over prompts and within each prompt.

Pooled figures also measure which prompts are hard; within-prompt figures do not, and come first. x
and y are (N,) scores of the same clips without missing values, ``prompts`` (N,) numbers in [0, P).
Scores are rounded to 1e-9 before they are ranked or compared, as pairs are.
"""

import numpy as np
import numpy.typing as npt

from pipeline.audit.agreement import sum_by_prompt
from pipeline.audit.bootstrap import Array, Statistic
from pipeline.audit.pairs import signs

Prompts = npt.NDArray[np.intp]

_BLOCK = 2_000_000  # cells of one block of an N-wide computation


def pearson_table(x: Array, y: Array, prompts: Prompts, n_prompts: int) -> Array:
    """Sums (P, 6) per prompt: n, x, y, x^2, y^2, x y, with x and y centred and scaled."""
    x, y = _standard(x), _standard(y)
    columns = np.column_stack([np.ones_like(x), x, y, x * x, y * y, x * y])
    return sum_by_prompt(columns, prompts, n_prompts)


def pearson(sums: Array) -> Array:
    """Product-moment correlation (B,) of sums (B, 6) of :func:`pearson_table`.

    cov(x, y) / (sd(x) sd(y)); NaN for fewer than two clips or where x or y is constant.
    """
    n, x, y, xx, yy, xy = sums.T
    return _ratio(n * xy - x * y, n * xx - x * x, n * yy - y * y, n * n)


def spearman(x: Array, y: Array, prompts: Prompts) -> Statistic:
    """Pooled rank correlation as a statistic of prompt counts (B, P).

    Pearson's correlation of midranks; a clip drawn w times stands for w equal clips, and ranks are
    made anew in each resample. NaN where x or y is constant. Source: Spearman 1904; midranks as in
    Kendall 1948, Rank Correlation Methods, chapter 3.
    """
    codes = _codes(x), _codes(y)
    step = max(1, _BLOCK // max(1, len(x)))

    def of_counts(counts: Array) -> Array:
        blocks = [counts[i : i + step][:, prompts] for i in range(0, len(counts), step)]
        return np.concatenate([_weighted_spearman(w, *codes) for w in blocks])

    return of_counts


def _weighted_spearman(weights: Array, x: Prompts, y: Prompts) -> Array:
    n = weights.sum(axis=1)
    middle = ((n + 1) / 2)[:, None]
    rank_x, rank_y = (_midranks(weights, c) - middle for c in (x, y))
    xx, yy = (weights * rank_x**2).sum(axis=1), (weights * rank_y**2).sum(axis=1)
    return _ratio((weights * rank_x * rank_y).sum(axis=1), xx, yy, n * n)


def _midranks(weights: Array, codes: Prompts) -> Array:
    order = np.argsort(codes, kind="stable")
    ends = np.flatnonzero(np.diff(codes[order], append=-1))  # the last clip of each level
    up_to = np.cumsum(weights[:, order], axis=1)[:, ends]
    middle = (up_to + 1) / 2
    middle[:, 1:] += up_to[:, :-1] / 2
    return np.asarray(middle[:, codes])


def spearman_within(x: Array, y: Array, prompts: Prompts, n_prompts: int) -> Array:
    """Spearman's rho of the clips of each prompt, (P,); NaN where x or y is tied throughout."""
    rank_x, rank_y = (_centred_ranks(v, prompts, n_prompts) for v in (x, y))
    columns = np.column_stack([rank_x * rank_y, rank_x**2, rank_y**2, np.ones(len(x))])
    xy, xx, yy, n = sum_by_prompt(columns, prompts, n_prompts).T
    return _ratio(xy, xx, yy, n)


def _centred_ranks(values: Array, prompts: Prompts, n_prompts: int) -> Array:
    """Midranks within the prompt, minus their mean: (below - above) / 2 for every clip."""
    codes = _codes(values)
    order = np.lexsort((codes, prompts))
    p, c = prompts[order], codes[order]
    new = np.flatnonzero((np.diff(p, prepend=-1) != 0) | (np.diff(c, prepend=-1) != 0))
    size = np.diff(np.append(new, len(order)))
    in_prompt = np.bincount(prompts, minlength=n_prompts)
    first = np.cumsum(in_prompt) - in_prompt  # position of the first clip of each prompt
    middle = new + (size - 1) / 2 - first[p[new]] - (in_prompt[p[new]] - 1) / 2
    ranks = np.empty(len(order))
    ranks[order] = np.repeat(middle, size)
    return ranks


def kendall_tau_b_within(judge: Array, target: Array, prompts: Prompts, n_prompts: int) -> Array:
    """Kendall's tau-b of the clips of each prompt, (P,), from (M,) differences of its pairs.

    tau-b = (C - D) / sqrt((n0 - n1)(n0 - n2)), n0 pairs, n1 and n2 of them tied in one or the
    other; ``prompts`` (M,) is the prompt of each pair. NaN where one of the two is tied throughout.
    """
    a, b = signs(judge).astype(float), signs(target).astype(float)
    columns = np.column_stack([a * b, a * a, b * b, np.ones(len(a))])
    score, untied_a, untied_b, n = sum_by_prompt(columns, prompts, n_prompts).T
    return _ratio(score, untied_a, untied_b, n)


def mean_defined(values: Array) -> Array:
    """Table (P, 2) of per-prompt values: their sum and count, undefined (NaN) prompts as zero."""
    defined = np.isfinite(values)
    return np.column_stack([np.where(defined, values, 0.0), defined])


def _standard(values: Array) -> Array:
    """Centred and scaled, against rounding error; a constant becomes exactly zero."""
    values = np.round(values, 9)
    centred = values - values.mean() if len(values) else values
    if len(values) == 0 or np.ptp(values) == 0:
        return np.zeros_like(centred)
    return np.asarray(centred / np.abs(centred).max())


def _codes(values: Array) -> Prompts:
    return np.unique(np.round(values, 9), return_inverse=True)[1].astype(np.intp)


def _ratio(top: Array, one: Array, other: Array, size: Array) -> Array:
    """top / sqrt(one * other); NaN where a factor is zero but for rounding error."""
    with np.errstate(invalid="ignore", divide="ignore"):
        whole = np.sqrt(one) * np.sqrt(other)
        defined = (one > 1e-12 * size) & (other > 1e-12 * size)
        return np.where(defined, np.clip(top / whole, -1, 1), np.nan)
