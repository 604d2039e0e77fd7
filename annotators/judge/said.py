"""What a reply says about a question: a verdict on every dimension of the rubric, or why there is none."""

import dataclasses
from collections.abc import Sequence

from annotators.judge.completion import Completion
from annotators.judge.distribution import Missing, expected, read_distribution
from annotators.verdict import (
    Judgement,
    Ranked,
    Unusable,
    read_comparison,
    read_verdict,
)
from schemas import Reason, Rubric


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A score of one clip, with the probabilities of the scale's levels where they are read."""

    dimension: str
    score: float
    rationale: str | None
    distribution: tuple[float, ...] | None = None


Said = Scored | Ranked | Unusable


def verdict_of(
    completion: Completion, rubric: Rubric, *, n_clips: int = 1, distribution: bool = False
) -> Sequence[Said]:
    """One per dimension of the rubric, in its order.

    ``n_clips``: how many were shown. ``distribution``: the score is the mean over the probabilities
    of the levels. Refusals, filters and cuts pass by every reply schema, so they are looked for first.
    """
    text = completion.text
    if (silent := _why_silent(completion)) or text is None:
        reason, message = silent or (Reason.NO_ANSWER, "the reply is empty")
        return [
            Unusable(dimension=d.name, reason=reason, message=message) for d in rubric.dimensions
        ]
    if n_clips > 1:
        return read_comparison(text, rubric, n_clips)
    judged = read_verdict(text, rubric)
    if distribution:
        return _expected(judged, text, completion, rubric)
    return [
        said
        if isinstance(said, Unusable)
        else Scored(dimension=said.dimension, score=float(said.score), rationale=said.rationale)
        for said in judged
    ]


def _why_silent(completion: Completion) -> tuple[Reason, str] | None:
    if completion.refusal:
        return Reason.REFUSAL, f"the judge refused: {completion.refusal[:200]}"
    if completion.finish_reason == "content_filter":
        return Reason.CONTENT_FILTER, "the provider's filter stopped the reply"
    if completion.cut:
        return Reason.TRUNCATED, "the reply reached its token limit; raise max_output_tokens"
    if not completion.text or not completion.text.strip():
        return Reason.NO_ANSWER, "the reply is empty"
    return None


def _expected(
    judged: tuple[Judgement | Unusable, ...], text: str, completion: Completion, rubric: Rubric
) -> list[Said]:
    """Scores as means over the levels' probabilities; a reply without them is of no use."""
    found = read_distribution(text, completion.logprobs, rubric)
    return [
        said if isinstance(said, Unusable) else _mean(said, found[said.dimension], rubric)
        for said in judged
    ]


def _mean(said: Judgement, found: tuple[float, ...] | Missing, rubric: Rubric) -> Said:
    if isinstance(found, Missing):
        reason, message = Reason.NO_DISTRIBUTION, found.message
        return Unusable(dimension=said.dimension, reason=reason, message=message)
    (dimension,) = (d for d in rubric.dimensions if d.name == said.dimension)
    return Scored(
        dimension=said.dimension,
        score=expected(found, dimension),
        rationale=said.rationale,
        distribution=found,
    )
