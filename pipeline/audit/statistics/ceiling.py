"""Leave one rater out: the targets on which a judge and a person can be compared.

For each rater j the target is the mean of the *other* raters. Rater j against it, averaged over j,
is the human ceiling; a judge against the very same targets, averaged over j, is the judge's number.
The mean of all raters is another, easier target for both and never stands beside these. With two
raters the others are one person; with one rater there is no ceiling.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from pipeline.audit.statistics.bootstrap import Array, Statistic
from pipeline.audit.statistics.correlation import Family

Prompts = npt.NDArray[np.intp]


def others_mean(human: Array) -> Array:
    """Mean of the other raters for each clip and rater, (N, R) to (N, R).

    NaN where the rater did not rate the clip (so that judge and rater meet the same targets) or
    nobody else did.
    """
    known = ~np.isnan(human)
    others = known.sum(axis=1, keepdims=True) - known
    total = np.where(known, human, 0.0).sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(known & (others > 0), (total - human) / others, np.nan)


def mean_over_raters(tables: Sequence[Array], statistic: Statistic) -> Statistic:
    """Mean over raters of a statistic of sums, as a statistic of prompt counts (B, P).

    ``tables`` holds one (P, k) per rater; several statistics, (B, S), are averaged one by one. Raters
    for whom it is undefined in a resample are left out of that mean; NaN if all are. Only the prompts
    that a rater saw are summed, so that many raters with few clips each stay cheap.
    """
    seen = [np.flatnonzero(table.any(axis=1)) for table in tables]
    parts = [(rows, table[rows]) for rows, table in zip(seen, tables) if len(rows)]
    return _mean_of([(rows, _of_table(table, statistic)) for rows, table in parts])


def _of_table(table: Array, statistic: Statistic) -> Statistic:
    return lambda counts: statistic(counts @ table)


def left_out(
    scores: Array, human: Array, prompts: Prompts
) -> Iterator[tuple[Array, Array, Prompts, Prompts]]:
    """For each rater left out: scores, targets and prompt numbers of his clips, and the prompts.

    ``scores`` is (N, 1) of a judge who scored every clip, or ``human`` (N, R) itself for the ceiling:
    the clips and targets are the same. Prompts are numbered anew, by position in the last array.
    """
    targets = others_mean(human)
    for x, y in zip(np.broadcast_to(scores, human.shape).T, targets.T):
        clips = np.flatnonzero(~np.isnan(y))
        if len(clips):
            used, numbers = np.unique(prompts[clips], return_inverse=True)
            yield x[clips], y[clips], numbers.astype(np.intp), used


def mean_of_left_out(scores: Array, human: Array, prompts: Prompts, family: Family) -> Statistic:
    """Mean over raters left out of a family's statistics, from prompt counts (B, P) to (B, S).

    Raters for whom one is undefined in a resample are left out of that mean; NaN if all are.
    """
    return _mean_of(
        [
            (used, family(x, y, numbers, len(used)))
            for x, y, numbers, used in left_out(scores, human, prompts)
        ]
    )


def _mean_of(parts: Sequence[tuple[Prompts, Statistic]]) -> Statistic:
    """Mean of statistics of the counts of some prompts each, where they are defined."""

    def of_counts(counts: Array) -> Array:
        if not parts:
            return np.full(len(counts), np.nan)
        of_rater = [
            statistic(counts if len(used) == counts.shape[1] else counts[:, used])
            for used, statistic in parts
        ]
        defined = sum(np.isfinite(values).astype(float) for values in of_rater)
        total = sum(np.where(np.isfinite(values), values, 0.0) for values in of_rater)
        return np.where(defined > 0, total / np.maximum(defined, 1), np.nan)

    return of_counts


def of_ceiling(own: Array, ceiling: Array) -> Array:
    """What share of the ceiling is reached; NaN where the ceiling is not positive.

    People who contradict each other set no ceiling that a share could be taken of.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(ceiling > 0, own / ceiling, np.nan)
