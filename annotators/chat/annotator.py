"""Asks chat servers: a clip's frames out, verdicts back, every paid reply kept on the way.

A question goes: journal (a known reply is free) -> lane (pace) -> budget -> server, again after errors
that may pass -> journal (on disk) -> verdict -> rows. Whatever happens to it ends as rows.
"""

import contextlib
import functools
import traceback
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager

from annotators.background import Background
from annotators.base import Outcome, Question, Resources, failures
from annotators.chat.buyer import Buyer
from annotators.chat.spec import OpenAISpec
from annotators.journal import Entry, Journal, JournalError, Request
from annotators.judge.chain import next_request
from annotators.judge.gate import Unanswered
from annotators.judge.outcomes import outcomes_of, paid
from annotators.ledger import AGAIN
from annotators.stopping import on_stop
from annotators.told import Told
from schemas import HARMLESS, Failure, Reason


class ChatAnnotator:
    """An open judge. ``stopped`` says why nothing more is sent, None while all is well."""

    def __init__(self, spec: OpenAISpec, resources: Resources) -> None:
        self.annotator_id = spec.annotator_id
        # as many again wait while the first are on the wire
        self.in_flight = 2 * spec.concurrency * len(spec.ways)
        self.spec, self.journal = spec, Journal(resources.journal)
        self.price = spec.price.model_dump(exclude_none=True) if spec.price else None
        self._background = Background(f"annotator-{spec.annotator_id}")
        self.buyer = Buyer(spec, resources)
        self.told = resources.told
        self._heeding = contextlib.ExitStack()
        self._heeding.enter_context(on_stop(self._shut))

    @property
    def stopped(self) -> str | None:
        """Why nothing is sent any more."""
        return self.buyer.gate.why

    def submit(self, question: Question) -> "Future[Sequence[Outcome]]":
        """One outcome per dimension of the rubric. The future never raises for a single item."""
        return self._background.submit(self._answer(question))

    def close(self) -> None:
        """Send nothing more, wait for what is on the wire (it is paid), and end the loop."""
        self._heeding.close()
        self._shut("the run ended")
        self._background.close(self.buyer.close)

    def _shut(self, why: str) -> None:
        self._background.call(lambda: self.buyer.gate.shut(why))

    async def _answer(self, question: Question) -> Sequence[Outcome]:
        replies = _Replies(self, question)
        outcomes: Sequence[Outcome]
        try:
            await replies.collect()
            outcomes = outcomes_of(self.spec, question, replies.chain)
        except Unanswered as error:
            outcomes = replies.failed(error)
        except Exception as error:  # nothing a single item does may reach an engine
            cost = None if replies.asked else 0.0
            outcomes = replies.failed(Unanswered(Reason.INTERNAL, self._internal(error), cost))
        if replies.asked:
            self._count(outcomes)
        return outcomes

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        """Replies from the journal and items turned away say nothing about the service's health."""
        failed = [o for o in outcomes if isinstance(o, Failure)]
        if not any(o.reason in HARMLESS or o.reason is Reason.NOT_ATTEMPTED for o in failed):
            why = f"{failed[-1].reason}: {failed[-1].message}" if failed else ""
            self.buyer.gate.count(failed=bool(failed), why=why)

    def _internal(self, error: Exception) -> str:
        if isinstance(error, JournalError):
            return str(error)
        where = traceback.extract_tb(error.__traceback__)[-1]
        return self.buyer.redact(
            f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})"
        )


class _Replies:
    """The replies to one question, in order, from the journal or bought. The last one counts."""

    def __init__(self, judge: ChatAnnotator, question: Question) -> None:
        self._judge, self._question = judge, question
        self.chain: list[tuple[Request, Entry]] = []
        self._bought = 0  # replies that were to be bought: the others lay in the journal

    @property
    def asked(self) -> bool:
        """Whether something was to be bought: not all of it lay in the journal."""
        return self._bought > 0

    async def collect(self) -> None:
        """All of them, up to one that stands."""
        judge = self._judge
        while request := next_request(judge.spec, judge.journal, self._question, self.chain):
            buy = functools.partial(self._buy, request)
            bought = self._bought
            try:
                entry = await judge.journal.once(request, buy, judge.price)
            except BaseException:
                judge.told(Told(asked=1, missing=1))
                raise
            paid = int(self._bought > bought)
            size = paid and len(entry.body.encode())
            judge.told(Told(asked=1, bought=paid, cached=1 - paid, written_bytes=size))
            self.chain.append((request, entry))

    def _buy(self, request: Request) -> AbstractAsyncContextManager[str]:
        self._bought += 1
        purpose = self._question.purpose or (AGAIN if self.chain else "")
        return self._judge.buyer.buy(request, self._question, purpose)

    def failed(self, error: Unanswered) -> list[Failure]:
        """Failures that carry, too, what earlier replies to the question cost."""
        before = paid(self._judge.spec, self._question, self.chain)
        unknown = error.cost_usd is None or before.cost_usd is None
        return failures(
            self._question,
            self._judge.annotator_id,
            error.reason,
            error.message,
            cost_usd=None if unknown else (before.cost_usd or 0.0) + (error.cost_usd or 0.0),
            input_tokens=before.input_tokens,
            output_tokens=before.output_tokens,
        )
