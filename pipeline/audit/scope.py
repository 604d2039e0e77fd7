"""What an audit's numbers are about and how they were made, in words and for programs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.audit.names import LEAVE_ONE_OUT, STATISTICS
from pipeline.audit.options import AuditOptions
from schemas import HumanRating, Score


def notes_of(
    scores: Sequence[Score],
    ratings: Sequence[HumanRating],
    answers: Mapping[str, Sequence[str]],
    options: AuditOptions,
) -> Iterator[str]:
    """Sentences that a reader of the numbers must know."""
    if any(r.simulated for r in ratings):
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
        "a tie is a difference of at most 1e-9; no threshold is fitted"
    )
    yield "pearson, spearman, kendall_tau_b and kendall_tau_c pool the clips of all prompts"
    if options.leave_out_generators:
        yield "left out: clips of " + ", ".join(sorted(options.leave_out_generators))
    for ours, theirs in answers.items():
        if list(theirs) != [ours]:
            yield f"{ours} is held against the raters' {' and '.join(theirs)}" + (
                ", averaged per rater" if len(theirs) > 1 else ""
            )
    for ours in sorted({s.dimension for s in scores} - set(answers)):
        yield f"{ours} is not audited: no human dimension answers for it"
    for ours in sorted(set(options.dimensions) - {s.dimension for s in scores}):
        yield f"{ours} is not audited: it has no scores"
    if len({r.rater for r in ratings}) < 2:
        yield "one rater: no agreement among raters and no ceiling"
    rated, scored = ({x.video_id for x in xs} for xs in (ratings, scores))
    if rated - scored:
        yield f"{len(rated - scored)} rated clips have no score"


def scope_of(
    scores: Sequence[Score],
    ratings: Sequence[HumanRating],
    answers: Mapping[str, Sequence[str]],
    options: AuditOptions,
) -> dict[str, Any]:
    """The same for programs: who, what, how many, and how intervals were made."""
    rated = {r.video_id: r for r in ratings}
    return {
        "simulated": any(r.simulated for r in ratings),
        "annotators": sorted({s.annotator_id for s in scores}),
        "dimensions": {ours: list(theirs) for ours, theirs in answers.items()},
        "generators": sorted({r.generator for r in ratings}),
        "left_out_generators": sorted(options.leave_out_generators),
        "sources": sorted({r.source for r in ratings}),
        "n_ratings": len(ratings),
        "n_clips": len(rated),
        "n_prompts": len({r.prompt_id for r in rated.values()}),
        "n_raters": len({r.rater for r in ratings}),
        "resampling_unit": "prompt",
        "resamples": options.resamples,
        "seed": options.seed,
        "level": options.level,
        "statistics": STATISTICS,
        "leave_one_out": list(LEAVE_ONE_OUT),
    }
