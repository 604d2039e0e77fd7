"""What the consensus learned from all clips of a run: small, frozen, and sent to every worker."""

import dataclasses
from collections.abc import Mapping, Set

from pipeline.preference.dawid_skene import ErrorRates
from pipeline.preference.options import ConsensusOptions
from schemas.ids import hash_fraction


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """Empty for a mean or median on the rubric's scale; made by :func:`pipeline.preference.fit.fit`.

    ``scales``: mean and sd of (annotator, dimension), for a standardised scale; an annotator without
    spread is not in it. ``weights``: of the annotators in (fold, dimension), for ``human_weights``;
    positive, summing to 1, and absent where nobody beats chance. ``error_rates``: of each dimension,
    for ``dawid_skene``. ``notes`` tell a reader what was learned and who was left out.
    """

    options: ConsensusOptions | None = None  # what it was made for
    scales: Mapping[tuple[str, str], tuple[float, float]] = dataclasses.field(default_factory=dict)
    weights: Mapping[tuple[int, str], Mapping[str, float]] = dataclasses.field(default_factory=dict)
    error_rates: Mapping[str, ErrorRates] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def of(self, options: ConsensusOptions) -> "Fitted":
        """Itself. Raises ``ValueError`` where it was not made for these options."""
        if options.needs_fit and self.options != options:
            raise ValueError(
                f"consensus: {options.method} on the scale {options.scale!r} is not fitted; call "
                "pipeline.preference.fit.fit with these options first"
            )
        return self


NOTHING = Fitted()


def fold_of(prompt_id: str, folds: int) -> int:
    """The fold of a prompt, 0 to ``folds`` - 1, drawn by hash: stable when prompts are added."""
    return int(hash_fraction("fold", prompt_id) * folds)


def needed(
    prompt_id: str,
    dimension: str,
    present: Set[str],
    options: ConsensusOptions,
    fitted: Fitted = NOTHING,
) -> set[str]:
    """The annotators whose scores make the consensus of this prompt's clips on this dimension.

    ``present`` are those that scored any clip of the prompt on the dimension. A clip has a consensus
    if every one of the needed scored it; where nobody is needed no clip of the prompt has one.
    Without a fit these are all that count. A standardised scale leaves out whoever gave every clip
    the same score, ``human_weights`` whoever does not beat chance: they say nothing, so what they
    failed on must not cost a clip its consensus.
    """
    fitted = fitted.of(options)
    counted = present if options.annotators is None else present & set(options.annotators)
    if options.scale == "standardised":
        counted = {name for name in counted if (name, dimension) in fitted.scales}
    if options.method == "human_weights":
        counted = (
            counted & fitted.weights.get((fold_of(prompt_id, options.folds), dimension), {}).keys()
        )
    if options.method == "dawid_skene":
        rates = fitted.error_rates.get(dimension)
        counted = counted & rates.confusion.keys() if rates else set()
    return set(counted)
