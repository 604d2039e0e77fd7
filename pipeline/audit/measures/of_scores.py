"""From a panel to numbers: an annotator's scores against the raters', value by value and by rank.

The raters among each other are in `of_raters`, pairs of clips in `of_pairs`.
"""

import functools
import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pipeline.audit.measures.measure import Measure, Resampling
from pipeline.audit.measures.on_levels import agreements, by_prompt, mean_kappas, mean_score
from pipeline.audit.panel import Panel
from pipeline.audit.statistics import agreement, alpha, correlation
from pipeline.audit.statistics.bootstrap import Array

MAX_CONFUSED = 11  # shares of score pairs are left out where there are more levels

Positions = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


def score_measures(panel: Panel, levels: Array | None, how: Resampling) -> Iterator[Measure]:
    """An annotator's scores against the raters' as values of one scale.

    Only the mean unless both use the whole ``levels`` of the scale and nothing else: an unbounded
    metric or a mean of several scores has no exact agreement with a scale point.
    """
    assert panel.judge is not None
    yield mean_score(panel, panel.judge[:, None], how)
    if levels is None or not _on_levels(panel, levels):
        return
    measure = functools.partial(Measure, n_items=len(panel.videos), n_raters=panel.n_raters)
    same = agreement.agreeing_with_judge(panel.judge, panel.human)
    yield from agreements(by_prompt(panel, same), measure, how)
    couples = [(panel.judge, rater) for rater in panel.human.T]
    yield from mean_kappas(panel, couples, levels, measure, how)
    joined = np.column_stack([panel.human, panel.judge])
    table = alpha.coincidence_table(joined, levels, panel.prompts, panel.n_prompts)
    statistic = functools.partial(alpha.krippendorff_alpha, levels=levels, kind="ordinal")
    interval = how.of_sums(table, statistic)
    yield measure(statistic="krippendorff_alpha_ordinal_joined", interval=interval)


def confusion_measures(
    panel: Panel, levels: Array | None, how: Resampling
) -> Iterator[tuple[str, Measure]]:
    """``confusion_share`` with its slice ``human=H,judge=J``: every two levels, also at zero.

    The share of all pairs of an annotator's score and a rating of the same clip. Nothing where the
    scores are not whole ``levels``, as in :func:`score_measures`, or levels are more than
    ``MAX_CONFUSED``.
    """
    assert panel.judge is not None
    if levels is None or len(levels) > MAX_CONFUSED or not _on_levels(panel, levels):
        return
    table = by_prompt(panel, agreement.confusion(panel.judge, panel.human, levels))
    intervals = how.each_of_sums(table, agreement.shares, len(levels) ** 2)
    for (theirs, own), interval in zip(itertools.product(levels, repeat=2), intervals, strict=True):
        yield (
            f"human={theirs:g},judge={own:g}",
            Measure(
                statistic="confusion_share",
                interval=interval,
                n_items=len(panel.videos),
                n_raters=panel.n_raters,
            ),
        )


def _on_levels(panel: Panel, levels: Array) -> bool:
    assert panel.judge is not None
    known = np.append(panel.judge, panel.human[~np.isnan(panel.human)])
    return len(panel.videos) > 0 and bool(np.isin(known, levels).all())


def pooled_measures(panel: Panel, how: Resampling) -> Iterator[Measure]:
    """Correlations of an annotator with the mean of all raters, clips of all prompts pooled."""
    assert panel.judge is not None
    for names, family in correlation.POOLED.items():
        statistics = family(panel.judge, panel.target, panel.prompts, panel.n_prompts)
        intervals = how.each_of_counts(panel.n_prompts, statistics, len(names))
        for name, interval in zip(names, intervals, strict=True):
            yield Measure(
                statistic=name,
                interval=interval,
                n_items=len(panel.videos),
                n_raters=panel.n_raters,
            )


def within_measures(panel: Panel, positions: Positions, how: Resampling) -> Iterator[Measure]:
    """Rank correlations within each prompt with the mean of all raters, averaged over prompts.

    Every prompt of the panel has two clips or more; ``positions`` are all of their pairs.
    """
    assert panel.judge is not None
    n = panel.n_prompts
    values = correlation.within_prompts(panel.judge, panel.target, panel.prompts, n, positions)
    for name, of_prompt in zip(correlation.WITHIN_NAMES, values.T, strict=True):
        yield Measure(
            statistic=name,
            interval=how.of_sums(correlation.mean_defined(of_prompt), agreement.ratio(0, 1)),
            n_items=len(panel.videos),
            n_raters=panel.n_raters,
            undefined_prompts=int(np.isnan(of_prompt).sum()),
        )
