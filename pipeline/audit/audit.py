"""The audit: every annotator and the consensus against people, one row per number."""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from pipeline.audit import names, rows
from pipeline.audit.alt_test import (
    alt_test_measures,
    alt_test_of_pairs,
    alt_test_of_scores,
)
from pipeline.audit.bootstrap import Array
from pipeline.audit.calibration import calibration_accuracy, calibration_mean_rating
from pipeline.audit.choices import Choice, Margins, Who, margins_of, rationales_of
from pipeline.audit.disagreements import Known, worst_disagreements
from pipeline.audit.findings import Findings
from pipeline.audit.jury import jury_measures
from pipeline.audit.leaderboard import leaderboard_agreement
from pipeline.audit.measures import (
    Resampling,
    confusion_measures,
    left_out_correlations,
    whole_levels,
    within_measures,
)
from pipeline.audit.names import ALL
from pipeline.audit.of_run import Conditions
from pipeline.audit.options import AuditOptions
from pipeline.audit.pairs import within_prompt_pairs
from pipeline.audit.ratings import check_ratings
from pipeline.audit.result import AuditResult, AuditRow, unmet
from pipeline.audit.rows import Found
from pipeline.audit.scope import notes_of, scope_of
from pipeline.audit.slice_tests import slice_gaps
from pipeline.audit.slices import PairSlices, Slices, chosen_clips, chosen_pairs, slices_of
from pipeline.audit.targets import (
    Said,
    Target,
    answers_of,
    check_said,
    human_targets,
    our_targets,
)
from pipeline.audit.ties import tie_left_out, tie_measures
from pipeline.formats.facts import ClipFacts
from pipeline.formats.labelled import UNKNOWN
from schemas import CONSENSUS, HumanRating, HumanVote, Score

__all__ = ["AuditResult", "AuditRow", "audit", "check_ratings"]

DEFAULT_SCALE = (1.0, 5.0)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """What every part of one audit shares."""

    said: Said
    options: AuditOptions
    how: Resampling
    slices: Slices
    pair_slices: PairSlices
    scales: Mapping[str, tuple[float, float]]  # of human dimensions
    margins: Margins
    conditions: Conditions
    known: "_Known"

    def levels(self, theirs: Sequence[str]) -> Array | None:
        """Every point of the scale of human dimensions, None where it has other points than whole ones."""
        scales = [self.scales.get(dimension, DEFAULT_SCALE) for dimension in theirs]
        return whole_levels((min(low for low, _ in scales), max(high for _, high in scales)))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    prompts: Mapping[str, str]
    rationales: Mapping[Who, Mapping[str, str]]


def audit(
    scores: Sequence[Score],
    ratings: Sequence[HumanRating],
    options: AuditOptions,
    notes: Iterable[str] = (),
    *,
    votes: Sequence[HumanVote] = (),
    choices: Sequence[Choice] = (),
    margins: Margins | None = None,
    scales: Mapping[str, tuple[float, float]] | None = None,
    clips: Iterable[ClipFacts] = (),
    conditions: Conditions | None = None,
    rationales: Mapping[Who, Mapping[str, str]] | None = None,
    replies: Sequence[AuditRow] = (),
    chosen: Mapping[tuple[str, ...], str] | None = None,
) -> AuditResult:
    """Hold what annotators said against what people said of the same clips.

    The order of anything given changes nothing. ``scores`` and ``choices`` are the annotators',
    ``margins`` what those that compare make of each pair; ``ratings`` and ``votes`` the people's,
    ``scales`` of the dimensions they rated (1 to 5 where not given). ``clips`` tell what slices there
    are, ``conditions`` the scores an annotator gave in slices of its own (a temperature). ``rationales``
    stand beside the worst disagreements, ``replies`` are rows on how judges replied. ``chosen`` says why
    clips or pairs, by sorted video ids, were given to people, and makes a slice of each reason. ``notes``
    of whoever read all that (rows without a clip, off the scale) are passed on.

    Raises :class:`SetupError` where nothing can be compared: no rating, a human dimension named in the
    options that nobody rated, an annotator named like a baseline, something said twice.
    """
    frame = _frame(
        scores,
        ratings,
        options,
        votes,
        choices,
        margins,
        scales,
        clips,
        conditions,
        rationales,
        chosen or {},
    )
    answers = answers_of(frame.said, options)
    check_said(frame.said, answers)
    found = Findings()
    for row, n_undefined in _rows(frame, answers, found):
        found.add(row, n_undefined)
    for row in replies:
        found.add(row, 0)
    return AuditResult(
        rows=tuple(found.rows),
        notes=(*notes, *notes_of(frame.said, answers, options), *found.notes),
        scope=scope_of(frame.said, answers, options),
        unmet=tuple(m for r in options.require for m in unmet(r, found.rows)),
        disagreements=tuple(found.disagreements),
        alt_test=tuple(found.alt_test),
    )


def _frame(
    scores: Sequence[Score],
    ratings: Sequence[HumanRating],
    options: AuditOptions,
    votes: Sequence[HumanVote],
    choices: Sequence[Choice],
    margins: Margins | None,
    scales: Mapping[str, tuple[float, float]] | None,
    clips: Iterable[ClipFacts],
    conditions: Conditions | None,
    rationales: Mapping[Who, Mapping[str, str]] | None,
    chosen: Mapping[tuple[str, ...], str],
) -> _Frame:
    facts = _facts(clips, scores, ratings, votes)
    gone = {v for v, clip in facts.items() if clip.generator in options.leave_out_generators}
    said = Said(
        scores=[s for s in scores if s.video_id not in gone],
        choices=[c for c in choices if not gone & {c.video_a, c.video_b}],
        ratings=[r for r in ratings if r.video_id not in gone],
        votes=[v for v in votes if not gone & {v.video_a, v.video_b}],
        generators={video: clip.generator for video, clip in facts.items() if video not in gone},
    )
    judged = {r.video_id for r in said.ratings}
    judged |= {video for v in said.votes for video in (v.video_a, v.video_b)}
    return _Frame(
        said=said,
        options=options,
        how=Resampling(resamples=options.resamples, seed=options.seed, level=options.level),
        slices={
            **slices_of(facts[video] for video in judged if video in facts),
            **chosen_clips(chosen),
        },
        pair_slices=chosen_pairs(chosen),
        scales=scales or {},
        margins={**margins_of(said.choices), **(margins or {})},
        conditions=conditions or {},
        known=_Known(
            prompts={c.prompt_id: c.prompt for c in facts.values() if c.prompt is not None},
            rationales=rationales or {},
        ),
    )


def _facts(
    clips: Iterable[ClipFacts],
    scores: Sequence[Score],
    ratings: Sequence[HumanRating],
    votes: Sequence[HumanVote],
) -> dict[str, ClipFacts]:
    """What is known of every clip; of those that only a score, rating or vote names, no more than that."""
    facts = {clip.video_id: clip for clip in clips}
    named: list[Score | HumanRating] = [*scores, *ratings]
    for x in named:
        if x.video_id not in facts:
            facts[x.video_id] = ClipFacts(
                video_id=x.video_id, prompt_id=x.prompt_id, generator=x.generator
            )
    for vote in votes:
        for video in (vote.video_a, vote.video_b):
            if video not in facts:
                facts[video] = ClipFacts(
                    video_id=video, prompt_id=vote.prompt_id, generator=UNKNOWN
                )
    return facts


def _rows(frame: _Frame, answers: Mapping[str, list[str]], found: Findings) -> Iterator[Found]:
    said, how = frame.said, frame.how
    for target in human_targets(said):
        yield from rows.rater_rows(target, frame.slices, frame.levels(target.theirs), how)
    yield from rows.vote_rows(said.votes, how)
    for target in our_targets(said, answers):
        found.people(target.name, target.pairs)
        yield from rows.baseline_rows(target, how, frame.options.seed)
        yield from rows.board_rows(target, names.RATERS, target.pairs, target.pairs.human, how)
        found.board(names.RATERS, target.name, target.pairs, target.pairs.human)
        members: dict[str, Array] = {}
        for annotator in said.annotators:
            one = _annotator(frame, target, annotator)
            if one is None:
                continue
            yield from _annotator_rows(frame, target, one, found)
            if annotator != CONSENSUS:
                members[annotator] = one.gaps
        for who, measure in jury_measures(target.pairs, members, how):
            yield from rows.named(who, target.name, ALL, [measure])
    yield from rows.choice_rows(said.choices, said.votes, answers, how)
    yield from rows.gap_rows(found.gaps)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Annotator:
    """One annotator on one dimension: its scores by clip, and what it makes of each pair (M,)."""

    name: str
    scores: Mapping[str, float]
    gaps: Array


def _annotator(frame: _Frame, target: Target, name: str) -> _Annotator | None:
    """None where the annotator said nothing on the target's dimension."""
    scores = {
        s.video_id: s.mean
        for s in frame.said.scores
        if (s.annotator_id, s.dimension) == (name, target.ours)
    }
    margins = frame.margins.get((name, target.ours or ""), {})
    if not scores and not margins:
        return None
    return _Annotator(name=name, scores=scores, gaps=target.pairs.differences(scores, margins))


def _annotator_rows(
    frame: _Frame, target: Target, one: _Annotator, found: Findings
) -> Iterator[Found]:
    how, options, name = frame.how, frame.options, target.name
    judged = target.pairs.judged(one.gaps)
    found.annotator(one.name, name, target.pairs, judged)
    yield from _clip_rows(frame, target, one, found)
    yield from rows.pair_rows(
        target, one.name, judged, frame.slices, how, of_pairs=frame.pair_slices
    )
    yield from _condition_rows(frame, target, one)
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
    masks = rows.pair_slices(judged, frame.slices, frame.pair_slices)
    found.gaps += [(one.name, name, gap) for gap in slice_gaps(judged, masks, how)]
    found.disagreements += worst_disagreements(
        judged, one.name, name, options.disagreements, _known(frame, target, one)
    )


def _clip_rows(frame: _Frame, target: Target, one: _Annotator, found: Findings) -> Iterator[Found]:
    """What follows from scores of clips that people scored, too."""
    if target.panel is None or not one.scores:
        return
    how, name = frame.how, target.name
    levels = frame.levels(target.theirs)
    panel = target.panel.judged_by(one.scores)
    yield from rows.score_rows(target, one.name, panel, frame.slices, levels, how)
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
            test = alt_test_of_scores(panel, how, frame.options.alt_test_epsilon)
            yield from rows.named(one.name, name, ALL, alt_test_measures(test))
            found.test(one.name, name, test)


def _condition_rows(frame: _Frame, target: Target, one: _Annotator) -> Iterator[Found]:
    """The annotator's own slices: what it said at each temperature."""
    for where, scores in frame.conditions.get((one.name, target.ours or ""), {}).items():
        part = target.pairs.judged(target.pairs.differences(scores))
        yield from rows.pair_rows(target, one.name, part, {}, frame.how, where)
        if target.panel is not None:
            panel = target.panel.judged_by(scores)
            levels = frame.levels(target.theirs)
            yield from rows.score_rows(target, one.name, panel, {}, levels, frame.how, where)


def _known(frame: _Frame, target: Target, one: _Annotator) -> Known:
    """What stands beside a disagreement."""
    ratings: dict[str, dict[str, float]] = defaultdict(dict)
    if (panel := target.panel) is not None:
        for i, video in enumerate(panel.videos):
            for j in np.flatnonzero(~np.isnan(panel.human[i])):
                ratings[video][panel.raters[j]] = float(panel.human[i, j])
    return Known(
        prompts=frame.known.prompts,
        scores=one.scores,
        rationales=frame.known.rationales.get((one.name, target.ours or ""), {}),
        ratings=ratings,
        choice_rationales=rationales_of(frame.said.choices, one.name, target.ours or ""),
    )
