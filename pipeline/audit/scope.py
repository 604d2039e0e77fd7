"""What an audit's numbers are about and how they were made, in words and for programs."""

import itertools
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from typing import Any

from pipeline.audit.names import LEAVE_ONE_OUT, STATISTICS
from pipeline.audit.options import AuditOptions
from pipeline.audit.slices import REAL
from pipeline.audit.targets import Said
from pipeline.formats.people import MEAN


def notes_of(
    said: Said, answers: Mapping[str, Sequence[str]], options: AuditOptions
) -> Iterator[str]:
    """Sentences that a reader of the numbers must know."""
    if any(x.simulated for x in said.of_people):
        yield "the ratings are simulated: nobody looked at these clips"
    yield (
        f"{100 * options.level:g} % percentile intervals, {options.resamples} resamples of whole "
        f"prompts, seed {options.seed}"
    )
    yield (
        "target: mean of all raters; names ending in _loo, _ceiling, _of_ceiling: mean of all "
        "raters but one, averaged over the one left out, and comparable only with each other"
    )
    yield (
        "pairs are two clips of one prompt; pairs tied in the target are left out of accuracies; "
        "a tie is a difference of at most 1e-9, but for pair_accuracy_with_ties, whose threshold is "
        "fitted on one half of the prompts (by hash) and frozen for the other"
    )
    if said.ratings:
        yield "pearson, spearman, kendall_tau_b and kendall_tau_c pool the clips of all prompts"
    if said.votes:
        yield "a vote for a clip is +1 and a tie of any kind 0; several votes make their mean"
    if options.leave_out_generators:
        yield "left out: clips of " + ", ".join(sorted(options.leave_out_generators))
    elif REAL in said.generators.values():
        yield "clips that nobody generated are in; the slice generator!=real leaves them out"
    yield from _of_dimensions(said, answers, options)
    yield from _of_people(said)


def _of_dimensions(
    said: Said, answers: Mapping[str, Sequence[str]], options: AuditOptions
) -> Iterator[str]:
    for ours, theirs in answers.items():
        if list(theirs) != [ours]:
            yield f"{ours} is held against the raters' {' and '.join(theirs)}" + (
                ", averaged per rater" if len(theirs) > 1 else ""
            )
    for ours in sorted(set(said.ours) - set(answers)):
        yield f"{ours} is not audited: no human dimension answers for it"
    for ours in sorted(set(options.dimensions) - set(said.ours)):
        yield f"{ours} is not audited: it has no scores"


def _of_people(said: Said) -> Iterator[str]:
    people = {x.rater for x in said.of_people}
    if people == {MEAN}:
        yield "the ratings are means of several raters: no agreement among raters and no ceiling"
    elif len(people) < 2:
        yield "one rater: no agreement among raters and no ceiling"
    elif not _several(said):
        yield "no two raters judged the same clips: no agreement among raters and no ceiling"
    rated = {r.video_id for r in said.ratings}
    scored = {s.video_id for s in said.scores}
    if scored and rated - scored:
        yield f"{len(rated - scored)} rated clips have no score"


def _several(said: Said) -> bool:
    """Whether two people judged the same clip, or pair of clips, on one dimension."""
    first: dict[tuple[object, ...], str] = {}
    rated = ((r.rater, (r.video_id, r.dimension)) for r in said.ratings)
    voted = ((v.rater, (frozenset((v.video_a, v.video_b)), v.dimension)) for v in said.votes)
    return any(first.setdefault(item, who) != who for who, item in itertools.chain(rated, voted))


def scope_of(
    said: Said, answers: Mapping[str, Sequence[str]], options: AuditOptions
) -> dict[str, Any]:
    """The same for programs: who, what, how many, and how intervals were made."""
    prompts = {x.prompt_id for x in said.of_people}
    clips = {r.video_id for r in said.ratings}
    clips |= {video for v in said.votes for video in (v.video_a, v.video_b)}
    return {
        "simulated": any(x.simulated for x in said.of_people),
        "annotators": said.annotators,
        "dimensions": {ours: list(theirs) for ours, theirs in answers.items()},
        "generators": sorted({said.generators[video] for video in clips}),
        "left_out_generators": sorted(options.leave_out_generators),
        "sources": sorted({x.source for x in said.of_people}),
        "n_ratings": len(said.ratings),
        "n_votes": len(said.votes),
        "n_clips": len(clips),
        "n_prompts": len(prompts),
        "n_raters": len({x.rater for x in said.of_people}),
        "grouping": "pairs are two clips of one prompt, pooled over prompts; ranks within a prompt are "
        "averaged over prompts",
        "target": "mean of all raters; where one is left out, mean of the others, for annotator and rater "
        "alike",
        "tie_rule": "a difference of at most 1e-9; pairs that the raters tie have no right answer; what a "
        "tie of the annotator counts stands in the name",
        "threshold": "only of pair accuracy with ties: fitted on one half of the prompts, drawn by hash, "
        "and frozen for the other",
        "alt_test_epsilon": options.alt_test_epsilon,
        "resampling_unit": "prompt",
        "resamples": options.resamples,
        "seed": options.seed,
        "level": options.level,
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in ("videoprefer", "numpy", "scipy")},
        },
        "statistics": STATISTICS,
        "leave_one_out": list(LEAVE_ONE_OUT),
    }
