"""How independent annotators are: do they err on the same pairs?

People decide what an error is: on a pair of clips of one prompt that the mean of all raters does not
tie, an annotator's error is 0 if it orders the pair as they do, 1/2 if it ties it, 1 otherwise. J
annotators, M pairs, P prompts, B resamples.

With errors correlated by rho on average, J annotators are worth n_eff = J / (1 + (J - 1) rho)
independent ones. Sources: Kish 1965, Survey Sampling, chapter 5 (what clustering does to a variance),
with annotators for the members of a cluster; arXiv:2605.29800 (of model judges). Where nobody ties, the
correlation is the phi coefficient of two yes-or-no errors. Deviation: n_eff never exceeds J. A negative
rho means that errors cancel out more than chance would have it, and the formula then gives any number
up to infinity.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import numpy.typing as npt

from pipeline.audit.measures.measure import Measure, Resampling
from pipeline.audit.names import JURY
from pipeline.audit.pair_panel import PairPanel
from pipeline.audit.statistics import agreement
from pipeline.audit.statistics.bootstrap import Array, Statistic
from pipeline.audit.statistics.pairs import signs

JuryStatistic = Callable[[Array, int], Array]  # of sums (B, 2 + J + J * J) and J
Members = Mapping[str, Array]  # annotator -> differences (M,) of the panel's pairs, NaN where none

_FLAT = 1e-9  # share of the pairs: a variance no larger is none, what is left is rounding error


def jury_measures(
    panel: PairPanel, members: Members, how: Resampling
) -> Iterator[tuple[str, Measure]]:
    """Who (``a & b``, or ``jury``) and what, of two annotators or more on one dimension.

    A couple is measured on the pairs that both judged; the jury on those that all of them judged, so
    that its mean is that of one correlation matrix and can be no lower than -1 / (J - 1). A
    correlation is undefined where an annotator's errors are all alike, and the mean where one of its
    couples is.
    """
    if len(members) < 2:
        return
    for couple in itertools.combinations(members, 2):
        two = {name: members[name] for name in couple}
        for measure in _measures(panel, two, how, {"error_correlation": mean_correlation}):
            yield " & ".join(couple), measure
    for measure in _measures(panel, members, how, OF_A_JURY):
        yield JURY, measure


def _measures(
    panel: PairPanel, members: Members, how: Resampling, statistics: Mapping[str, JuryStatistic]
) -> Iterator[Measure]:
    table = error_table(*errors_of(panel, members))
    for name, statistic in statistics.items():
        yield Measure(
            statistic=name,
            interval=how.of_sums(table, _of(statistic, len(members))),
            n_items=int(table[:, 0].sum()),
            n_raters=panel.n_raters,
        )


def _of(statistic: JuryStatistic, n_judges: int) -> Statistic:
    return lambda sums: statistic(sums, n_judges)


def errors_of(panel: PairPanel, members: Members) -> tuple[Array, npt.NDArray[np.intp]]:
    """Errors (M, J) and prompt numbers (M,) of the pairs that all of the members judged.

    Only pairs that people do not tie; prompts are numbered 0 to P - 1 by those that have such pairs.
    """
    gaps = np.asarray(list(members.values()))
    theirs = signs(panel.target)
    kept = (theirs != 0) & np.isfinite(gaps).all(axis=0)
    errors = np.abs(signs(gaps[:, kept]) - theirs[kept]).T / 2
    prompts = np.unique(panel.prompts[kept], return_inverse=True)[1]
    return errors, prompts.astype(np.intp)


def error_table(errors: Array, prompts: npt.NDArray[np.intp]) -> Array:
    """Sufficient statistics (P, 2 + J + J * J) of every prompt, from :func:`errors_of`.

    Pairs; sum of the least error of each pair; sums of the errors; sums of their products.
    """
    n, n_judges = errors.shape
    products = (errors[:, :, None] * errors[:, None, :]).reshape(n, n_judges**2)
    least = errors.min(axis=1)
    rows = np.column_stack([np.ones(n), least, errors, products])
    return agreement.sum_by_prompt(rows, prompts, int(prompts.max(initial=-1)) + 1)


def mean_correlation(sums: Array, n_judges: int) -> Array:
    """Mean over couples (B,) of the Pearson correlation of errors, from sums of error tables.

    NaN where the errors of any of the judges are all alike.
    """
    n, total = sums[:, 0, None, None], sums[:, 2 : 2 + n_judges]
    products = sums[:, 2 + n_judges :].reshape(-1, n_judges, n_judges)
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = products / n - total[:, :, None] * total[:, None, :] / n**2
        variance = np.diagonal(covariance, axis1=1, axis2=2)
        sd = np.sqrt(np.where(variance > _FLAT, variance, np.nan))
        correlation = covariance / (sd[:, :, None] * sd[:, None, :])
    one, other = np.triu_indices(n_judges, k=1)
    return np.asarray(correlation[:, one, other].mean(axis=1))


def effective_judges(sums: Array, n_judges: int) -> Array:
    """How many independent judges (B,) the jury is worth: from 1, errors alike, to J."""
    rho = np.maximum(mean_correlation(sums, n_judges), 0.0)  # NaN stays NaN
    return np.asarray(n_judges / (1 + (n_judges - 1) * rho))


def all_wrong(sums: Array, n_judges: int) -> Array:
    """Mean error (B,) of the best judge of each pair: 1 where all are wrong, 1/2 where the best ties.

    One minus this is what a rule that picks one of the judges for every pair can reach at most.
    """
    return agreement.ratio(1, 0)(sums)


OF_A_JURY: dict[str, JuryStatistic] = {
    "mean_error_correlation": mean_correlation,
    "effective_judges": effective_judges,
    "all_wrong": all_wrong,
}
