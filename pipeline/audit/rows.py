"""The rows of an audit, one generator of rows per kind of subject."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from pipeline.audit import names
from pipeline.audit.measures import left_out, of_raters, of_scores
from pipeline.audit.measures import of_pairs as paired
from pipeline.audit.measures.leaderboard import leaderboard_measures
from pipeline.audit.measures.measure import Measure, Resampling
from pipeline.audit.measures.position import position_measures, vote_position_measures
from pipeline.audit.measures.slice_tests import SliceGap, slice_gap_p
from pipeline.audit.measures.ties import tie_baselines, tie_ceiling
from pipeline.audit.names import ALL
from pipeline.audit.pair_panel import PairPanel
from pipeline.audit.panel import Panel
from pipeline.audit.result import AuditRow
from pipeline.audit.slices import PairSlices, Slices
from pipeline.audit.statistics import agreement
from pipeline.audit.statistics.bootstrap import Array
from pipeline.audit.targets import Target
from pipeline.formats.choice import Choice
from schemas import HumanVote

Found = tuple[AuditRow, int]  # a row, and how many prompts it had to leave out as undefined
Sliced = tuple[str, Measure]

MOST_RATERS = 50  # who are told one by one


def named(annotator: str, dimension: str, where: str, found: Iterable[Measure]) -> Iterator[Found]:
    """Rows of measures that share annotator, dimension and slice."""
    for one in found:
        row = AuditRow(
            annotator=annotator,
            statistic=one.statistic,
            dimension=dimension,
            slice=where,
            value=one.interval.value,
            low=one.interval.low,
            high=one.interval.high,
            n_items=one.n_items,
            n_raters=one.n_raters,
        )
        yield row, one.undefined_prompts


def sliced(annotator: str, dimension: str, found: Iterable[Sliced]) -> Iterator[Found]:
    """Rows of measures that each come with their slice."""
    for where, measure in found:
        yield from named(annotator, dimension, where, [measure])


def marked(videos: Sequence[str], held: frozenset[str]) -> npt.NDArray[np.bool_]:
    """Which of the videos (N,) a slice holds."""
    return np.asarray([video in held for video in videos], dtype=bool)


def parts(panel: Panel, slices: Slices, whole: str = ALL) -> Iterator[tuple[str, Panel]]:
    """The panel, and each slice of it that holds a clip."""
    yield whole, panel
    for where, held in slices.items():
        kept = marked(panel.videos, held)
        if kept.any():
            yield where, panel.take(kept)


def pair_parts(
    panel: PairPanel, slices: Slices, of_pairs: PairSlices, whole: str = ALL
) -> Iterator[tuple[str, PairPanel]]:
    """The pairs, and each slice of them: pairs with a clip of it on either side.

    Of ``generator!=NAME`` pairs with clips of it on both: it is there to leave that one out.
    """
    yield whole, panel
    for where, mask in pair_slices(panel, slices, of_pairs).items():
        yield where, panel.take(mask)


def pair_slices(
    panel: PairPanel, slices: Slices, of_pairs: PairSlices
) -> dict[str, npt.NDArray[np.bool_]]:
    """Masks (M,) of the slices that hold a pair."""
    found = {}
    for where, pairs in of_pairs.items():
        mask = np.asarray([(min(pair), max(pair)) in pairs for pair in panel.pairs], dtype=bool)
        if mask.any():
            found[where] = mask
    for where, held in slices.items():
        clips = marked(panel.videos, held)
        both = clips[panel.first] & clips[panel.second]
        mask = both if where.startswith("generator!=") else paired.touching(panel, clips)
        if mask.any():
            found[where] = mask
    return found


def rater_rows(
    target: Target, slices: Slices, levels: Array | None, how: Resampling
) -> Iterator[Found]:
    """The raters of one human dimension among each other, and each of them."""
    name, panel, pairs = target.name, target.panel, target.pairs
    if panel is not None:
        for where, part in parts(panel, slices):
            yield from named(names.RATERS, name, where, of_raters.rater_measures(part, levels, how))
    yield from named(names.RATERS, name, ALL, of_raters.rater_pair_measures(pairs, how))
    if not 1 < target.n_raters <= MOST_RATERS:
        return
    if panel is not None:
        yield from _each(name, of_raters.one_rater_measures(panel, how))
    yield from _each(name, of_raters.one_rater_pair_measures(pairs, how))
    yield from _each(name, paired.one_rater_pair_measures(pairs, how))


def _each(dimension: str, found: Iterable[tuple[str, Measure]]) -> Iterator[Found]:
    """Rows of measures that each come with the name of a rater."""
    for rater, measure in found:
        yield from named(names.RATER + rater, dimension, ALL, [measure])


def baseline_rows(target: Target, how: Resampling, seed: int) -> Iterator[Found]:
    """Chance, all ties, and the raters themselves on every pair they judged."""
    name, pairs, n = target.name, target.pairs, target.pairs.n_raters
    tied = paired.target_table(pairs, np.zeros(pairs.n_pairs))
    guessed = paired.chance_table(tied)
    yield from named(names.CHANCE, name, ALL, paired.pair_measures(guessed, n, how))
    yield from named(names.ALL_TIE, name, ALL, paired.pair_measures(tied, n, how))
    for who, measure in tie_baselines(pairs, how, seed):
        yield from named(who, name, ALL, [measure])
    if n < 2:
        return
    yield from named(names.HUMAN_CEILING, name, ALL, tie_ceiling(pairs, how, seed))
    if target.panel is not None:
        ceiling = left_out.ceiling_correlations(target.panel, how)
        yield from named(names.HUMAN_CEILING, name, ALL, ceiling)
    people = paired.left_out_tables(pairs, pairs.human)
    none = paired.left_out_tables(pairs, np.zeros((pairs.n_pairs, 1)))
    for who, tables in (
        (names.HUMAN_CEILING, people),
        (names.ALL_TIE, none),
        (names.CHANCE, [paired.chance_table(table) for table in none]),
    ):
        yield from named(who, name, ALL, paired.mean_measures(tables, n, how, pairs.n_prompts))


def score_rows(
    target: Target,
    annotator: str,
    panel: Panel,
    slices: Slices,
    levels: Array | None,
    how: Resampling,
    whole: str = ALL,
) -> Iterator[Found]:
    """An annotator's scores of clips against the raters' scores of them; ``whole`` names all."""
    for where, part in parts(panel, slices, whole):
        yield from named(annotator, target.name, where, of_scores.score_measures(part, levels, how))
        yield from named(annotator, target.name, where, of_scores.pooled_measures(part, how))


def pair_rows(
    target: Target,
    annotator: str,
    panel: PairPanel,
    slices: Slices,
    how: Resampling,
    whole: str = ALL,
    of_pairs: PairSlices = MappingProxyType({}),
) -> Iterator[Found]:
    """An annotator's pairs, whole and in slices, beside the ceiling on the same pairs."""
    for where, part in pair_parts(panel, slices, of_pairs, whole):
        assert part.judge is not None
        table = paired.target_table(part, part.judge)
        yield from named(
            annotator, target.name, where, paired.pair_measures(table, part.n_raters, how)
        )
        if part.n_raters > 1:
            yield from named(annotator, target.name, where, paired.left_out_measures(part, how))


def board_rows(
    target: Target, who: str, panel: PairPanel, differences: Array, how: Resampling
) -> Iterator[Found]:
    """A leaderboard of the generators, by an annotator's differences (M,) or the raters' (M, R)."""
    yield from sliced(who, target.name, leaderboard_measures(panel, differences, how))


def answered(rated: Panel, judged: Panel, how: Resampling) -> Measure:
    """The share of rated clips that an annotator scored."""
    scored = marked(rated.videos, frozenset(judged.videos)).astype(float)
    table = agreement.sum_by_prompt(
        np.column_stack([scored, np.ones(len(scored))]), rated.prompts, rated.n_prompts
    )
    return Measure(
        statistic="answered_share",
        interval=how.of_sums(table, agreement.ratio(0, 1)),
        n_items=len(rated.videos),
        n_raters=rated.n_raters,
    )


def on_scale(panel: Panel, levels: Array | None) -> bool:
    """Whether an annotator's scores lie on the raters' scale: not below it, not above it."""
    assert panel.judge is not None
    if levels is None or not len(panel.videos):
        return False
    return bool(panel.judge.min() >= levels[0] and panel.judge.max() <= levels[-1])


def vote_rows(votes: Sequence[HumanVote], how: Resampling) -> Iterator[Found]:
    """How often people prefer the clip shown first, by dimension."""
    for dimension in sorted({vote.dimension for vote in votes}):
        own = [vote for vote in votes if vote.dimension == dimension]
        yield from named(names.RATERS, dimension, ALL, vote_position_measures(own, how))


def choice_rows(
    choices: Sequence[Choice],
    votes: Sequence[HumanVote],
    answers: Mapping[str, Sequence[str]],
    how: Resampling,
) -> Iterator[Found]:
    """How annotators that chose between clips deal with order, and whether they say what people said.

    Labels are compared where one human dimension answers: several have no label together.
    """
    for annotator, dimension in sorted({(c.annotator_id, c.dimension) for c in choices}):
        own = [c for c in choices if (c.annotator_id, c.dimension) == (annotator, dimension)]
        theirs = answers.get(dimension, ())
        said = [vote for vote in votes if len(theirs) == 1 and vote.dimension == theirs[0]]
        found = position_measures(own, said, how)
        yield from named(annotator, dimension, ALL, (m for m in found if m.n_items))


def gap_rows(gaps: Sequence[tuple[str, str, SliceGap]]) -> Iterator[Found]:
    """The gap of every slice of every annotator and dimension, and its p value among them all."""
    adjusted = slice_gap_p([gap for _, _, gap in gaps])
    for (annotator, dimension, gap), p in zip(gaps, adjusted):
        yield from named(annotator, dimension, gap.slice, [gap.gap, p])
