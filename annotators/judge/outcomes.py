"""A reply of the journal as rows: an annotation or a failure for every dimension of the rubric."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from annotators.base import Outcome, Question, owed_key
from annotators.chat.completion import Completion, read_completion, verdict_of
from annotators.chat.errors import printable
from annotators.chat.request import requested
from annotators.chat.spec import ChatSpec
from annotators.journal import Entry, Request
from annotators.models import Price
from annotators.verdict import Judgement, Unusable
from schemas import Annotation, Dimension, Failure

Chain = Sequence[tuple[Request, Entry]]  # replies to one question, in order; the last one counts


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """What a row carries of its replies' cost; None: the server, or the price list, does not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = 0.0


def outcomes_of(spec: ChatSpec, question: Question, chain: Chain) -> list[Outcome]:
    """One outcome per dimension, from the last reply.

    What all replies cost together, those that were cut or set aside too, stands on the first
    dimension: sums over rows are right.
    """
    request, entry = chain[-1]
    completion = read_completion(entry.body)
    verdict = verdict_of(completion, question.rubric)
    costs = [paid(spec, chain), *[Paid()] * len(verdict)]
    return [
        _failure(spec, question, said, entry, cost)
        if isinstance(said, Unusable)
        else _annotation(spec, question, request, dimension, said, completion, entry, cost)
        for said, dimension, cost in zip(verdict, question.rubric.dimensions, costs, strict=False)
    ]


def paid(spec: ChatSpec, chain: Chain) -> Paid:
    """What the replies cost when they were bought, added up; one unknown makes the sum unknown."""
    if not chain:
        return Paid()
    costs = [_paid(spec, entry) for _, entry in chain]
    return Paid(
        input_tokens=_sum([cost.input_tokens for cost in costs]),
        output_tokens=_sum([cost.output_tokens for cost in costs]),
        cost_usd=_sum([cost.cost_usd for cost in costs]),
    )


def _paid(spec: ChatSpec, entry: Entry) -> Paid:
    completion = read_completion(entry.body)
    price = Price(**entry.price) if entry.price else spec.price  # what held when it was bought
    tokens = completion.input_tokens, completion.output_tokens
    cost = None if price is None else price.cost_usd(*tokens, completion.cached_tokens)
    return Paid(input_tokens=tokens[0], output_tokens=tokens[1], cost_usd=cost)


def _sum(values: Sequence[Any]) -> Any:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _failure(
    spec: ChatSpec, question: Question, said: Unusable, entry: Entry, cost: Paid
) -> Failure:
    return Failure(
        stage="annotate",
        key=owed_key(question, spec.annotator_id, said.dimension),
        reason=said.reason,
        message=printable(said.message),
        reply_key=entry.key,
        **dataclasses.asdict(cost),
    )


def _annotation(
    spec: ChatSpec,
    question: Question,
    request: Request,
    dimension: Dimension,
    said: Judgement,
    completion: Completion,
    entry: Entry,
    cost: Paid,
) -> Annotation:
    frames, rubric = question.frames, question.rubric
    return Annotation(
        video_id=frames.video_id,
        dimension=said.dimension,
        annotator_id=spec.annotator_id,
        draw=question.draw,
        prompt_id=frames.prompt_id,
        generator=frames.generator,
        score=float(said.score),
        scale_low=float(dimension.low),
        scale_high=float(dimension.high),
        n_frames=len(frames.jpeg_sha256),
        model=completion.model or spec.model,
        system_fingerprint=completion.system_fingerprint,
        rationale=None if said.rationale is None else printable(said.rationale),
        rubric=rubric.name,
        rubric_version=rubric.version,
        rubric_sha256=rubric.sha256,
        requested=requested(spec),
        effective=request.settings,
        reply_key=entry.key,
        simulated=frames.simulated,
        **dataclasses.asdict(cost),
    )
