"""Every annotator asked, through the door that a run uses: known replies are free, new ones are kept."""

import contextlib
import dataclasses
from collections.abc import Sequence
from typing import Any

from annotators.base import AnnotatorSpec, Outcome, Question, Resources
from annotators.chat.cost import worst_case
from annotators.chat.spec import ChatSpec
from annotators.journal import Entry, Journal, Request
from annotators.judge.completion import Completion, read_choice, read_completion
from annotators.judge.request import request_of
from annotators.judge.spec import JudgeSpec
from annotators.ledger import Amount
from annotators.models import ModelTable
from pipeline.at_once import immediate
from schemas import Settings
from schemas.options import SetupError


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """What a judge is told about a question, and what came back; ``entry`` None: nothing."""

    spec: JudgeSpec
    request: Request
    # of the request: its estimated input, and a whole output; None: the model runs here
    worst: Amount | None
    entry: Entry | None = None

    @property
    def sent(self) -> Settings:
        """The settings of the reply on show, or of the request to come."""
        return Settings(**self.entry.request["settings"]) if self.entry else self.request.settings

    @property
    def completion(self) -> Completion | None:
        """The reply that counts: the first, where several were asked for. Its usage is that of all."""
        if self.entry is None:
            return None
        shared = self.sent.choices is not None
        return read_choice(self.entry.body, 0) if shared else read_completion(self.entry.body)

    @property
    def replies(self) -> int:
        """How many the server gave to the request of the reply on show, or will be asked for."""
        asked = self.sent.choices or 1
        if self.entry is None or asked == 1:
            return asked
        return sum(read_choice(self.entry.body, k) is not None for k in range(asked))

    @property
    def asked_again(self) -> bool:
        """Whether earlier replies to the question were cut, or set aside."""
        return self.entry is not None and self.entry.key != self.request.key


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One question to one annotator. No outcomes: it was not asked."""

    spec: AnnotatorSpec
    question: Question
    outcomes: Sequence[Outcome] = ()
    chat: Chat | None = None  # of judges that reply in words


def at_once(spec: AnnotatorSpec, models: ModelTable, *, capped: bool = False) -> AnnotatorSpec:
    """The same judge answering now, where a run would wait a day for a batch.

    Both ways share the journal, so the run finds the replies. Its price is the table's: what the
    block says is the price of the batch. Raises :class:`SetupError` where there is a cap in US
    dollars and the table knows no price.
    """
    if not isinstance(spec, ChatSpec) or not spec.batch:
        return spec
    answering = immediate(spec, models)
    if capped and answering.price is None:
        raise SetupError(
            f"budget.usd: annotator {spec.annotator_id} is asked at once here, and the price of that "
            f"is not known for {spec.model}; give it in a file for models:, or look with --unsent"
        )
    return answering


def unsent(annotators: Sequence[AnnotatorSpec], questions: Sequence[Question]) -> list[Answer]:
    """What would be asked of judges that reply in words. Nothing is sent."""
    return [
        Answer(spec=spec, question=question, chat=_chat(spec, question))
        for spec in annotators
        if isinstance(spec, JudgeSpec)
        for question in asked_of(spec, questions)
    ]


def asked_of(spec: AnnotatorSpec, questions: Sequence[Question]) -> list[Question]:
    """Those that a run would put to an annotator: of a tie band, some can only score."""
    return [question for question in questions if question.rubric.protocol in spec.protocols]


def ask(
    annotators: Sequence[AnnotatorSpec], questions: Sequence[Question], resources: Resources
) -> list[Answer]:
    """Every question to every annotator that can answer it, all at the same time."""
    with contextlib.ExitStack() as opened:
        waiting: list[tuple[AnnotatorSpec, Question, Any]] = []
        for spec in annotators:
            annotator = spec.open(resources)
            opened.callback(annotator.close)
            own = asked_of(spec, questions)
            waiting += [(spec, question, annotator.submit(question)) for question in own]
        answered = [(spec, question, future.result()) for spec, question, future in waiting]
    journal = Journal(resources.journal)
    return [
        Answer(
            spec=spec,
            question=question,
            outcomes=outcomes,
            chat=_chat(spec, question, outcomes, journal) if isinstance(spec, JudgeSpec) else None,
        )
        for spec, question, outcomes in answered
    ]


def _chat(
    spec: JudgeSpec,
    question: Question,
    outcomes: Sequence[Outcome] = (),
    journal: Journal | None = None,
) -> Chat:
    request = request_of(spec, question)
    keys = [outcome.reply_key for outcome in outcomes if outcome.reply_key is not None]
    return Chat(
        spec=spec,
        request=request,
        worst=worst_case(spec, question, request) if isinstance(spec, ChatSpec) else None,
        entry=journal.get(keys[0]) if journal is not None and keys else None,
    )
