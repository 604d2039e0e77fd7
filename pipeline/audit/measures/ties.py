"""Accuracy on all pairs, ties among them, at a tie threshold that was fitted on other prompts.

A judge of fine scores never ties, so it can never agree with a tie of the raters, unless small
differences of its scores are read as ties. How small is fitted: on a half of the prompts, frozen,
and reported on the other half. Fitted on the very pairs it is reported on, the accuracy is an upper
bound, and is named so.

Source: Deutsch, Foster and Freitag 2023, Ties Matter, arXiv:2305.14324 (pairwise accuracy with ties,
and tie calibration). A pair is right where judge and target say the same of better, worse and tie:
acc_eq = (C + T_hm) / all. Deviations: pairs of all prompts are pooled (the paper averages over groups
of items; the weights of :func:`averaged_over_prompts` give that); the threshold is fitted on other
prompts than those of the report; and of equally good thresholds the smallest is taken.
"""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from pipeline.audit.measures.measure import Measure, Resampling
from pipeline.audit.names import ALL_TIE, CHANCE
from pipeline.audit.pair_panel import PairPanel
from pipeline.audit.statistics import ceiling, pairs
from pipeline.audit.statistics.bootstrap import Array, Interval, Statistic
from schemas.ids import hash_fraction

NAME = "pair_accuracy_with_ties"

_BLOCK = 2_000_000  # cells of one block of a computation as wide as there are pairs

Bools = npt.NDArray[np.bool_]
Prompts = npt.NDArray[np.intp]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TieFit:
    """A threshold in units of the judge's score and the acc_eq it gives; both NaN without pairs."""

    threshold: float
    accuracy: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Path:
    """What every threshold would give: pairs sorted by the judge's distance.

    ``order`` (M,) positions of the known pairs; ``right`` (M,) and ``gain`` (M,) what each counts
    when only equal scores are ties and what its becoming a tie adds; ``levels`` (L,) the thresholds,
    zero first; ``ends`` (L,) how many pairs are ties at each.
    """

    order: Prompts
    right: Array
    gain: Array
    levels: Array
    ends: Prompts

    def best(self, weights: Array) -> tuple[Array, Array]:
        """Thresholds (B,) and their weighted shares (B,) for weights (B, M) of the sorted pairs."""
        gained = np.zeros((len(weights), len(self.order) + 1))
        np.cumsum(weights * self.gain, axis=1, out=gained[:, 1:])
        right = (weights @ self.right)[:, None] + gained[:, self.ends]
        whole = weights.sum(axis=1)
        # equal but for the rounding of a sum counts as equal
        index = (right >= right.max(axis=1, keepdims=True) - 1e-12 * whole[:, None]).argmax(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            share = right[np.arange(len(right)), index] / whole
        return np.where(whole > 0, self.levels[index], np.nan), share


def fit_tie_threshold(
    judge: npt.ArrayLike, target: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> TieFit:
    """The threshold at which a judge agrees best with the target, its differences within it ties.

    ``judge`` and ``target`` are (M,) differences of the same pairs, ``weights`` (M,) what each
    counts (all alike if None; :func:`averaged_over_prompts`). Pairs in which either difference is
    NaN are left out. Candidates are zero and every distance that occurs; pairs of one distance
    become ties together, so the order of the pairs changes nothing. The smallest of the best.
    """
    path = _path(judge, target)
    every = np.ones(len(np.asarray(judge))) if weights is None else np.asarray(weights, np.float64)
    threshold, accuracy = path.best(every[path.order][None])
    return TieFit(threshold=float(threshold[0]), accuracy=float(accuracy[0]))


def threshold_of(judge: Array, target: Array, prompts: Prompts) -> Statistic:
    """The threshold of :func:`fit_tie_threshold`, fitted anew to prompt counts (B, P)."""
    path = _path(judge, target)
    prompt = np.asarray(prompts, dtype=np.intp)[path.order]
    step = max(1, _BLOCK // max(1, len(prompt)))

    def of_counts(counts: Array) -> Array:
        blocks = [counts[i : i + step][:, prompt] for i in range(0, len(counts), step)]
        return np.concatenate([path.best(weights)[0] for weights in blocks])

    return of_counts


def averaged_over_prompts(prompts: npt.ArrayLike) -> Array:
    """Weights (M,) under which every prompt counts alike, however many pairs it has; sum 1."""
    _, number, size = np.unique(np.asarray(prompts), return_inverse=True, return_counts=True)
    return np.asarray(1 / (max(1, len(size)) * size[number]))


def with_threshold(judge: npt.ArrayLike, threshold: float) -> Array:
    """The differences (M,) of a judge, those within the threshold exactly zero.

    Raises ``ValueError`` for a threshold that is negative or NaN, as that of no pairs is.
    """
    if not threshold >= 0:
        raise ValueError(f"threshold: expected a number of at least 0, got {threshold}")
    judge = np.asarray(judge, dtype=np.float64)
    return np.where(np.abs(np.round(judge, 9)) <= threshold, 0.0, judge)


def calibration_half(prompt_ids: Sequence[str], seed: int) -> Bools:
    """Which prompts (P,) thresholds are fitted on: half of them, by hash of the id and the seed.

    Each is drawn alone, so that further prompts move none; the halves are equal only on average.
    """
    drawn = [hash_fraction("tie calibration", str(seed), prompt) < 0.5 for prompt in prompt_ids]
    return np.asarray(drawn, dtype=bool)


def tie_measures(panel: PairPanel, how: Resampling, seed: int = 0) -> Iterator[Measure]:
    """An annotator's accuracy with ties on the reporting half, its threshold, and the upper bound.

    The accuracies' intervals hold the threshold fixed; that of the threshold comes from fitting it
    anew to every resample of the calibration half. None where a half has no pairs.
    """
    assert panel.judge is not None
    calibration, report = _halves(panel, seed)
    assert calibration.judge is not None
    assert report.judge is not None
    fitted = fit_tie_threshold(calibration.judge, calibration.target).threshold
    yield _measure(NAME, _at(fitted, report.judge, report, how), report)
    threshold = threshold_of(calibration.judge, calibration.target, calibration.prompts)
    interval = how.of_counts(calibration.n_prompts, threshold)
    yield _measure("tie_threshold", interval, calibration)
    best = fit_tie_threshold(panel.judge, panel.target).threshold
    yield _measure(f"{NAME}_optimistic", _at(best, panel.judge, panel, how), panel)


def tie_baselines(
    panel: PairPanel, how: Resampling, seed: int = 0
) -> Iterator[tuple[str, Measure]]:
    """What needs no judge on the same pairs: (annotator, measure) of ``all_tie`` and ``chance``.

    Calling everything a tie is right on the tie share t of the target. Scores drawn at random from
    a continuum, a share f of the pairs within the threshold, are right on f t + (1 - f) (1 - t) / 2
    on average: linear in f, so the best threshold calls either nothing a tie, (1 - t) / 2, or
    everything, t, which is better where t > 1/3. ``chance`` is that expectation, its choice made on
    the calibration half; a random scorer of few pairs gets somewhat more where it is fitted on the
    pairs it is reported on.
    """
    calibration, report = _halves(panel, seed)
    cases = ((NAME, calibration, report), (f"{NAME}_optimistic", panel, panel))
    for name, fitted_on, shown in cases:
        table, chance = _all_tied(shown), Interval(value=None, low=None, high=None)
        if fitted_on.n_pairs:
            ties = pairs.target_tie_share(_all_tied(fitted_on).sum(axis=0, keepdims=True))[0]
            better = pairs.target_tie_share if ties > 1 / 3 else _half_of_untied
            chance = how.of_sums(table, better)
        yield ALL_TIE, _measure(name, how.of_sums(table, pairs.target_tie_share), shown)
        yield CHANCE, _measure(name, chance, shown)


def tie_left_out(panel: PairPanel, how: Resampling, seed: int = 0) -> Iterator[Measure]:
    """An annotator and the raters on the same leave-one-out targets, and the ratio of the two.

    For each rater the target is what the others said. Judge and rater get a threshold each, fitted
    alike: to that target, on the calibration half. Averaged over raters, on the reporting half. A
    threshold makes ties and breaks none, so an annotator of fine scores may pass the ceiling: raters
    of whole points tie pairs that the mean of the others does not.
    """
    assert panel.judge is not None
    everybody = np.broadcast_to(panel.judge[:, None], panel.human.shape)
    report, judge = _left_out(everybody, panel, seed)
    _, people = _left_out(panel.human, panel, seed)
    own = ceiling.mean_over_raters(judge, pairs.agreement_with_ties)
    theirs = ceiling.mean_over_raters(people, pairs.agreement_with_ties)
    variants: dict[str, Statistic] = {
        "loo": own,
        "ceiling": theirs,
        "of_ceiling": lambda counts: own(counts) / theirs(counts),
    }
    n_items = _pairs_in(people)
    for suffix, of_counts in variants.items():
        interval = how.of_counts(report.n_prompts, of_counts)
        yield dataclasses.replace(_measure(f"{NAME}_{suffix}", interval, report), n_items=n_items)


def tie_ceiling(panel: PairPanel, how: Resampling, seed: int = 0) -> Iterator[Measure]:
    """``pair_accuracy_with_ties_loo`` of the raters themselves: the ceiling of all pairs."""
    report, people = _left_out(panel.human, panel, seed)
    over = ceiling.mean_over_raters(people, pairs.agreement_with_ties)
    interval = how.of_counts(report.n_prompts, over)
    measure = _measure(f"{NAME}_loo", interval, report)
    yield dataclasses.replace(measure, n_items=_pairs_in(people))


def _path(judge: npt.ArrayLike, target: npt.ArrayLike) -> _Path:
    judge, target = np.asarray(judge, np.float64), np.asarray(target, np.float64)
    known = np.flatnonzero(np.isfinite(judge) & np.isfinite(target))
    own, theirs = pairs.signs(judge[known]), pairs.signs(target[known])
    distance = np.where(own == 0, 0.0, np.abs(np.round(judge[known], 9)))
    by_distance = np.argsort(distance, kind="stable")
    right = (own == theirs)[by_distance].astype(float)
    levels = np.unique(np.append(0.0, distance))
    return _Path(
        order=known[by_distance],
        right=right,
        gain=(theirs == 0)[by_distance] - right,
        levels=levels,
        ends=np.searchsorted(distance[by_distance], levels, side="right"),
    )


def _halves(panel: PairPanel, seed: int) -> tuple[PairPanel, PairPanel]:
    """The pairs of the calibration half and of the reporting half."""
    calibration = calibration_half(panel.prompt_ids, seed)[panel.prompts]
    return panel.take(calibration), panel.take(~calibration)


def _at(threshold: float, judge: Array, panel: PairPanel, how: Resampling) -> Interval:
    """acc_eq of a judge (M,) on the pairs of a panel; undefined where no threshold was found."""
    if np.isnan(threshold):
        return Interval(value=None, low=None, high=None)
    return how.of_sums(_table(with_threshold(judge, threshold), panel), pairs.agreement_with_ties)


def _left_out(own: Array, panel: PairPanel, seed: int) -> tuple[PairPanel, list[Array]]:
    """The reporting half, and one pair table (P, 5) of it per rater left out.

    ``own`` (M, R) are the differences held against ``panel.others``. A rater without pairs in the
    calibration half has no threshold, and a table of zeros: left out of the mean.
    """
    calibration = calibration_half(panel.prompt_ids, seed)[panel.prompts]
    report = panel.take(~calibration)
    tables = []
    for x, y in zip(own.T, panel.others.T):
        fitted = fit_tie_threshold(x[calibration], y[calibration]).threshold
        shown = np.full(report.n_pairs, np.nan)
        if not np.isnan(fitted):
            shown = with_threshold(x[~calibration], fitted)
        others = y[~calibration]
        tables.append(pairs.pair_table(shown, others, report.prompts, report.n_prompts))
    return report, tables


def _table(judge: Array, panel: PairPanel) -> Array:
    return pairs.pair_table(judge, panel.target, panel.prompts, panel.n_prompts)


def _all_tied(panel: PairPanel) -> Array:
    return _table(np.zeros(panel.n_pairs), panel)


def _half_of_untied(sums: Array) -> Array:
    return np.asarray((1 - pairs.target_tie_share(sums)) / 2)


def _pairs_in(tables: Sequence[Array]) -> int:
    return int(sum(table[:, pairs.PAIRS].sum() for table in tables))


def _measure(statistic: str, interval: Interval, panel: PairPanel) -> Measure:
    return Measure(
        statistic=statistic, interval=interval, n_items=panel.n_pairs, n_raters=panel.n_raters
    )
