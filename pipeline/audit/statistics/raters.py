"""Raters one by one, and raters among each other on pairs of clips.

N clips or M pairs of clips, R raters, B resamples; a missing rating is NaN. Statistics are functions
of sums over prompts, as in `agreement`.
"""

import numpy as np

from pipeline.audit.statistics.bootstrap import Array
from pipeline.audit.statistics.ceiling import others_mean
from pipeline.audit.statistics.pairs import signs

_FLAT = 1e-12  # share of the squared scores: a variance no larger is rounding error

# columns of the table of :func:`rater_pair_table`
SAME, SAID, SAME_DECIDED, DECIDED = range(4)


def rater_table(human: Array) -> Array:
    """Sufficient statistics (N, 5 R) of each rater of (N, R), one rater after another.

    Is rated, the score, its square; is rated by another too, and how far it lies above the mean of
    the others. A score is counted from the first one that the rater gave, against rounding error;
    :func:`rater_statistics` adds it again.
    """
    known = ~np.isnan(human)
    x = np.where(known, human - starts(human), 0.0)
    gap = human - others_mean(human)
    shared = ~np.isnan(gap)
    columns = np.stack([known, x, x**2, shared, np.where(shared, gap, 0.0)], axis=2)
    return np.asarray(columns.reshape(len(human), 5 * human.shape[1]))


def starts(human: Array) -> Array:
    """The first score (R,) that each rater of (N, R) gave; 0 where there is none."""
    if not len(human):
        return np.zeros(human.shape[1])
    known = ~np.isnan(human)
    first = human[known.argmax(axis=0), np.arange(human.shape[1])]
    return np.where(known.any(axis=0), first, 0.0)


def rater_statistics(sums: Array, start: Array) -> Array:
    """Mean, standard deviation and offset of each rater, (B, 3 R), from sums of :func:`rater_table`.

    Mean and standard deviation (n - 1) are over all clips that the rater rated. The offset is the
    mean of his score minus the mean of all other raters of the same clip, over clips that another
    rated too: positive for a mild rater. NaN without such clips, the deviation for fewer than two.
    ``start`` (R,) as from :func:`starts`.
    """
    n, x, xx, shared, gap = np.moveaxis(sums.reshape(len(sums), len(start), 5), 2, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        squares = xx - x**2 / n
        variance = np.where(squares > _FLAT * xx, squares, 0.0) / (n - 1)
        sd = np.sqrt(np.where(n > 1, variance, np.nan))
        columns = [x / n + start, sd, gap / shared]
    return np.stack(columns, axis=2).reshape(len(sums), 3 * len(start))


def rater_pair_table(human: Array) -> Array:
    """How often two raters say the same of a pair of clips: (M, R) differences to (M, 4).

    Couples of raters by what each says, better, worse or tie, of the pair: ``SAME`` (three ways),
    ``SAID`` (all couples), ``SAME_DECIDED`` (both the same and no tie), ``DECIDED`` (neither ties).
    A couple counts once; a pair on which fewer than two raters spoke has none.
    """
    known = ~np.isnan(human)
    said = np.where(known, signs(np.where(known, human, 0.0)), 2)
    better, tied, worse = ((said == sign).sum(axis=1) for sign in (1, 0, -1))
    decided = _couples(better) + _couples(worse)
    columns = [
        decided + _couples(tied),
        _couples(better + tied + worse),
        decided,
        _couples(better + worse),
    ]
    return np.stack(columns, axis=1)


def _couples(n: Array) -> Array:
    return np.asarray(n * (n - 1) / 2)


def tie_table(human: Array) -> Array:
    """Of each rater (M, 2 R): does he call the pair a tie, did he say anything; one after another."""
    known = ~np.isnan(human)
    tied = known & (signs(np.where(known, human, 0.0)) == 0)
    return np.stack([tied, known], axis=2).reshape(len(human), 2 * human.shape[1]).astype(float)


def tie_shares(sums: Array) -> Array:
    """Share of pairs (B, R) that each rater calls a tie, of sums of :func:`tie_table`; NaN of none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[:, 0::2] / sums[:, 1::2])
