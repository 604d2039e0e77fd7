"""From a panel to numbers: the statistics of scores and ranks that the panel allows."""

import dataclasses
import functools
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

from pipeline.audit import agreement, ceiling, correlation, kendall
from pipeline.audit.bootstrap import (
    Array,
    Interval,
    Statistic,
    cluster_bootstrap,
    weighted_bootstrap,
)
from pipeline.audit.pair_panel import PairPanel
from pipeline.audit.panel import Panel

MAX_RATERS = 10  # the mean kappa of all pairs of raters is left out where there are more raters
MAX_LEVELS = 101  # alpha and kappa are left out where there are more levels


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number: ``n_items`` clips, or pairs of clips for the statistics of pairs.

    ``undefined_prompts`` counts prompts that a mean over prompts had to leave out.
    """

    statistic: str
    interval: Interval
    n_items: int
    n_raters: int
    undefined_prompts: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Resampling:
    """How intervals are made."""

    resamples: int = 2000
    seed: int = 0
    level: float = 0.95

    def of_sums(self, table: Array, statistic: Statistic) -> Interval:
        """Interval of a statistic of sums of the rows of (P, k)."""
        return cluster_bootstrap(table, statistic, self.resamples, self.seed, self.level)

    def of_counts(self, n_prompts: int, statistic: Statistic) -> Interval:
        """Interval of a statistic of prompt counts."""
        return weighted_bootstrap(n_prompts, statistic, self.resamples, self.seed, self.level)


def whole_levels(scale: tuple[float, float]) -> Array | None:
    """Every point of a scale of whole numbers, (K,); None for any other scale."""
    low, high = scale
    if low != int(low) or high != int(high) or high - low >= MAX_LEVELS:
        return None
    return np.arange(low, high + 1)


def rater_measures(panel: Panel, levels: Array | None, how: Resampling) -> Iterator[Measure]:
    """The raters among each other: alpha, ICC(2,1), and agreement and kappa of pairs of raters.

    A clip with a single rating tells nothing and is left out. ``levels``: :func:`whole_levels`.
    """
    panel = panel.take((~np.isnan(panel.human)).sum(axis=1) >= 2)
    measure = functools.partial(Measure, n_items=len(panel.videos), n_raters=panel.n_raters)
    observed = np.unique(panel.human[~np.isnan(panel.human)])
    if 0 < len(observed) <= MAX_LEVELS:
        counts = agreement.value_counts(panel.human, observed)
        table = _by_prompt(panel, agreement.coincidences(counts))
        for kind in agreement.LEVEL_KINDS:
            alpha = functools.partial(agreement.krippendorff_alpha, levels=observed, kind=kind)
            yield measure(
                statistic=f"krippendorff_alpha_{kind}", interval=how.of_sums(table, alpha)
            )
    complete = int((~np.isnan(panel.human)).all(axis=1).sum())
    icc = how.of_sums(_by_prompt(panel, agreement.icc_table(panel.human)), agreement.icc_2_1)
    yield measure(statistic="icc_2_1", interval=icc, n_items=complete)
    if levels is None or not np.isin(observed, levels).all():
        return
    same = agreement.agreeing_pairs(agreement.value_counts(panel.human, levels), levels)
    yield from _agreements(_by_prompt(panel, same), measure, how)
    if panel.human.shape[1] <= MAX_RATERS:
        both = list(itertools.combinations(panel.human.T, 2))
        yield measure(
            statistic="cohen_kappa_quadratic", interval=_mean_kappa(panel, both, levels, how)
        )


def score_measures(panel: Panel, levels: Array | None, how: Resampling) -> Iterator[Measure]:
    """An annotator's scores against the raters' as values of one scale.

    Nothing unless both use the whole ``levels`` of the scale and nothing else: an unbounded metric
    or a mean of several scores has no exact agreement with a scale point.
    """
    assert panel.judge is not None
    known = np.append(panel.judge, panel.human[~np.isnan(panel.human)])
    if levels is None or not len(panel.videos) or not np.isin(known, levels).all():
        return
    measure = functools.partial(Measure, n_items=len(panel.videos), n_raters=panel.n_raters)
    same = agreement.agreeing_with_judge(panel.judge, panel.human)
    yield from _agreements(_by_prompt(panel, same), measure, how)
    both = [(panel.judge, rater) for rater in panel.human.T]
    yield measure(statistic="cohen_kappa_quadratic", interval=_mean_kappa(panel, both, levels, how))
    joined = agreement.value_counts(np.column_stack([panel.human, panel.judge]), levels)
    alpha = functools.partial(agreement.krippendorff_alpha, levels=levels, kind="ordinal")
    interval = how.of_sums(_by_prompt(panel, agreement.coincidences(joined)), alpha)
    yield measure(statistic="krippendorff_alpha_ordinal_joined", interval=interval)


def pooled_measures(panel: Panel, how: Resampling) -> Iterator[Measure]:
    """Correlations of an annotator with the mean of all raters, clips of all prompts pooled."""
    assert panel.judge is not None
    x, y, prompts, n = panel.judge, panel.target, panel.prompts, panel.n_prompts
    measure = functools.partial(Measure, n_items=len(panel.videos), n_raters=panel.n_raters)
    table = correlation.pearson_table(x, y, prompts, n)
    yield measure(statistic="pearson", interval=how.of_sums(table, correlation.pearson))
    rho = how.of_counts(n, correlation.spearman(x, y, prompts))
    yield measure(statistic="spearman", interval=rho)
    if n > kendall.MAX_PROMPTS or len(x) > kendall.MAX_CLIPS:
        for variant in ("b", "c"):
            tau = float(stats.kendalltau(np.round(x, 9), np.round(y, 9), variant=variant)[0])
            interval = Interval(value=tau if np.isfinite(tau) else None, low=None, high=None)
            yield measure(statistic=f"kendall_tau_{variant}", interval=interval)
    elif n:
        tables = kendall.pooled_kendall(x, y, prompts, n)
        yield measure(statistic="kendall_tau_b", interval=how.of_counts(n, tables.tau_b))
        yield measure(statistic="kendall_tau_c", interval=how.of_counts(n, tables.tau_c))


def within_measures(
    panel: Panel, positions: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]], how: Resampling
) -> Iterator[Measure]:
    """Rank correlations within each prompt with the mean of all raters, averaged over prompts.

    Every prompt of the panel has two clips or more; ``positions`` are all of their pairs.
    """
    assert panel.judge is not None
    first, second = positions
    x, y, n = panel.judge, panel.target, panel.n_prompts
    values = {
        "spearman_within_prompt": correlation.spearman_within(x, y, panel.prompts, n),
        "kendall_tau_b_within_prompt": correlation.kendall_tau_b_within(
            x[first] - x[second], y[first] - y[second], panel.prompts[first], n
        ),
    }
    for name, of_prompt in values.items():
        yield Measure(
            statistic=name,
            interval=how.of_sums(correlation.mean_defined(of_prompt), agreement.ratio(0, 1)),
            n_items=len(panel.videos),
            n_raters=panel.n_raters,
            undefined_prompts=int(np.isnan(of_prompt).sum()),
        )


def _by_prompt(panel: Panel, table: Array) -> Array:
    return agreement.sum_by_prompt(table, panel.prompts, panel.n_prompts)


def _agreements(
    table: Array, measure: "functools.partial[Measure]", how: Resampling
) -> Iterator[Measure]:
    yield measure(statistic="exact_agreement", interval=how.of_sums(table, agreement.ratio(0, 2)))
    interval = how.of_sums(table, agreement.ratio(1, 2))
    yield measure(statistic="within_one_agreement", interval=interval)


def _mean_kappa(
    panel: Panel, couples: Sequence[tuple[Array, Array]], levels: Array, how: Resampling
) -> Interval:
    tables = [_by_prompt(panel, agreement.contingency(*couple, levels)) for couple in couples]
    kappa = functools.partial(agreement.cohen_kappa_quadratic, levels=levels)
    return how.of_counts(panel.n_prompts, ceiling.mean_over_raters(tables, kappa))


def one_rater_measures(panel: Panel, how: Resampling) -> Iterator[tuple[str, Measure]]:
    """Each rater alone: (name, ``rater_mean``, ``rater_sd`` or ``rater_offset``)."""
    raise NotImplementedError


def rater_pair_measures(panel: PairPanel, how: Resampling) -> Iterator[Measure]:
    """Raters among each other on pairs of clips: three-way, strict, and the strict one's coverage."""
    raise NotImplementedError


def one_rater_pair_measures(panel: PairPanel, how: Resampling) -> Iterator[tuple[str, Measure]]:
    """Each rater alone on pairs of clips: (name, ``rater_tie_share``)."""
    raise NotImplementedError


def confusion_measures(
    panel: Panel, levels: Array | None, how: Resampling
) -> Iterator[tuple[str, Measure]]:
    """``confusion_share`` with its slice ``human=H,judge=J``, a row for each two levels."""
    raise NotImplementedError


def left_out_correlations(panel: Panel, how: Resampling) -> Iterator[Measure]:
    """``_loo``, ``_ceiling`` and ``_of_ceiling`` of every correlation of an annotator."""
    raise NotImplementedError


def ceiling_correlations(panel: Panel, how: Resampling) -> Iterator[Measure]:
    """``_loo`` of every correlation of the raters themselves, on all clips that they rated."""
    raise NotImplementedError
