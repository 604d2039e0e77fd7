"""Asks a chat server: a clip's frames out, verdicts back, every paid reply kept on the way.

A question goes: journal (a known reply is free) -> slot -> frames -> server, again after errors
that may pass -> journal (on disk) -> verdict -> rows. Whatever happens to it ends as rows.
"""

import asyncio
import base64
import contextlib
import traceback
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Future
from typing import Any

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

from annotators import retry
from annotators.background import Background
from annotators.base import Outcome, Question, Resources, Spent, failures
from annotators.chat import OpenAISpec
from annotators.chat_request import message_parts, request_of, sampling
from annotators.completion import is_completion
from annotators.gate import Gate, Unanswered
from annotators.journal import Journal, JournalError, Request
from annotators.outcomes import outcomes_of
from schemas import HARMLESS, STOPS_RUN, Failure, Reason
from schemas.ids import sha256_hex
from schemas.store import blob_name


class ChatAnnotator:
    """An open judge. ``stopped`` says why nothing more is sent, None while all is well."""

    def __init__(self, spec: OpenAISpec, resources: Resources, key: str) -> None:
        self.annotator_id = spec.annotator_id
        self.in_flight = 2 * spec.concurrency  # the next ones wait while the first are on the wire
        self.spent = Spent()
        self._spec, self._key = spec, key
        self._frames, self._journal = resources.frames, Journal(resources.journal)
        self._price = spec.price.model_dump() if spec.price else None
        self._gate = Gate(spec.concurrency)
        self._client = _client(spec, key)
        self._background = Background(f"annotator-{spec.annotator_id}")

    @property
    def stopped(self) -> str | None:
        """Why nothing is sent any more."""
        return self._gate.why

    def submit(self, question: Question) -> "Future[Sequence[Outcome]]":
        """One outcome per dimension of the rubric. The future never raises for a single item."""
        return self._background.submit(self._answer(question))

    def close(self) -> None:
        """Send nothing more, wait for what is on the wire (it is paid), and end the loop."""
        self._background.call(lambda: self._gate.shut("the run ended"))
        self._background.close(self._client.close)

    async def _answer(self, question: Question) -> Sequence[Outcome]:
        sent = asyncio.Event()
        outcomes: Sequence[Outcome]
        try:
            request = request_of(self._spec, question)
            entry = await self._journal.once(
                request, lambda: self._buy(request, question, sent), self._price
            )
            outcomes = outcomes_of(self._spec, question, request, entry)
        except Unanswered as error:
            outcomes = failures(
                question, self.annotator_id, error.reason, error.message, cost_usd=error.cost_usd
            )
        except Exception as error:  # nothing a single item does may reach an engine
            cost = None if sent.is_set() else 0.0
            outcomes = failures(
                question, self.annotator_id, Reason.INTERNAL, self._internal(error), cost_usd=cost
            )
            if sent.is_set() and isinstance(error, JournalError):
                self._gate.shut(f"a paid reply could not be kept: {error}")
        if sent.is_set():
            self._spend(outcomes[0])
            self._count(outcomes)
        return outcomes

    @contextlib.asynccontextmanager
    async def _buy(
        self, request: Request, question: Question, sent: asyncio.Event
    ) -> AsyncIterator[str]:
        """The reply's body; the slot is held until the journal has it on disk."""
        async with self._gate.slot():
            content = await asyncio.to_thread(self._content, request, question)
            sent.set()
            try:
                body = await self._send(request, content)
            except Unanswered as error:
                if error.reason in STOPS_RUN:
                    self._gate.shut(f"{error.reason}: {error.message}")
                raise
            yield body

    def _content(self, request: Request, question: Question) -> list[dict[str, Any]]:
        urls = [_data_url(self._jpeg(sha256)) for sha256 in question.frames.jpeg_sha256]
        return message_parts(request, urls)

    def _jpeg(self, sha256: str) -> bytes:
        name = blob_name(sha256, ".jpg")
        data = self._frames.get(name)
        if data is None:
            raise Unanswered(
                Reason.NOT_FOUND,
                f"frame {self._frames.path(name)} is gone; run "
                "again with --rebuild to take the frames anew",
            )
        if sha256_hex(data) != sha256:
            raise Unanswered(
                Reason.CHECKSUM,
                f"frame {self._frames.path(name)} is damaged; "
                "delete it and run again with --rebuild",
            )
        return data

    async def _send(self, request: Request, content: list[dict[str, Any]]) -> str:
        """The body of a completion. Raises :class:`Unanswered` when there will be none."""
        lost = False  # an attempt may have been billed though no reply came back

        async def attempt() -> str:
            nonlocal lost
            try:
                return await self._post(request, content)
            except Exception as error:
                lost = lost or retry.maybe_billed(error)
                raise

        retrying = AsyncRetrying(
            retry=retry_if_exception(retry.is_transient),
            wait=retry.wait_for(request.key),
            stop=stop_after_attempt(self._spec.max_attempts),
            sleep=self._gate.sleep,
            reraise=True,
        )
        try:
            return await retrying(attempt)
        except Unanswered as error:  # the gate was shut between two attempts
            raise Unanswered(error.reason, error.message, None if lost else 0.0) from error
        except Exception as error:
            reason = retry.reason_of(error)
            message = retry.said(error, self._key)
            if reason is None:
                message = f"gave up after {self._spec.max_attempts} attempts: {message}"
            cost = None if lost else 0.0
            raise Unanswered(reason or Reason.UNAVAILABLE, message, cost) from error

    async def _post(self, request: Request, content: list[dict[str, Any]]) -> str:
        async with asyncio.timeout(self._spec.timeout_s):  # the client's own limit is per read
            response = await self._client.chat.completions.with_raw_response.create(
                model=request.model,
                messages=[
                    {"role": "system", "content": request.system},
                    {"role": "user", "content": content},
                ],
                **sampling(self._spec, request),
            )
        if not is_completion(response.text):
            raise retry.NoCompletion(response.text)
        return str(response.text)

    def _spend(self, first: Outcome) -> None:
        """A request whose fate is unknown counts as bought."""
        if first.reply_key is None and first.cost_usd is not None:
            return  # refused before the model worked
        self.spent.requests += 1
        self.spent.input_tokens += first.input_tokens or 0
        self.spent.output_tokens += first.output_tokens or 0
        self.spent.usd += first.cost_usd or 0.0
        self.spent.unpriced += first.cost_usd is None

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        """Replies from the journal and items turned away say nothing about the service's health."""
        reasons = [o.reason for o in outcomes if isinstance(o, Failure)]
        if not any(reason in HARMLESS or reason is Reason.NOT_ATTEMPTED for reason in reasons):
            self._gate.count(failed=bool(reasons))

    def _internal(self, error: Exception) -> str:
        if isinstance(error, JournalError):
            return str(error)
        where = traceback.extract_tb(error.__traceback__)[-1]
        return retry.redact(
            f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})", self._key
        )


def _client(spec: OpenAISpec, key: str) -> Any:
    import openai

    limits = type(openai.DEFAULT_CONNECTION_LIMITS)(
        max_connections=spec.concurrency, max_keepalive_connections=spec.concurrency
    )
    http = openai.DefaultAsyncHttpxClient(limits=limits, timeout=spec.timeout_s)
    return openai.AsyncOpenAI(
        api_key=key or "none",
        base_url=spec.url,
        http_client=http,
        max_retries=0,
        timeout=spec.timeout_s,
    )


def _data_url(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
