"""Numbers that raters among each other and an annotator with the raters have in common."""

import functools
from collections.abc import Iterator, Sequence

import numpy as np

from pipeline.audit.measures.measure import Measure, Resampling
from pipeline.audit.panel import Panel
from pipeline.audit.statistics import agreement, ceiling, kappa
from pipeline.audit.statistics.bootstrap import Array

Partial = functools.partial[Measure]

KAPPAS = ("cohen_kappa", "cohen_kappa_linear", "cohen_kappa_quadratic")  # as kappa.WEIGHTS


def by_prompt(panel: Panel, table: Array) -> Array:
    """Sums (P, k) of rows (N, k), one for each clip of the panel."""
    return agreement.sum_by_prompt(table, panel.prompts, panel.n_prompts)


def mean_score(panel: Panel, scores: Array, how: Resampling) -> Measure:
    """``mean_score`` of scores (N, R) of the panel's clips, each score weighing the same."""
    known = ~np.isnan(scores)
    table = np.column_stack([np.where(known, scores, 0.0).sum(axis=1), known.sum(axis=1)])
    return Measure(
        statistic="mean_score",
        interval=how.of_sums(by_prompt(panel, table), agreement.ratio(0, 1)),
        n_items=len(panel.videos),
        n_raters=panel.n_raters,
    )


def agreements(table: Array, measure: Partial, how: Resampling) -> Iterator[Measure]:
    """Exact and within-one agreement of a table (P, 3): equal, within one, all."""
    yield measure(statistic="exact_agreement", interval=how.of_sums(table, agreement.ratio(0, 2)))
    interval = how.of_sums(table, agreement.ratio(1, 2))
    yield measure(statistic="within_one_agreement", interval=interval)


def mean_kappas(
    panel: Panel,
    couples: Sequence[tuple[Array, Array]],
    levels: Array,
    measure: Partial,
    how: Resampling,
) -> Iterator[Measure]:
    """Cohen's kappas of couples of scores (N,), the mean over couples for whom each is defined."""
    tables = [by_prompt(panel, kappa.kappa_table(*couple, levels)) for couple in couples]
    statistics = functools.partial(kappa.cohen_kappas, levels=levels)
    over = ceiling.mean_over_raters(tables, statistics)
    intervals = how.each_of_counts(panel.n_prompts, over, len(KAPPAS))
    for name, interval in zip(KAPPAS, intervals, strict=True):
        yield measure(statistic=name, interval=interval)
