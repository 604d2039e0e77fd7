"""The audit: every annotator and the consensus against people, one row per number."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pipeline.audit import names, rows
from pipeline.audit.choices import Margins, Who, margins_of
from pipeline.audit.findings import Findings
from pipeline.audit.measures.jury import jury_measures
from pipeline.audit.measures.measure import Resampling
from pipeline.audit.names import ALL
from pipeline.audit.of_annotator import Shared, annotator_of, annotator_rows
from pipeline.audit.of_run import Conditions
from pipeline.audit.options import AuditOptions
from pipeline.audit.result import AuditResult, AuditRow, unmet
from pipeline.audit.rows import Found
from pipeline.audit.scope import notes_of, scope_of
from pipeline.audit.slices import chosen_clips, chosen_pairs, slices_of
from pipeline.audit.statistics.bootstrap import Array
from pipeline.audit.targets import (
    Said,
    answers_of,
    check_said,
    human_targets,
    our_targets,
)
from pipeline.formats.choice import Choice
from pipeline.formats.facts import ClipFacts
from pipeline.formats.labelled import UNKNOWN
from schemas import CONSENSUS, HumanRating, HumanVote, Score


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
    facts = _facts(clips, scores, ratings, votes)
    said = _said(scores, choices, ratings, votes, facts, options)
    judged = {r.video_id for r in said.ratings}
    judged |= {video for v in said.votes for video in (v.video_a, v.video_b)}
    shared = Shared(
        said=said,
        options=options,
        how=Resampling(resamples=options.resamples, seed=options.seed, level=options.level),
        slices={
            **slices_of(facts[video] for video in judged),
            **chosen_clips(chosen or {}),
        },
        pair_slices=chosen_pairs(chosen or {}),
        scales=scales or {},
        margins={**margins_of(said.choices), **(margins or {})},
        conditions=conditions or {},
        prompts={c.prompt_id: c.prompt for c in facts.values() if c.prompt is not None},
        rationales=rationales or {},
    )
    answers = answers_of(shared.said, options)
    check_said(shared.said, answers)
    found = Findings()
    for row, n_undefined in _rows(shared, answers, found):
        found.add(row, n_undefined)
    for row in replies:
        found.add(row, 0)
    return AuditResult(
        rows=tuple(found.rows),
        notes=(*notes, *notes_of(shared.said, answers, options), *found.notes),
        scope=scope_of(shared.said, answers, options),
        unmet=tuple(m for r in options.require for m in unmet(r, found.rows)),
        disagreements=tuple(found.disagreements),
        alt_test=tuple(found.alt_test),
    )


def _said(
    scores: Sequence[Score],
    choices: Sequence[Choice],
    ratings: Sequence[HumanRating],
    votes: Sequence[HumanVote],
    facts: Mapping[str, ClipFacts],
    options: AuditOptions,
) -> Said:
    """What was said of the clips of all generators but those that are left out."""
    gone = {v for v, clip in facts.items() if clip.generator in options.leave_out_generators}
    return Said(
        scores=[s for s in scores if s.video_id not in gone],
        choices=[c for c in choices if not gone & {c.video_a, c.video_b}],
        ratings=[r for r in ratings if r.video_id not in gone],
        votes=[v for v in votes if not gone & {v.video_a, v.video_b}],
        generators={video: clip.generator for video, clip in facts.items() if video not in gone},
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


def _rows(shared: Shared, answers: Mapping[str, list[str]], found: Findings) -> Iterator[Found]:
    said, how = shared.said, shared.how
    for target in human_targets(said):
        yield from rows.rater_rows(target, shared.slices, shared.levels(target.theirs), how)
    yield from rows.vote_rows(said.votes, how)
    for target in our_targets(said, answers):
        found.people(target.name, target.pairs)
        yield from rows.baseline_rows(target, how, shared.options.seed)
        yield from rows.board_rows(target, names.RATERS, target.pairs, target.pairs.human, how)
        found.board(names.RATERS, target.name, target.pairs, target.pairs.human)
        members: dict[str, Array] = {}
        for annotator in said.annotators:
            one = annotator_of(shared, target, annotator)
            if one is None:
                continue
            yield from annotator_rows(shared, target, one, found)
            if annotator != CONSENSUS:
                members[annotator] = one.gaps
        for who, measure in jury_measures(target.pairs, members, how):
            yield from rows.named(who, target.name, ALL, [measure])
    yield from rows.choice_rows(said.choices, said.votes, answers, how)
    yield from rows.gap_rows(found.gaps)
