"""A reply of the journal as rows: an annotation or a failure for every dimension of the rubric."""

import dataclasses

from annotators.base import Outcome, Question, owed_key
from annotators.chat import OpenAISpec, Price
from annotators.chat_request import requested
from annotators.completion import Completion, read_completion, verdict_of
from annotators.journal import Entry, Request
from annotators.verdict import Judgement, Unusable
from schemas import Annotation, Dimension, Failure


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Paid:
    """What a row carries of the reply's cost."""

    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None


_NOTHING = _Paid(input_tokens=None, output_tokens=None, cost_usd=0.0)


def outcomes_of(
    spec: OpenAISpec, question: Question, request: Request, entry: Entry
) -> list[Outcome]:
    """One outcome per dimension; what the reply cost stands on the first: sums are right."""
    completion = read_completion(entry.body)
    verdict = verdict_of(completion, question.rubric)
    price = Price(**entry.price) if entry.price else spec.price  # what held when it was bought
    paid = [_paid(price, completion)] + [_NOTHING] * len(verdict)
    return [
        _failure(spec, question, said, entry, cost)
        if isinstance(said, Unusable)
        else _annotation(spec, question, request, dimension, said, completion, entry, cost)
        for said, dimension, cost in zip(verdict, question.rubric.dimensions, paid, strict=False)
    ]


def _paid(price: Price | None, completion: Completion) -> _Paid:
    tokens = completion.input_tokens, completion.output_tokens
    return _Paid(
        input_tokens=tokens[0],
        output_tokens=tokens[1],
        cost_usd=None if price is None else price.cost_usd(*tokens),
    )


def _failure(
    spec: OpenAISpec, question: Question, said: Unusable, entry: Entry, paid: _Paid
) -> Failure:
    return Failure(
        stage="annotate",
        key=owed_key(question, spec.annotator_id, said.dimension),
        reason=said.reason,
        message=said.message,
        reply_key=entry.key,
        input_tokens=paid.input_tokens,
        output_tokens=paid.output_tokens,
        cost_usd=paid.cost_usd,
    )


def _annotation(
    spec: OpenAISpec,
    question: Question,
    request: Request,
    dimension: Dimension,
    said: Judgement,
    completion: Completion,
    entry: Entry,
    paid: _Paid,
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
        rationale=said.rationale,
        rubric=rubric.name,
        rubric_version=rubric.version,
        rubric_sha256=rubric.sha256,
        requested=requested(spec),
        effective=request.settings,
        reply_key=entry.key,
        input_tokens=paid.input_tokens,
        output_tokens=paid.output_tokens,
        cost_usd=paid.cost_usd,
        simulated=frames.simulated,
    )
