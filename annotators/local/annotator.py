"""Asks a model that runs here. A question goes the way of every judge's: journal (a known reply is
free) -> model -> journal (on disk) -> verdict -> rows. Whatever happens to it ends as rows.
"""

import asyncio
import contextlib
import functools
import time
import traceback
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Future

from annotators.background import Background
from annotators.base import Outcome, Question, Resources, failures
from annotators.journal import Entry, Journal, JournalError, Request
from annotators.judge.chain import next_request
from annotators.judge.gate import Gate, Unanswered
from annotators.judge.outcomes import outcomes_of, paid
from annotators.judge.spec import TOP_LOGPROBS
from annotators.ledger import AGAIN, RESERVED, Amount, OverBudget
from annotators.local.body import body_of
from annotators.local.conversation import conversation
from annotators.local.engine import Engine
from annotators.local.job import Job, JobFailed, Reply
from annotators.local.pictures import read_pictures
from annotators.local.share import enter, leave
from annotators.local.spec import TransformersSpec
from annotators.local.tighten import tightened
from annotators.stopping import on_stop
from annotators.told import Told
from schemas import HARMLESS, Failure, Reason
from schemas.options import SetupError

AHEAD = 4  # batches' worth of questions submitted: one at work, one read, others in the journal
WAIT_S = 0.05  # until what is under way may have left room in the budget


class LocalAnnotator:
    """An open judge. ``stopped`` says why nothing more is asked, None while all is well."""

    def __init__(self, spec: TransformersSpec, resources: Resources) -> None:
        self.annotator_id = spec.annotator_id
        self.in_flight = AHEAD * spec.batch_size
        self.spec, self.journal = spec, Journal(resources.journal)
        self.gate = Gate(spec.max_failure_rate)
        self._frames, self._ledger = resources.frames, resources.ledger
        self._told = resources.told
        self._heeding = contextlib.ExitStack()
        self._heeding.enter_context(on_stop(self.gate.shut))
        self._price = spec.price.model_dump(exclude_none=True)
        self._fingerprint = spec.weights
        self._open = True
        self._engine: Engine | None = None  # loaded for the first reply that the journal lacks
        self._loading = asyncio.Lock()
        self._background = Background(f"annotator-{spec.annotator_id}")
        # pictures of a clip are many times the size of its JPEGs: not all in flight are read at once
        self._reading = asyncio.Semaphore(2 * spec.batch_size)

    @property
    def stopped(self) -> str | None:
        """Why nothing is asked any more."""
        return self.gate.why

    def submit(self, question: Question) -> "Future[Sequence[Outcome]]":
        """One outcome per dimension of the rubric. The future never raises for a single item."""
        return self._background.submit(self._answer(question))

    def close(self) -> None:
        """Ask nothing more, wait for what the model works on, and leave the model."""
        if not self._open:
            return
        self._open = False
        self._heeding.close()
        self.gate.shut("the run ended")
        self._background.close(_nothing)
        if self._engine is not None:
            self._engine = None
            leave(self.spec)

    async def _answer(self, question: Question) -> Sequence[Outcome]:
        chain: list[tuple[Request, Entry]] = []
        asked: list[Request] = []
        outcomes: Sequence[Outcome]
        try:
            while request := next_request(self.spec, self.journal, question, chain):
                purpose = question.purpose or (AGAIN if chain else "")
                buy = functools.partial(self._ask, request, asked, purpose)
                before = len(asked)
                try:
                    entry = await self.journal.once(request, buy, self._price)
                except BaseException:
                    self._told(Told(asked=1, missing=1))
                    raise
                bought = int(len(asked) > before)
                size = bought and len(entry.body.encode())
                self._told(Told(asked=1, bought=bought, cached=1 - bought, written_bytes=size))
                chain.append((request, entry))
            outcomes = outcomes_of(self.spec, question, chain)
        except Unanswered as error:
            outcomes = self._failed(question, chain, error.reason, error.message)
        except Exception as error:  # nothing a single item does may reach an engine
            outcomes = self._failed(question, chain, Reason.INTERNAL, _internal(error))
        if asked:
            self._count(outcomes)
        return outcomes

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        """Replies from the journal and items turned away say nothing about the model."""
        failed = [one for one in outcomes if isinstance(one, Failure)]
        if not any(one.reason in HARMLESS or one.reason is Reason.NOT_ATTEMPTED for one in failed):
            why = f"{failed[-1].reason}: {failed[-1].message}" if failed else ""
            self.gate.count(failed=bool(failed), why=why)

    @contextlib.asynccontextmanager
    async def _ask(
        self, request: Request, asked: list[Request], purpose: str
    ) -> AsyncIterator[str]:
        """The reply's body. Raises :class:`Unanswered`."""
        async with self._reading:
            self.gate.check()
            engine = await self._loaded()
            asked.append(request)
            job = await asyncio.to_thread(self._job, request)
            reply = await self._booked(engine, job, purpose)
        try:
            yield body_of(self.spec.model_name, self._fingerprint, reply)
        except Exception as error:  # a full disk must not cost a night's work of the model
            self.gate.shut(f"a reply could not be kept: {error}")
            raise

    async def _loaded(self) -> Engine:
        """The engine. A model that cannot be loaded answers nothing: the run stops, and says why."""
        async with self._loading:
            self.gate.check()
            if self._engine is None:
                try:
                    self._engine = await asyncio.to_thread(enter, self.spec)
                except Exception as error:
                    known = isinstance(error, SetupError)
                    self.gate.shut(str(error) if known else f"loading failed: {_internal(error)}")
                    self.gate.check()
                    raise
            return self._engine

    def _job(self, request: Request) -> Job:
        settings = request.settings
        return Job(
            key=request.key,
            messages=conversation(
                request.system,
                request.user,
                captions=request.captions,
                n_images=len(request.frames),
            ),
            pictures=read_pictures(self._frames, request.frames),
            schema=_schema(request),
            temperature=settings.temperature or 0.0,
            top_p=1.0 if settings.top_p is None else settings.top_p,
            max_tokens=settings.max_output_tokens or 0,  # always set
            top_logprobs=TOP_LOGPROBS if settings.logprobs else 0,
        )

    async def _booked(self, engine: Engine, job: Job, purpose: str) -> Reply:
        """The model's reply, within the budget; what it used is in the ledger afterwards."""
        worst = self._amount(0, job.max_tokens)  # what goes in is counted once it is read
        await self._reserve(worst, purpose)
        try:
            since = time.monotonic()
            reply = await asyncio.wrap_future(engine.submit(job))
        except JobFailed as error:
            self._ledger.release(self.annotator_id, worst, purpose)
            reason = Reason.TOO_LARGE if error.too_large else Reason.INTERNAL
            raise Unanswered(reason, error.message) from error
        except BaseException:
            self._ledger.release(self.annotator_id, worst, purpose)
            raise
        used = self._amount(reply.input_tokens, reply.output_tokens)
        self._ledger.settle(self.annotator_id, worst, used, purpose)
        self._told(
            Told(
                requests=used.requests,
                input_tokens=used.input_tokens,
                output_tokens=used.output_tokens,
                usd=used.usd,
                request_ms=1000 * (time.monotonic() - since),
            )
        )
        return reply

    async def _reserve(self, worst: Amount, purpose: str) -> None:
        try:
            while self._ledger.reserve(self.annotator_id, worst, purpose) is not RESERVED:
                await asyncio.sleep(WAIT_S)
                self.gate.check()
        except OverBudget as error:
            self.gate.shut(str(error))
            self.gate.check()

    def _amount(self, tokens_in: int, tokens_out: int) -> Amount:
        usd = self.spec.price.cost_usd(tokens_in, tokens_out)
        return Amount(input_tokens=tokens_in, output_tokens=tokens_out, usd=usd)

    def _failed(
        self, question: Question, chain: list[tuple[Request, Entry]], reason: Reason, message: str
    ) -> list[Failure]:
        """Failures that carry what earlier replies to the question used."""
        before = paid(self.spec, question, chain)
        return failures(
            question,
            self.annotator_id,
            reason,
            message,
            cost_usd=before.cost_usd,
            input_tokens=before.input_tokens,
            output_tokens=before.output_tokens,
        )


def _schema(request: Request) -> dict[str, object] | None:
    """What the reply is held to: the rubric's schema, any JSON object, or nothing."""
    if request.reply_format == "json_schema":
        return tightened(request.reply_schema)
    return {"type": "object"} if request.reply_format == "json_object" else None


def _internal(error: Exception) -> str:
    if isinstance(error, JournalError):
        return str(error)
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})"


async def _nothing() -> None:
    """The engine is left by whoever closes."""
