"""Rank and linear correlation, pooled over prompts and within each prompt.

Pooled figures also measure which prompts are hard; within-prompt figures do not, and come first. x
and y are (N,) scores of the same clips without missing values, ``prompts`` (N,) numbers in [0, P).
Scores are rounded to 1e-9 before they are ranked or compared, as pairs are.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import sparse

from pipeline.audit.statistics.agreement import ratio, sum_by_prompt
from pipeline.audit.statistics.bootstrap import Array, Statistic
from pipeline.audit.statistics.kendall import kendall
from pipeline.audit.statistics.pairs import signs, within_prompt_pairs
from pipeline.audit.statistics.spearman_large import projected_spearman

Prompts = npt.NDArray[np.intp]
Family = Callable[[Array, Array, Prompts, int], Statistic]

MAX_CELLS = 2_000  # different couples of scores up to which Spearman's rho is resampled exactly

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


def spearman(x: Array, y: Array, prompts: Prompts, n_prompts: int) -> Statistic:
    """Pooled rank correlation as a statistic of prompt counts (B, P).

    Pearson's correlation of midranks; a clip drawn w times stands for w equal clips, and ranks are
    made anew in each resample. Clips with the same two scores are one cell: coarse scores cost little
    however many clips there are. Above ``MAX_CELLS`` the value is exact and the resamples are those of
    :func:`pipeline.audit.statistics.spearman_large.projected_spearman`. NaN where x or y is constant. Source:
    Spearman 1904; midranks as in Kendall 1948, Rank Correlation Methods, chapter 3.
    """
    codes = np.stack([_codes(x), _codes(y)], axis=1)
    cells, cell = np.unique(codes, axis=0, return_inverse=True)
    if len(cells) > MAX_CELLS:
        return projected_spearman(codes[:, 0], codes[:, 1], prompts, n_prompts)
    drawn_to_cells = sparse.csr_array(
        (np.ones(len(x)), (cell.ravel(), prompts)), shape=(len(cells), n_prompts)
    )
    step = max(1, _BLOCK // max(1, len(cells)))

    def of_counts(counts: Array) -> Array:
        if not len(x):
            return np.full(len(counts), np.nan)
        blocks = [drawn_to_cells @ counts[i : i + step].T for i in range(0, len(counts), step)]
        return np.concatenate([_spearman_of_cells(n, *cells.T) for n in blocks])

    return of_counts


def _spearman_of_cells(n: Array, x: Prompts, y: Prompts) -> Array:
    """Rho (B,) of cells drawn ``n`` times (Q, B), with codes x (Q,), ascending, and y (Q,)."""
    (rank_x, xx), (rank_y, yy) = _ranks(n, x), _ranks(n, y)
    total = n.sum(axis=0)
    return _ratio((n * rank_x * rank_y).sum(axis=0), xx, yy, total**2)


def _ranks(n: Array, codes: Prompts) -> tuple[Array, Array]:
    """Midranks less their mean of each cell (Q, B), and their sum of squares (B,)."""
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    of_level = np.add.reduceat(n[order], starts, axis=0)
    up_to = np.cumsum(of_level, axis=0)
    rank = up_to - of_level / 2 - up_to[-1] / 2
    return rank[codes], np.asarray((of_level * rank**2).sum(axis=0))


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


def within_prompts(
    x: Array, y: Array, prompts: Prompts, n_prompts: int, pairs: tuple[Prompts, Prompts]
) -> Array:
    """rho and tau-b of the clips of each prompt, (P, 2); NaN where x or y is tied throughout.

    ``pairs`` are the positions of all pairs of clips of a prompt.
    """
    first, second = pairs
    gaps = x[first] - x[second], y[first] - y[second]
    rho = spearman_within(x, y, prompts, n_prompts)
    return np.stack([rho, kendall_tau_b_within(*gaps, prompts[first], n_prompts)], axis=1)


def mean_defined(values: Array) -> Array:
    """Table (P, 2) of per-prompt values: their sum and count, undefined (NaN) prompts as zero."""
    defined = np.isfinite(values)
    return np.column_stack([np.where(defined, values, 0.0), defined])


def _pearson(x: Array, y: Array, prompts: Prompts, n_prompts: int) -> Statistic:
    table = pearson_table(x, y, prompts, n_prompts)
    return lambda counts: pearson(counts @ table)[:, None]


def _spearman(x: Array, y: Array, prompts: Prompts, n_prompts: int) -> Statistic:
    rho = spearman(x, y, prompts, n_prompts)
    return lambda counts: rho(counts)[:, None]


def _within(x: Array, y: Array, prompts: Prompts, n_prompts: int) -> Statistic:
    values = within_prompts(x, y, prompts, n_prompts, within_prompt_pairs(prompts))
    table = np.hstack([mean_defined(column) for column in values.T])

    def of_counts(counts: Array) -> Array:
        sums = counts @ table
        return np.stack([ratio(0, 1)(sums), ratio(2, 3)(sums)], axis=1)

    return of_counts


# Names -> what makes statistics of prompt counts, (B, P) to (B, number of names), of x, y and prompts
POOLED: dict[tuple[str, ...], Family] = {
    ("pearson",): _pearson,
    ("spearman",): _spearman,
    ("kendall_tau_b", "kendall_tau_c"): kendall,
}
WITHIN_NAMES = ("spearman_within_prompt", "kendall_tau_b_within_prompt")
WITHIN: dict[tuple[str, ...], Family] = {WITHIN_NAMES: _within}


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
