"""Correlations with one rater left out: an annotator's and the raters' own, against the same targets."""

from collections.abc import Iterator, Mapping

import numpy as np

from pipeline.audit.measures.measure import Measure, Resampling
from pipeline.audit.panel import Panel
from pipeline.audit.statistics.bootstrap import Array
from pipeline.audit.statistics.ceiling import left_out, mean_of_left_out, of_ceiling, others_mean
from pipeline.audit.statistics.correlation import (
    POOLED,
    WITHIN,
    WITHIN_NAMES,
    Family,
    within_prompts,
)
from pipeline.audit.statistics.pairs import within_prompt_pairs

VARIANTS = ("loo", "ceiling", "of_ceiling")


def left_out_correlations(panel: Panel, how: Resampling) -> Iterator[Measure]:
    """An annotator and the raters by every correlation, and the ratio of the two.

    The target is the mean of all raters but one, on the clips that this one rated, and the number is
    the mean over the one left out: ``_loo`` of the annotator, ``_ceiling`` of the one left out, both
    on the same clips and targets. ``_of_ceiling`` is undefined where the ceiling is not positive.
    Nothing where no two raters rated the same clip. Within prompts, only those with two clips or
    more; ``undefined_prompts`` of these counts prompts that say nothing whoever is left out. A prompt
    that one side ties throughout has no rank correlation for that side alone, so coarse raters of few
    clips are measured on fewer prompts than an annotator that never ties.
    """
    assert panel.judge is not None
    for part, families in _parts(panel):
        judge = np.asarray(part.judge)[:, None]
        for names, family in families.items():
            yield from _compared(part, judge, names, family, how)


def ceiling_correlations(panel: Panel, how: Resampling) -> Iterator[Measure]:
    """``_loo`` of every correlation of the raters themselves, on all clips that they rated."""
    for part, families in _parts(panel):
        for names, family in families.items():
            statistics = mean_of_left_out(part.human, part.human, part.prompts, family)
            undefined = _undefined(part, part.human, names)
            intervals = how.each_of_counts(part.n_prompts, statistics, len(names))
            for name, interval in zip(names, intervals, strict=True):
                yield Measure(
                    statistic=f"{name}_loo",
                    interval=interval,
                    n_items=len(part.videos),
                    n_raters=part.n_raters,
                    undefined_prompts=undefined.get(name, 0),
                )


def _parts(panel: Panel) -> Iterator[tuple[Panel, Mapping[tuple[str, ...], Family]]]:
    """Clips that two raters rated, and those of them in prompts with two, with their families."""
    panel = panel.take(np.asarray(~np.isnan(others_mean(panel.human)).all(axis=1)))
    if panel.videos:
        yield panel, POOLED
        several = np.bincount(panel.prompts)[panel.prompts] > 1
        if several.any():
            yield panel.take(several), WITHIN


def _compared(
    panel: Panel, judge: Array, names: tuple[str, ...], family: Family, how: Resampling
) -> Iterator[Measure]:
    own = mean_of_left_out(judge, panel.human, panel.prompts, family)
    theirs = mean_of_left_out(panel.human, panel.human, panel.prompts, family)

    def statistics(counts: Array) -> Array:
        one, other = own(counts), theirs(counts)
        return np.concatenate([one, other, of_ceiling(one, other)], axis=1)

    intervals = how.each_of_counts(panel.n_prompts, statistics, len(VARIANTS) * len(names))
    undefined = [_undefined(panel, scores, names) for scores in (judge, panel.human)]
    for i, variant in enumerate(VARIANTS):
        for name, interval in zip(names, intervals[i * len(names) :]):
            yield Measure(
                statistic=f"{name}_{variant}",
                interval=interval,
                n_items=len(panel.videos),
                n_raters=panel.n_raters,
                undefined_prompts=undefined[i].get(name, 0) if i < len(undefined) else 0,
            )


def _undefined(panel: Panel, scores: Array, names: tuple[str, ...]) -> dict[str, int]:
    """Prompts without a value, whichever rater is left out, by statistic within prompts."""
    if names != WITHIN_NAMES:
        return {}
    defined = np.zeros((panel.n_prompts, len(names)), dtype=bool)
    for x, y, prompts, used in left_out(scores, panel.human, panel.prompts):
        pairs = within_prompt_pairs(prompts)
        defined[used] |= np.isfinite(within_prompts(x, y, prompts, len(used), pairs))
    return dict(zip(names, (~defined).sum(axis=0).tolist(), strict=True))
