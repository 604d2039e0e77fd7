"""Replies of the journal as rows: an annotation, a comparison or a failure for every dimension."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from annotators.base import Outcome, Question, owed_key
from annotators.journal import Entry, Request
from annotators.judge.completion import Completion, read_choice, read_completion
from annotators.judge.printable import printable
from annotators.judge.request import requested
from annotators.judge.said import Said, Scored, verdict_of
from annotators.judge.spec import JudgeSpec
from annotators.models import Price
from annotators.verdict import Ranked, Unusable
from schemas import Annotation, Comparison, Dimension, Failure

Chain = Sequence[tuple[Request, Entry]]  # replies to one question, in order; the last one counts


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """What a row carries of its replies' cost; None: the server, or the price list, does not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = 0.0


def completion_of(question: Question, request: Request, entry: Entry) -> Completion | None:
    """The reply to this draw; None where the server left it out of a shared request."""
    if request.settings.choices is None:
        return read_completion(entry.body)
    return read_choice(entry.body, question.draw)


def outcomes_of(spec: JudgeSpec, question: Question, chain: Chain) -> list[Outcome]:
    """One outcome per dimension, from the last reply.

    What all replies cost together, those that were cut or set aside too, stands on the first
    dimension, and a request that several draws share on the first draw: sums over rows are right.
    """
    request, entry = chain[-1]
    completion = completion_of(question, request, entry)
    assert completion is not None, "a chain ends with a reply"
    verdict = verdict_for(spec, question, completion)
    costs = [paid(spec, question, chain), *[Paid()] * len(verdict)]
    return [
        _row(spec, question, chain[-1], said, completion, dimension, cost)
        for said, dimension, cost in zip(verdict, question.rubric.dimensions, costs, strict=False)
    ]


def verdict_for(spec: JudgeSpec, question: Question, completion: Completion) -> Sequence[Said]:
    """What a reply to this question says."""
    return verdict_of(
        completion,
        question.rubric,
        n_clips=len(question.clips),
        distribution=spec.wants_distribution(question.rubric),
    )


def paid(spec: JudgeSpec, question: Question, chain: Chain) -> Paid:
    """What the replies cost when they were bought, added up; one unknown makes the sum unknown."""
    costs = [
        _paid(spec, entry)
        for request, entry in chain
        if request.settings.choices is None or question.draw == 0
    ]
    if not costs:
        return Paid()
    return Paid(
        input_tokens=_sum([cost.input_tokens for cost in costs]),
        output_tokens=_sum([cost.output_tokens for cost in costs]),
        cost_usd=_sum([cost.cost_usd for cost in costs]),
    )


def _paid(spec: JudgeSpec, entry: Entry) -> Paid:
    completion = read_completion(entry.body)
    price = Price(**entry.price) if entry.price else spec.price  # what held when it was bought
    tokens = completion.input_tokens, completion.output_tokens
    cost = None if price is None else price.cost_usd(*tokens, completion.cached_tokens)
    return Paid(input_tokens=tokens[0], output_tokens=tokens[1], cost_usd=cost)


def _sum(values: Sequence[Any]) -> Any:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _row(
    spec: JudgeSpec,
    question: Question,
    reply: tuple[Request, Entry],
    said: Said,
    completion: Completion,
    dimension: Dimension,
    cost: Paid,
) -> Outcome:
    request, entry = reply
    if isinstance(said, Unusable):
        return Failure(
            stage=question.stage,
            key=owed_key(question, spec.annotator_id, said.dimension),
            reason=said.reason,
            message=printable(said.message),
            reply_key=entry.key,
            **dataclasses.asdict(cost),
        )
    rubric = question.rubric
    shared: dict[str, Any] = {
        "dimension": said.dimension,
        "annotator_id": spec.annotator_id,
        "draw": question.draw,
        "prompt_id": question.frames.prompt_id,
        "n_frames": sum(len(clip.jpeg_sha256) for clip in question.clips),
        "model": completion.model or spec.model_name,
        "system_fingerprint": completion.system_fingerprint,
        "rationale": None if said.rationale is None else printable(said.rationale),
        "rubric": rubric.name,
        "rubric_version": rubric.version,
        "rubric_sha256": rubric.sha256,
        "requested": requested(spec),
        "effective": request.settings,
        "reply_key": entry.key,
        "simulated": question.frames.simulated,
        **dataclasses.asdict(cost),
    }
    if isinstance(said, Ranked):
        return Comparison(
            video_ids=tuple(clip.video_id for clip in question.clips),
            generators=tuple(clip.generator for clip in question.clips),
            ranking=said.ranking,
            **shared,
        )
    return _annotation(question, said, dimension, shared)


def _annotation(
    question: Question, said: Scored, dimension: Dimension, shared: dict[str, Any]
) -> Annotation:
    return Annotation(
        video_id=question.frames.video_id,
        generator=question.frames.generator,
        score=said.score,
        scale_low=float(dimension.low),
        scale_high=float(dimension.high),
        distribution=said.distribution,
        **shared,
    )
