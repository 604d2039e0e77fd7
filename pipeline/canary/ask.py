"""Which questions the study asks, what of them is still to be bought, and the answers."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from annotators.base import AnnotatorSpec, Outcome, Question, Resources
from annotators.chat.cost import worst_case
from annotators.chat.spec import ChatSpec
from annotators.journal import Journal, JournalError, Request
from annotators.judge import JudgeSpec
from annotators.judge.chain import chain_of
from annotators.ledger import CANARY, Amount
from pipeline.canary.variants import CLEAN, Ends, ends_of
from schemas import FrameSet, Rubric
from schemas.options import SetupError

# variants by name, of a clip (its video_id) and the ends of a scale
Made = Mapping[tuple[str, Ends], Mapping[str, FrameSet]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question to one annotator, and its outcomes; none: it was not asked."""

    spec: AnnotatorSpec
    variant: str
    question: Question
    outcomes: Sequence[Outcome] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ToBuy:
    """What one annotator's questions come to before anything is sent."""

    annotator_id: str
    questions: int
    requests: int  # that the journal cannot answer; 0 for an annotator that has none
    worst: Amount | None  # of these; None: nothing is sent to anybody


def questions_of(
    annotators: Sequence[AnnotatorSpec], rubrics: Sequence[Rubric], made: Made
) -> list[Asked]:
    """Every variant to every annotator with its own draws, clip by clip: a study that is stopped
    holds whole clips."""
    return [
        Asked(
            spec=spec,
            variant=variant,
            question=Question(
                frames=frames,
                rubric=rubric,
                draw=draw,
                # the clean ones are the run's own questions: who buys them first, buys for both
                purpose="" if variant == CLEAN else CANARY,
            ),
        )
        for (_, ends), variants in made.items()
        for rubric in rubrics
        if ends_of(rubric) == ends
        for variant, frames in variants.items()
        for spec in annotators
        for draw in range(spec.draws)
    ]


def to_buy(
    annotators: Sequence[AnnotatorSpec], asked: Sequence[Asked], journal: Journal
) -> list[ToBuy]:
    """What is to be bought of each annotator. Raises :class:`SetupError` for a damaged journal."""
    return [
        _of_one(spec, [a.question for a in asked if a.spec is spec], journal) for spec in annotators
    ]


def _of_one(spec: AnnotatorSpec, questions: Sequence[Question], journal: Journal) -> ToBuy:
    if not isinstance(spec, JudgeSpec):
        return ToBuy(
            annotator_id=spec.annotator_id, questions=len(questions), requests=0, worst=None
        )
    costs: dict[str, Amount] = {}  # by key: draws may share a request
    try:
        for question in questions:
            _, request = chain_of(spec, journal, question)
            if request is not None:
                costs[request.key] = _worst(spec, question, request)
    except JournalError as error:
        raise SetupError(str(error)) from error
    return ToBuy(
        annotator_id=spec.annotator_id,
        questions=len(questions),
        requests=len(costs),
        worst=sum(costs.values(), Amount(requests=0)) if isinstance(spec, ChatSpec) else None,
    )


def _worst(spec: JudgeSpec, question: Question, request: Request) -> Amount:
    return worst_case(spec, question, request) if isinstance(spec, ChatSpec) else Amount()


def ask(
    annotators: Sequence[AnnotatorSpec], asked: Sequence[Asked], resources: Resources
) -> list[Asked]:
    """Every question through its annotator's own door, all at the same time."""
    with contextlib.ExitStack() as opened:
        doors = {}
        for spec in annotators:
            doors[spec.annotator_id] = spec.open(resources)
            opened.callback(doors[spec.annotator_id].close)
        waiting: list[Any] = [doors[a.spec.annotator_id].submit(a.question) for a in asked]
        return list(_answered(asked, waiting))


def _answered(asked: Sequence[Asked], waiting: Sequence[Any]) -> Iterator[Asked]:
    for one, future in zip(asked, waiting, strict=True):
        yield dataclasses.replace(one, outcomes=future.result())
