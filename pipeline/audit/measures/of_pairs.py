"""From pairs of clips to numbers: accuracy under every tie rule, and the ceiling that people set."""

import functools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pipeline.audit.measures.left_out import VARIANTS
from pipeline.audit.measures.measure import Measure, Resampling
from pipeline.audit.pair_panel import PairPanel
from pipeline.audit.statistics import ceiling, pairs
from pipeline.audit.statistics.bootstrap import Array, Statistic

SHARES: dict[str, Statistic] = {
    "pair_agreement_with_ties": pairs.agreement_with_ties,
    "judge_tie_share": pairs.judge_tie_share,
    "human_tie_share": pairs.target_tie_share,
}
ACCURACIES: dict[str, Statistic] = {
    f"pair_accuracy_{rule}": functools.partial(pairs.accuracy, rule=rule) for rule in pairs.RULES
}


def touching(panel: PairPanel, videos: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Pairs (M,) with a clip of those marked in ``videos`` (N,) on either side."""
    return np.asarray(videos[panel.first] | videos[panel.second])


def target_table(panel: PairPanel, differences: Array) -> Array:
    """Pair table (P, 5) of differences (M,) against all raters together."""
    return pairs.pair_table(differences, panel.target, panel.prompts, panel.n_prompts)


def pair_measures(table: Array, n_raters: int, how: Resampling) -> Iterator[Measure]:
    """Accuracy under every tie rule, agreement with ties and tie shares of a pair table (P, 5)."""
    untied, every = (int(table[:, column].sum()) for column in (pairs.UNTIED, pairs.PAIRS))
    statistics = {**ACCURACIES, **SHARES}
    intervals = how.each_of_sums(table, functools.partial(_each, statistics), len(statistics))
    for name, interval in zip(statistics, intervals, strict=True):
        yield Measure(
            statistic=name,
            interval=interval,
            n_items=untied if name in ACCURACIES else every,
            n_raters=n_raters,
        )


def _each(statistics: Mapping[str, Statistic], sums: Array) -> Array:
    """Several statistics (B, S) of the same sums."""
    return np.stack([statistic(sums) for statistic in statistics.values()], axis=1)


_accuracies = functools.partial(_each, ACCURACIES)


def chance_table(table: Array) -> Array:
    """Expected pair table of an annotator that never ties and guesses: half of the pairs right."""
    guess = np.zeros_like(table)
    guess[:, pairs.CORRECT] = table[:, pairs.UNTIED] / 2
    guess[:, [pairs.UNTIED, pairs.PAIRS]] = table[:, [pairs.UNTIED, pairs.PAIRS]]
    return guess


def left_out_tables(panel: PairPanel, differences: Array) -> list[Array]:
    """Pair tables (P, 5), one per rater left out, of differences (M, 1) of an annotator or (M, R) of
    the raters themselves, against those of the others."""
    own = np.broadcast_to(differences, panel.others.shape)
    return [
        pairs.pair_table(x, y, panel.prompts, panel.n_prompts)
        for x, y in zip(own.T, panel.others.T)
    ]


def left_out_measures(panel: PairPanel, how: Resampling) -> Iterator[Measure]:
    """An annotator and the raters on the same leave-one-out targets, and the ratio of the two."""
    assert panel.judge is not None
    people = left_out_tables(panel, panel.human)
    own = ceiling.mean_over_raters(left_out_tables(panel, panel.judge[:, None]), _accuracies)
    theirs = ceiling.mean_over_raters(people, _accuracies)

    def variants(counts: Array) -> Array:
        one, other = own(counts), theirs(counts)
        return np.concatenate([one, other, ceiling.of_ceiling(one, other)], axis=-1)

    names = [f"{name}_{variant}" for variant in VARIANTS for name in ACCURACIES]
    intervals = how.each_of_counts(panel.n_prompts, variants, len(names))
    for name, interval in zip(names, intervals, strict=True):
        yield Measure(
            statistic=name,
            interval=interval,
            n_items=_untied(people),
            n_raters=panel.n_raters,
        )


def mean_measures(
    tables: Sequence[Array], n_raters: int, how: Resampling, n_prompts: int
) -> Iterator[Measure]:
    """``pair_accuracy_*_loo`` of leave-one-out tables, such as the raters' own: the ceiling."""
    over = ceiling.mean_over_raters(tables, _accuracies)
    intervals = how.each_of_counts(n_prompts, over, len(ACCURACIES))
    for name, interval in zip(ACCURACIES, intervals, strict=True):
        yield Measure(
            statistic=f"{name}_loo",
            interval=interval,
            n_items=_untied(tables),
            n_raters=n_raters,
        )


def one_rater_pair_measures(panel: PairPanel, how: Resampling) -> Iterator[tuple[str, Measure]]:
    """Each rater against the mean of the others: the names of the raters, and their accuracies."""
    tables = left_out_tables(panel, panel.human)
    for rater, table in zip(panel.raters, tables):
        if not table[:, pairs.PAIRS].any():
            continue
        intervals = how.each_of_sums(table, _accuracies, len(ACCURACIES))
        for name, interval in zip(ACCURACIES, intervals, strict=True):
            yield (
                rater,
                Measure(
                    statistic=f"{name}_loo",
                    interval=interval,
                    n_items=_untied([table]),
                    n_raters=panel.n_raters,
                ),
            )


def _untied(tables: Sequence[Array]) -> int:
    return int(sum(table[:, pairs.UNTIED].sum() for table in tables))
