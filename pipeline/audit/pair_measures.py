"""From a panel to numbers: pairs of clips of one prompt, and the ceiling that people set."""

import functools
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from pipeline.audit import agreement, ceiling, pairs
from pipeline.audit.bootstrap import Array, Statistic
from pipeline.audit.measures import Measure, Resampling
from pipeline.audit.panel import Panel

Positions = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]

SHARES: dict[str, Statistic] = {
    "pair_agreement_with_ties": pairs.agreement_with_ties,
    "judge_tie_share": pairs.judge_tie_share,
    "human_tie_share": pairs.target_tie_share,
}
ACCURACIES: dict[str, Statistic] = {
    f"pair_accuracy_{rule}": functools.partial(pairs.accuracy, rule=rule) for rule in pairs.RULES
}

_MEAN = agreement.ratio(0, 1)  # of tables of a sum and a count


def in_pairs(panel: Panel) -> Panel:
    """The clips that another clip of the same prompt can be held against."""
    return panel.take(np.bincount(panel.prompts)[panel.prompts] > 1)


def pairs_of(panel: Panel, generator: str | None = None) -> Positions:
    """Pairs of clips of one prompt; with a generator, those with a clip of it on either side."""
    first, second = pairs.within_prompt_pairs(panel.prompts)
    if generator is not None:
        own = np.asarray([g == generator for g in panel.generators], dtype=bool)
        kept = own[first] | own[second]
        first, second = first[kept], second[kept]
    return first, second


def target_table(panel: Panel, scores: Array, positions: Positions) -> Array:
    """Pair table (P, 5) of scores (N,) against the mean of all raters; prompts with pairs only."""
    first, second = positions
    target = panel.target
    own, theirs = scores[first] - scores[second], target[first] - target[second]
    table = pairs.pair_table(own, theirs, panel.prompts[first], panel.n_prompts)
    return np.asarray(table[table[:, pairs.PAIRS] > 0])


def pair_measures(table: Array, n_raters: int, how: Resampling) -> Iterator[Measure]:
    """Accuracy under every tie rule, agreement with ties and tie shares of a pair table (P, 5)."""
    untied, every = (int(table[:, column].sum()) for column in (pairs.UNTIED, pairs.PAIRS))
    for name, statistic in {**ACCURACIES, **SHARES}.items():
        yield Measure(
            statistic=name,
            interval=how.of_sums(table, statistic),
            n_items=untied if name in ACCURACIES else every,
            n_raters=n_raters,
        )


def chance_table(table: Array) -> Array:
    """Expected pair table of an annotator that never ties and guesses: half of the pairs right."""
    guess = np.zeros_like(table)
    guess[:, pairs.CORRECT] = table[:, pairs.UNTIED] / 2
    guess[:, [pairs.UNTIED, pairs.PAIRS]] = table[:, [pairs.UNTIED, pairs.PAIRS]]
    return guess


def left_out_tables(panel: Panel, scores: Array, positions: Positions) -> list[Array]:
    """Pair tables of scores (N, 1), or of the raters' own (N, R), one per rater left out."""
    return ceiling.pair_tables(scores, panel.human, positions, panel.prompts, panel.n_prompts)


def left_out_measures(panel: Panel, positions: Positions, how: Resampling) -> Iterator[Measure]:
    """An annotator and the raters on the same leave-one-out targets, and the ratio of the two.

    Nothing where fewer than two raters rated a clip.
    """
    assert panel.judge is not None
    judge = left_out_tables(panel, panel.judge[:, None], positions)
    people = left_out_tables(panel, panel.human, positions)
    n_items = int(sum(table[:, pairs.UNTIED].sum() for table in people))
    for name, statistic in ACCURACIES.items():
        yield from _compared(name, judge, people, statistic, n_items, panel, how)


def left_out_spearman(panel: Panel, how: Resampling) -> Iterator[Measure]:
    """The same for Spearman's rho within each prompt."""
    assert panel.judge is not None
    judge, people = (
        _spearman_tables(panel, panel.judge[:, None]),
        _spearman_tables(panel, panel.human),
    )
    n_items = len(panel.videos)
    yield from _compared("spearman_within_prompt", judge, people, _MEAN, n_items, panel, how)


def mean_spearman(panel: Panel, how: Resampling) -> Measure:
    """``spearman_within_prompt_loo`` of the raters themselves: the ceiling."""
    over = ceiling.mean_over_raters(_spearman_tables(panel, panel.human), _MEAN)
    return Measure(
        statistic="spearman_within_prompt_loo",
        interval=how.of_counts(panel.n_prompts, over),
        n_items=len(panel.videos),
        n_raters=panel.n_raters,
    )


def _spearman_tables(panel: Panel, scores: Array) -> list[Array]:
    return ceiling.spearman_tables(scores, panel.human, panel.prompts, panel.n_prompts)


def _compared(
    base: str,
    judge: Sequence[Array],
    people: Sequence[Array],
    statistic: Statistic,
    n_items: int,
    panel: Panel,
    how: Resampling,
) -> Iterator[Measure]:
    own = ceiling.mean_over_raters(judge, statistic)
    theirs = ceiling.mean_over_raters(people, statistic)
    variants: dict[str, Statistic] = {
        "loo": own,
        "ceiling": theirs,
        "of_ceiling": lambda counts: own(counts) / theirs(counts),
    }
    for suffix, of_counts in variants.items():
        yield Measure(
            statistic=f"{base}_{suffix}",
            interval=how.of_counts(panel.n_prompts, of_counts),
            n_items=n_items,
            n_raters=panel.n_raters,
        )


def mean_measures(tables: Sequence[Array], n_raters: int, how: Resampling) -> Iterator[Measure]:
    """``pair_accuracy_*_loo`` of leave-one-out tables, such as the raters' own: the ceiling."""
    for name, statistic in ACCURACIES.items():
        over = ceiling.mean_over_raters(tables, statistic)
        yield Measure(
            statistic=f"{name}_loo",
            interval=how.of_counts(len(tables[0]), over),
            n_items=int(sum(table[:, pairs.UNTIED].sum() for table in tables)),
            n_raters=n_raters,
        )
