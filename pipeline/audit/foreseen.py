"""What can be known of an audit before any work: whether it will have anything to say of a run.

People's words are there before a judge is asked. Whatever an audit would end with because of them, a
requirement that no judge could meet among it, is told before money is spent.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence

from pipeline.audit import names
from pipeline.audit.options import AuditOptions, Requirement
from pipeline.audit.ratings import People
from pipeline.audit.simulated_raters import DIMENSIONS, SOURCE, SimulatedRaters
from pipeline.audit.targets import Said, Target, answers_of, check_said, human_targets, our_targets
from pipeline.formats.facts import ClipFacts
from schemas import CONSENSUS, HumanRating, Score
from schemas.options import SetupError


def check_foreseen(
    options: AuditOptions,
    people: People,
    clips: Sequence[ClipFacts],
    annotators: Sequence[str],
    ours: Sequence[str],
    *,
    scored: bool = True,
    compared: bool = False,
) -> list[str]:
    """Notes on options that name nothing of the run.

    ``people`` are all that the files say of its ``clips``, ``annotators`` and ``ours`` the annotators and
    dimensions that it will have; ``scored`` and ``compared``: whether clips are scored on their own, and
    held against each other. Raises :class:`SetupError` for what the audit at the end of the run could
    only fail with, and for a requirement that can never be met.
    """
    gone = {clip.video_id for clip in clips if clip.generator in options.leave_out_generators}
    said = Said(
        scores=[
            _placeholder(annotator, dimension, clip)
            for clip in clips[:1]
            for annotator in (*annotators, CONSENSUS)
            for dimension in ours
        ],
        choices=[],
        ratings=[r for r in _with_simulated(options, people, clips) if r.video_id not in gone],
        votes=[v for v in people.votes if not gone & {v.video_a, v.video_b}],
        generators={c.video_id: c.generator for c in clips if c.video_id not in gone},
    )
    if gone and not said.of_people:
        raise SetupError(
            "audit.leave_out_generators: people rated no clip of any other generator, so the audit would "
            "be of nothing; leave out fewer"
        )
    answers = answers_of(said, options)
    check_said(said, answers)
    if options.require:
        theirs, targets = list(human_targets(said)), list(our_targets(said, answers))
        for asked in options.require:
            _check(asked, annotators, targets, theirs, scored, compared)
    return [*_unknown(options, clips, ours)]


def _placeholder(annotator: str, dimension: str, clip: ClipFacts) -> Score:
    """That there will be scores; what they are does not matter."""
    return Score(
        video_id=clip.video_id,
        dimension=dimension,
        annotator_id=annotator,
        prompt_id=clip.prompt_id,
        generator=clip.generator,
        mean=0.0,
        spread=None,
        n=1,
    )


def _with_simulated(
    options: AuditOptions, people: People, clips: Sequence[ClipFacts]
) -> Iterator[HumanRating]:
    """With the simulated raters, who rate every clip; what they will say does not matter."""
    yield from people.ratings
    for source in options.ratings:
        if isinstance(source, SimulatedRaters):
            for clip in clips:
                for rater in range(source.raters):
                    for dimension in DIMENSIONS:
                        yield HumanRating(
                            video_id=clip.video_id,
                            rater=f"simulated-rater-{rater}",
                            dimension=dimension,
                            prompt_id=clip.prompt_id,
                            generator=clip.generator,
                            score=3.0,
                            source=SOURCE,
                            simulated=True,
                        )


def _unknown(
    options: AuditOptions, clips: Iterable[ClipFacts], ours: Collection[str]
) -> Iterator[str]:
    made = {clip.generator for clip in clips}
    for name in options.leave_out_generators:
        if name not in made:
            yield (
                f"audit.leave_out_generators: no clip is by {name!r}; generators are "
                + ", ".join(sorted(made))
            )
    for name in options.dimensions:
        if name not in ours:
            yield f"audit.dimensions: {name!r} is not judged here; judged are {', '.join(ours)}"


# requirements

_OF_SLICES = frozenset({
    "confusion_share", "calibration_accuracy", "calibration_mean_rating", "slice_gap", "slice_gap_p",
    "bradley_terry_strength", "davidson_strength",
})  # fmt: skip
_OF_CHOICES = frozenset({"label_accuracy"})  # a run's comparisons are audited as margins of pairs
_OF_JUDGES = frozenset(
    {*names.REPLIES, *names.POSITION}
)  # told of each judge, not of their consensus
_ON_LEVELS = frozenset({
    "mean_score", "exact_agreement", "within_one_agreement", "cohen_kappa", "cohen_kappa_linear",
    "cohen_kappa_quadratic",
})  # fmt: skip
_AMONG_RATERS = frozenset({
    "fleiss_kappa", "krippendorff_alpha_nominal", "krippendorff_alpha_ordinal",
    "krippendorff_alpha_interval", "krippendorff_alpha_interval_centred", "icc_2_1", "icc_2_k",
    "rater_pair_agreement", "rater_pair_agreement_strict", "rater_pair_coverage",
})  # fmt: skip
_OF_ONE_RATER = frozenset({"rater_mean", "rater_sd", "rater_offset", "rater_tie_share"})
_OF_COUPLES = frozenset({"error_correlation"})
_OF_JURIES = frozenset({"mean_error_correlation", "effective_judges", "all_wrong"})
_OF_ACCURACY = frozenset({
    "pair_accuracy_ties_half", "pair_accuracy_ties_wrong", "pair_accuracy_ties_excluded",
})  # fmt: skip
_LEFT_OUT = ("_loo", "_ceiling", "_of_ceiling")  # one rater is: there must be another

_OF_ANNOTATORS = (
    frozenset(names.STATISTICS)
    - _OF_SLICES - _OF_CHOICES - _AMONG_RATERS - _OF_ONE_RATER - _OF_COUPLES - _OF_JURIES
)  # fmt: skip
_ACCURACY_LOO = frozenset(f"{name}_loo" for name in _OF_ACCURACY)
_BASELINES = _OF_ACCURACY | _ACCURACY_LOO | {
    "pair_accuracy_with_ties", "pair_accuracy_with_ties_optimistic", "pair_agreement_with_ties",
    "judge_tie_share", "human_tie_share",
}  # fmt: skip
MEASURED = {  # of whom -> what, over everything
    names.RATERS: _ON_LEVELS | _AMONG_RATERS | {"davidson_tie", "first_position_rate"},
    names.RATER: _OF_ONE_RATER | _ACCURACY_LOO,
    names.HUMAN_CEILING: frozenset(f"{name}_loo" for name in names.LEAVE_ONE_OUT),
    names.CHANCE: _BASELINES,
    names.ALL_TIE: _BASELINES,
    names.JURY: _OF_JURIES,
    " & ": _OF_COUPLES,
    CONSENSUS: _OF_ANNOTATORS - _OF_JUDGES,
}
_NEEDS_SCORES = _ON_LEVELS | _AMONG_RATERS | {"krippendorff_alpha_ordinal_joined", "answered_share"}
_OF_RATED_PAIRS = frozenset({
    "rater_pair_agreement", "rater_pair_agreement_strict", "rater_pair_coverage", "rater_tie_share",
})  # fmt: skip
_CORRELATIONS = ("pearson", "spearman", "kendall_tau_")


def measured_of(annotator: str) -> frozenset[str]:
    """Statistics that an audit can tell of this annotator over everything."""
    if annotator.startswith(names.RATER):
        return MEASURED[names.RATER]
    if " & " in annotator:
        return MEASURED[" & "]
    return MEASURED.get(annotator, _OF_ANNOTATORS)


def _check(
    asked: Requirement,
    annotators: Sequence[str],
    targets: Sequence[Target],
    theirs: Sequence[Target],
    scored: bool,
    compared: bool,
) -> None:
    """Raise :class:`SetupError` where the number that is asked for will not be there."""
    what = f"audit.require: {asked.statistic} of {asked.annotator}"
    _check_who(what, asked, annotators, theirs)
    if asked.statistic in _OF_SLICES:
        raise SetupError(f"{what}: is told of slices alone, not of everything; ask for another")
    if asked.statistic not in measured_of(asked.annotator):
        others = [who for who, own in MEASURED.items() if asked.statistic in own]
        told = f"; it is one of {_whose(others)}: say annotator:" if others else ""
        raise SetupError(f"{what}: a run's audit has no such number{told}")
    if asked.statistic in _OF_JUDGES and asked.annotator != names.RATERS:
        if asked.statistic in names.POSITION and not compared:
            raise SetupError(f"{what}: clips are not compared here, and it needs an order of two")
        return
    of_raters = asked.annotator == names.RATERS or asked.annotator.startswith(names.RATER)
    known = [*theirs, *targets] if of_raters else list(targets)
    chosen = [one for one in known if asked.dimension in (None, one.name)]
    if not chosen:
        raise SetupError(
            f"{what} on {asked.dimension}: no such dimension is audited; audited are "
            + ", ".join(dict.fromkeys(one.name for one in known))
        )
    faults = [_fault(asked, one, scored) for one in chosen]
    if all(faults):
        raise SetupError(f"{what} on {chosen[0].name}: {faults[0]}")


def _check_who(
    what: str, asked: Requirement, annotators: Sequence[str], theirs: Sequence[Target]
) -> None:
    raters = {name for one in theirs for name in one.pairs.raters}
    raters |= {name for one in theirs if one.panel is not None for name in one.panel.raters}
    if asked.annotator.startswith(names.RATER):
        known, there = raters, {asked.annotator.removeprefix(names.RATER)}
    else:
        known, there = {*annotators}, {*asked.annotator.split(" & ")} - {CONSENSUS, *MEASURED}
    if not there <= known:
        raise SetupError(
            f"{what}: there is no {', '.join(sorted(there - known))}; there are "
            + ", ".join([CONSENSUS, *sorted(known)])
        )
    couple = " & ".join(sorted(there))
    if " & " in asked.annotator and asked.annotator != couple:
        raise SetupError(f"{what}: say annotator: {couple}, in the order of the alphabet")
    if asked.annotator == names.JURY and len(annotators) < 2:
        raise SetupError(f"{what}: one annotator alone is no jury")


def _whose(kinds: Sequence[str]) -> str:
    told = {names.RATER: "'rater NAME'", " & ": "'ONE & ANOTHER'"}
    return " or ".join(told.get(kind, kind) for kind in kinds)


def _fault(asked: Requirement, target: Target, scored: bool) -> str | None:
    """Why a number will not be there, whatever the judges say."""
    name = asked.statistic
    on_scores = (
        (name in _NEEDS_SCORES and name not in _OF_RATED_PAIRS)
        or name.startswith(_CORRELATIONS)
        or name.endswith("_scores")
        or name in ("rater_mean", "rater_sd", "rater_offset")
    )
    if on_scores and target.panel is None:
        return "people voted between clips, and it needs scores of clips"
    of_people = asked.annotator in MEASURED and asked.annotator != CONSENSUS
    if on_scores and not scored and not of_people:
        return "clips are compared here, and it needs scores of clips"
    many = name.endswith(_LEFT_OUT) or name in _AMONG_RATERS or name.startswith("alt_test")
    if many and target.n_raters < 2:
        return f"it needs two raters of the same clips, and there is {target.n_raters}"
    of_pairs = not on_scores or "within_prompt" in name
    if of_pairs and name != "first_position_rate" and not target.pairs.n_pairs:
        return "nobody rated two clips of one prompt"
    n_prompts = target.pairs.n_prompts if target.panel is None else target.panel.n_prompts
    if asked.bound != "value" and n_prompts < 2:
        return f"the clips of one prompt give no interval, and its {asked.bound} end is asked for"
    return None
