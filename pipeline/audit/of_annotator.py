"""One annotator against people on one dimension: every row that follows from what it said."""

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from pipeline.audit import rows
from pipeline.audit.choices import Margins, Who, rationales_of
from pipeline.audit.disagreements import Known, worst_disagreements
from pipeline.audit.findings import Findings
from pipeline.audit.measures.alt_test import (
    alt_test_measures,
    alt_test_of_pairs,
    alt_test_of_scores,
)
from pipeline.audit.measures.calibration import calibration_accuracy, calibration_mean_rating
from pipeline.audit.measures.leaderboard import leaderboard_agreement
from pipeline.audit.measures.left_out import left_out_correlations
from pipeline.audit.measures.measure import Resampling, whole_levels
from pipeline.audit.measures.of_scores import confusion_measures, within_measures
from pipeline.audit.measures.slice_tests import slice_gaps
from pipeline.audit.measures.ties import tie_left_out, tie_measures
from pipeline.audit.names import ALL
from pipeline.audit.of_run import Conditions
from pipeline.audit.options import AuditOptions
from pipeline.audit.rows import Found
from pipeline.audit.slices import PairSlices, Slices
from pipeline.audit.statistics.bootstrap import Array
from pipeline.audit.statistics.pairs import within_prompt_pairs
from pipeline.audit.targets import Said, Target

DEFAULT_SCALE = (1.0, 5.0)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What every part of one audit shares."""

    said: Said
    options: AuditOptions
    how: Resampling
    slices: Slices
    pair_slices: PairSlices
    scales: Mapping[str, tuple[float, float]]  # of human dimensions
    margins: Margins
    conditions: Conditions
    prompts: Mapping[str, str]  # texts
    rationales: Mapping[Who, Mapping[str, str]]

    def levels(self, theirs: Sequence[str]) -> Array | None:
        """Every point of the scale of human dimensions, None where it has other points than whole ones."""
        scales = [self.scales.get(dimension, DEFAULT_SCALE) for dimension in theirs]
        return whole_levels((min(low for low, _ in scales), max(high for _, high in scales)))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Annotator:
    """One annotator on one dimension: its scores by clip, and what it makes of each pair (M,)."""

    name: str
    scores: Mapping[str, float]
    gaps: Array


def annotator_of(shared: Shared, target: Target, name: str) -> Annotator | None:
    """None where the annotator said nothing on the target's dimension."""
    scores = {
        s.video_id: s.mean
        for s in shared.said.scores
        if (s.annotator_id, s.dimension) == (name, target.ours)
    }
    margins = shared.margins.get((name, target.ours or ""), {})
    if not scores and not margins:
        return None
    return Annotator(name=name, scores=scores, gaps=target.pairs.differences(scores, margins))


def annotator_rows(
    shared: Shared, target: Target, one: Annotator, found: Findings
) -> Iterator[Found]:
    """Every row of one annotator on one dimension; what needs all annotators is put into ``found``."""
    how, options, name = shared.how, shared.options, target.name
    judged = target.pairs.judged(one.gaps)
    found.annotator(one.name, name, target.pairs, judged)
    yield from _clip_rows(shared, target, one, found)
    yield from rows.pair_rows(
        target, one.name, judged, shared.slices, how, of_pairs=shared.pair_slices
    )
    yield from _condition_rows(shared, target, one)
    yield from rows.named(one.name, name, ALL, tie_measures(judged, how, options.seed))
    if judged.n_raters > 1:
        yield from rows.named(one.name, name, ALL, tie_left_out(judged, how, options.seed))
        test = alt_test_of_pairs(judged, how, options.alt_test_epsilon)
        yield from rows.named(one.name, name, ALL, alt_test_measures(test))
        found.test(one.name, name, test)
    yield from rows.sliced(one.name, name, calibration_accuracy(judged, how))
    assert judged.judge is not None
    yield from rows.board_rows(target, one.name, judged, judged.judge, how)
    yield from rows.named(one.name, name, ALL, [leaderboard_agreement(judged, how)])
    found.board(one.name, name, judged, judged.judge)
    masks = rows.pair_slices(judged, shared.slices, shared.pair_slices)
    found.gaps += [(one.name, name, gap) for gap in slice_gaps(judged, masks, how)]
    found.disagreements += worst_disagreements(
        judged, one.name, name, options.disagreements, _known(shared, target, one)
    )


def _clip_rows(shared: Shared, target: Target, one: Annotator, found: Findings) -> Iterator[Found]:
    """What follows from scores of clips that people scored, too."""
    if target.panel is None or not one.scores:
        return
    how, name = shared.how, target.name
    levels = shared.levels(target.theirs)
    panel = target.panel.judged_by(one.scores)
    yield from rows.score_rows(target, one.name, panel, shared.slices, levels, how)
    answered = rows.answered(target.panel, panel, how)
    yield from rows.named(one.name, name, ALL, [answered])
    yield from rows.sliced(one.name, name, confusion_measures(panel, levels, how))
    yield from rows.sliced(one.name, name, calibration_mean_rating(panel, how))
    pairs_only = panel.take(np.bincount(panel.prompts)[panel.prompts] > 1)
    positions = within_prompt_pairs(pairs_only.prompts)
    yield from rows.named(one.name, name, ALL, within_measures(pairs_only, positions, how))
    if panel.n_raters > 1:
        yield from rows.named(one.name, name, ALL, left_out_correlations(panel, how))
        if rows.on_scale(panel, levels):
            test = alt_test_of_scores(panel, how, shared.options.alt_test_epsilon)
            yield from rows.named(one.name, name, ALL, alt_test_measures(test))
            found.test(one.name, name, test)


def _condition_rows(shared: Shared, target: Target, one: Annotator) -> Iterator[Found]:
    """The annotator's own slices: what it said at each temperature."""
    for where, scores in shared.conditions.get((one.name, target.ours or ""), {}).items():
        part = target.pairs.judged(target.pairs.differences(scores))
        yield from rows.pair_rows(target, one.name, part, {}, shared.how, where)
        if target.panel is not None:
            panel = target.panel.judged_by(scores)
            levels = shared.levels(target.theirs)
            yield from rows.score_rows(target, one.name, panel, {}, levels, shared.how, where)


def _known(shared: Shared, target: Target, one: Annotator) -> Known:
    """What stands beside a disagreement."""
    ratings: dict[str, dict[str, float]] = defaultdict(dict)
    if (panel := target.panel) is not None:
        for i, video in enumerate(panel.videos):
            for j in np.flatnonzero(~np.isnan(panel.human[i])):
                ratings[video][panel.raters[j]] = float(panel.human[i, j])
    return Known(
        prompts=shared.prompts,
        scores=one.scores,
        rationales=shared.rationales.get((one.name, target.ours or ""), {}),
        ratings=ratings,
        choice_rationales=rationales_of(shared.said.choices, one.name, target.ours or ""),
    )
