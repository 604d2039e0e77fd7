"""From a panel to numbers: the raters among each other, and one by one."""

import functools
import itertools
from collections.abc import Iterator

import numpy as np

from pipeline.audit.measures.measure import MAX_LEVELS, Measure, Resampling
from pipeline.audit.measures.on_levels import agreements, by_prompt, mean_kappas, mean_score
from pipeline.audit.pair_panel import PairPanel
from pipeline.audit.panel import Panel
from pipeline.audit.statistics import agreement, alpha, ceiling, icc, kappa, raters
from pipeline.audit.statistics.bootstrap import Array

MAX_RATERS = 10  # the mean kappas of all pairs of raters are left out where there are more raters


def rater_measures(panel: Panel, levels: Array | None, how: Resampling) -> Iterator[Measure]:
    """The raters among each other: mean, alphas, Fleiss' kappa, ICCs, shares and kappas of pairs.

    But for the mean, a clip with a single rating tells nothing and is left out. ICCs and the centred
    alpha need clips that every rater of the panel rated; who rated none of its clips is not one of
    them. ``levels`` as from :func:`pipeline.audit.measures.measure.whole_levels`: without them, or where a
    rating is none of them, there are no shares and no Cohen's kappas. Of these the mean over couples
    of raters is left out where there are more than ``MAX_RATERS``.
    """
    yield mean_score(panel, panel.human, how)
    panel = panel.take(np.asarray((~np.isnan(panel.human)).sum(axis=1) >= 2))
    measure = functools.partial(Measure, n_items=len(panel.videos), n_raters=panel.n_raters)
    observed = np.unique(panel.human[~np.isnan(panel.human)])
    yield from _alphas(panel, observed, measure, how)
    present = (~np.isnan(panel.human)).any(axis=0)
    complete = panel.take(np.asarray((~np.isnan(panel.human[:, present])).all(axis=1)))
    table = by_prompt(complete, icc.icc_table(complete.human[:, present]))
    for name, statistic in {
        "krippendorff_alpha_interval_centred": alpha.krippendorff_alpha_interval_centred,
        "icc_2_1": icc.icc_2_1,
        "icc_2_k": icc.icc_2_k,
    }.items():
        interval = how.of_sums(table, statistic)
        yield measure(statistic=name, interval=interval, n_items=len(complete.videos))
    if levels is None or not np.isin(observed, levels).all():
        return
    same = agreement.agreeing_pairs(agreement.value_counts(panel.human, levels), levels)
    yield from agreements(by_prompt(panel, same), measure, how)
    if panel.n_raters <= MAX_RATERS:
        couples = list(itertools.combinations(panel.human[:, present].T, 2))
        yield from mean_kappas(panel, couples, levels, measure, how)


def _alphas(
    panel: Panel, observed: Array, measure: "functools.partial[Measure]", how: Resampling
) -> Iterator[Measure]:
    """Nominal and ordinal alpha and Fleiss' kappa of levels, interval alpha of any scores."""
    if 0 < len(observed) <= MAX_LEVELS:
        table = alpha.coincidence_table(panel.human, observed, panel.prompts, panel.n_prompts)
        for kind in ("nominal", "ordinal"):
            statistic = functools.partial(alpha.krippendorff_alpha, levels=observed, kind=kind)
            interval = how.of_sums(table, statistic)
            yield measure(statistic=f"krippendorff_alpha_{kind}", interval=interval)
        counts = agreement.value_counts(panel.human, observed)
        interval = how.of_sums(by_prompt(panel, kappa.fleiss_table(counts)), kappa.fleiss_kappa)
        yield measure(statistic="fleiss_kappa", interval=interval)
    table = by_prompt(panel, alpha.interval_table(panel.human))
    interval = how.of_sums(table, alpha.krippendorff_alpha_interval)
    yield measure(statistic="krippendorff_alpha_interval", interval=interval)


def one_rater_measures(panel: Panel, how: Resampling) -> Iterator[tuple[str, Measure]]:
    """Each rater alone: his name with ``rater_mean``, ``rater_sd`` and ``rater_offset``.

    Mean and standard deviation are over the clips that he rated; the offset is over those that
    another rated too. A rater without a clip is left out.
    """
    table = by_prompt(panel, raters.rater_table(panel.human))
    statistics = functools.partial(raters.rater_statistics, start=raters.starts(panel.human))
    intervals = iter(how.each_of_sums(table, statistics, 3 * panel.human.shape[1]))
    rated = (~np.isnan(panel.human)).sum(axis=0)
    shared = (~np.isnan(ceiling.others_mean(panel.human))).sum(axis=0)
    for rater, own, with_others in zip(panel.raters, rated, shared, strict=True):
        items = {
            "rater_mean": (own, 1),
            "rater_sd": (own, 1),
            "rater_offset": (with_others, panel.n_raters),
        }
        for (name, (n_items, n_raters)), interval in zip(items.items(), intervals):
            if own:
                yield (
                    rater,
                    Measure(
                        statistic=name,
                        interval=interval,
                        n_items=int(n_items),
                        n_raters=n_raters,
                    ),
                )


def rater_pair_measures(panel: PairPanel, how: Resampling) -> Iterator[Measure]:
    """Raters among each other on pairs of clips: three-way, strict, and how much the strict covers.

    Every two raters who both spoke on a pair count once. Nothing where no two did.
    """
    rows = raters.rater_pair_table(panel.human)
    if not rows[:, raters.SAID].any():
        return
    table = agreement.sum_by_prompt(rows, panel.prompts, panel.n_prompts)
    for name, column, of in (
        ("rater_pair_agreement", raters.SAME, raters.SAID),
        ("rater_pair_agreement_strict", raters.SAME_DECIDED, raters.DECIDED),
        ("rater_pair_coverage", raters.DECIDED, raters.SAID),
    ):
        yield Measure(
            statistic=name,
            interval=how.of_sums(table, agreement.ratio(column, of)),
            n_items=int((rows[:, of] > 0).sum()),
            n_raters=panel.n_raters,
        )


def one_rater_pair_measures(panel: PairPanel, how: Resampling) -> Iterator[tuple[str, Measure]]:
    """Each rater alone on pairs of clips: his name with ``rater_tie_share``."""
    table = agreement.sum_by_prompt(raters.tie_table(panel.human), panel.prompts, panel.n_prompts)
    intervals = how.each_of_sums(table, raters.tie_shares, panel.human.shape[1])
    said = (~np.isnan(panel.human)).sum(axis=0)
    for rater, n_items, interval in zip(panel.raters, said, intervals, strict=True):
        if n_items:
            yield (
                rater,
                Measure(
                    statistic="rater_tie_share",
                    interval=interval,
                    n_items=int(n_items),
                    n_raters=1,
                ),
            )
