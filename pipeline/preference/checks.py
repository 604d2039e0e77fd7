"""What is wrong with a consensus that can be known before any work or money is spent."""

from collections.abc import Collection, Mapping, Sequence

from pipeline.preference.dawid_skene import MIN_ANNOTATORS
from pipeline.preference.options import ConsensusOptions
from schemas import CONSENSUS
from schemas.options import SetupError

# What stands beside annotators where scores and margins are told by whose they are.
TAKEN = {
    CONSENSUS: "all annotators together",
    "raters": "people",
    "labels": "the published preferences",
}
TAKEN_BEGINNING = "labels of "  # of an annotator

OwnScale = tuple[float, float] | str | None  # of an annotator: its ends, "unbounded", the rubric's


def check_consensus(
    options: ConsensusOptions,
    own_scales: Mapping[str, OwnScale],
    scales: Mapping[str, Sequence[float]],
    rated: Collection[str] = (),
    answers: Mapping[str, Sequence[str]] = {},
    scored: bool = True,
    compared: bool = False,
) -> None:
    """Raise :class:`SetupError` for a consensus that cannot be.

    ``own_scales`` of every annotator by id; ``scales``: scale points of every dimension asked for;
    ``rated``: human dimensions that people rated; ``answers``: ours -> theirs, as in the audit;
    ``scored`` and ``compared``: whether the protocol has clips scored on their own, and against each
    other.
    """
    ids = list(own_scales)
    for name in options.annotators or []:
        if name not in own_scales:
            raise SetupError(
                f"consensus.annotators: no annotator {name!r}; there are: " + ", ".join(ids)
            )
    _check_names(ids)
    _check_protocol(options, scored, compared)
    counted = {
        name: scale
        for name, scale in own_scales.items()
        if options.annotators is None or name in options.annotators
    }
    if options.method == "dawid_skene":
        _check_dawid_skene(counted, scales)
    elif options.scale == "rubric" and scored:
        _check_one_scale(counted)
    if options.method == "human_weights":
        _check_people(scales, rated, answers)


def _check_names(ids: Sequence[str]) -> None:
    for name in ids:
        whose = TAKEN.get(name)
        if name.startswith(TAKEN_BEGINNING):
            whose = "the published preferences of one annotator"
        if whose:
            raise SetupError(
                f"annotators: {name!r} is the name of {whose}; give it another (name:, or the column "
                "annotator of what was recorded)"
            )


def _check_protocol(options: ConsensusOptions, scored: bool, compared: bool) -> None:
    if options.scale == "standardised" and not scored:
        raise SetupError(
            "consensus.scale: standardised is for scores, and this protocol only compares clips; leave "
            "it out, or take protocol: pointwise"
        )
    if compared and options.method in ("human_weights", "dawid_skene"):
        raise SetupError(
            f"consensus.method: {options.method} is for scores, and this protocol compares clips, which "
            "are put together by mean or median; take one of those, or protocol: pointwise"
        )


def _check_one_scale(counted: Mapping[str, OwnScale]) -> None:
    found = set(counted.values())
    if len(found) > 1 or ("unbounded" in found and len(counted) > 1):
        raise SetupError(
            f"consensus: scores on different scales do not average: {_told(counted)}; say scale: "
            "standardised, or name those whose scores make the preferences, for example consensus: "
            f"{{annotators: [{next(iter(counted))}]}}"
        )


def _check_dawid_skene(
    counted: Mapping[str, OwnScale], scales: Mapping[str, Sequence[float]]
) -> None:
    if len(counted) < MIN_ANNOTATORS:
        raise SetupError(
            f"consensus.method: dawid_skene needs {MIN_ANNOTATORS} annotators at least, to tell who "
            f"errs; {len(counted)} count: {', '.join(counted)}; add annotators, or take another method"
        )
    ends = {(float(points[0]), float(points[-1])) for points in scales.values()}
    off = {name: own for name, own in counted.items() if own is not None and {own} != ends}
    if off:
        raise SetupError(
            "consensus.method: dawid_skene counts points of the rubric's scale, and these have another: "
            f"{_told(off)}; leave them out of consensus.annotators, or take another method"
        )


def _check_people(
    scales: Mapping[str, Sequence[float]],
    rated: Collection[str],
    answers: Mapping[str, Sequence[str]],
) -> None:
    if not rated:
        raise SetupError(
            "consensus.method: human_weights learns from human ratings, and there are none; name a "
            "table in audit.ratings, or take another method"
        )
    for dimension in scales:
        missing = [name for name in answers.get(dimension, [dimension]) if name not in rated]
        if missing:
            raise SetupError(
                f"consensus.method: human_weights: nobody rated {', '.join(missing)}, which answers "
                f"for {dimension}; people rated {', '.join(sorted(rated))}; say in "
                f"audit.dimensions.{dimension} which of them answers"
            )


def _told(scales: Mapping[str, OwnScale]) -> str:
    return ", ".join(f"{name} ({scale or 'the rubric'})" for name, scale in scales.items())
