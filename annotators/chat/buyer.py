"""Buys one reply: a lane, the budget, the server, and again after errors that may pass."""

import asyncio
import contextlib
import functools
import itertools
import logging
import time
from collections.abc import AsyncIterator

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from annotators.base import Question, Resources
from annotators.chat import errors
from annotators.chat.client import Client
from annotators.chat.descriptors import make_room
from annotators.chat.errors import TryElsewhere
from annotators.chat.gate import Gate, Probe
from annotators.chat.lanes import lanes_of
from annotators.chat.purse import Purse
from annotators.chat.spec import Endpoint, OpenAISpec, read_key
from annotators.chat.wire import body_around, image_parts, shown
from annotators.journal import Request
from annotators.judge.completion import read_completion
from annotators.judge.frames import read_frames
from annotators.judge.gate import Unanswered, not_attempted
from annotators.log import FirstFew
from annotators.models import unknown
from annotators.pace import Lanes, LanesClosed, Turn
from annotators.told import Told
from schemas import Reason

CLIPS_ENCODED = 32  # whose frames are kept as base64 for the next rubric and draw


class Buyer:
    """The way from a request to a reply. Lives on one event loop."""

    def __init__(self, spec: OpenAISpec, resources: Resources) -> None:
        make_room(f"annotator {spec.annotator_id}", spec.concurrency * len(spec.ways))
        self.spec, self.frames = spec, resources.frames
        self.clients = [_client(spec, way) for way in spec.ways]
        self.lanes = Lanes(lanes_of(spec, resources.machines))
        self.gate = Gate(spec.max_failure_rate, self.lanes.shut)
        self.purse = Purse(spec, resources, self.gate)
        # how many images the model takes is checked before: what is left unknown is the same
        self._probe = Probe(unknown(spec.capabilities, spec.asked(n_images=1)), self.gate.shut)
        self.images = functools.lru_cache(CLIPS_ENCODED)(self._encode)
        # of a model that is known to give them, a reply without is a fault of its own
        self._gives_logprobs = spec.capabilities.logprobs is True
        self.arrivals = itertools.count()
        self.told = resources.told
        self.failing = FirstFew(logging.WARNING, "attempt_failed", annotator=spec.annotator_id)

    @contextlib.asynccontextmanager
    async def buy(
        self, request: Request, question: Question, purpose: str = ""
    ) -> AsyncIterator[str]:
        """The reply's body, as sent. The lane is held until the block ends: whatever limits the
        requests in flight then limits, too, the replies that a kill can lose. ``purpose``: what the
        ledger enters it under.

        Raises :class:`Unanswered` when there will be no reply.
        """
        self.gate.check()
        async with self._probe.turn():
            body, held = await _Purchase(self, request, question, purpose).reply()
            async with held:
                try:
                    yield body
                except Exception as error:  # a full disk must not throw away what is bought next
                    self.gate.shut(self.redact(f"a paid reply could not be kept: {error}"))
                    raise
            self._look_for_logprobs(request, body)

    def _look_for_logprobs(self, request: Request, body: str) -> None:
        """A server may take the setting and leave them out: the first reply tells, and no other is
        bought."""
        if not request.settings.logprobs or self._gives_logprobs:
            return
        self._gives_logprobs = bool(read_completion(body).logprobs)
        if not self._gives_logprobs:
            self.gate.shut(
                f"{self.spec.model} was asked for log-probabilities, and its first reply came without; "
                "set score: sampled, or take a server that gives them"
            )

    def _encode(self, frames: tuple[str, ...]) -> bytes:
        return image_parts(read_frames(self.frames, frames), self.spec.image_detail)

    async def close(self) -> None:
        """Give the lanes back and close the connections."""
        self.lanes.leave()
        for client in self.clients:
            await client.close()

    def redact(self, text: str) -> str:
        """The text without any of the keys."""
        return errors.redact(text, *(client.key for client in self.clients))

    def said(self, error: BaseException) -> str:
        """The error in one line, without any of the keys."""
        return errors.said(error, *(client.key for client in self.clients))


class _Purchase:
    """One request on its way, over all of its attempts."""

    def __init__(self, buyer: Buyer, request: Request, question: Question, purpose: str) -> None:
        self._purpose = purpose
        self._buyer, self._request, self._question = buyer, request, question
        self._arrival = next(buyer.arrivals)  # attempts keep their place among those that wait
        self._worst, self._estimate = buyer.purse.worst(question, request)
        self._body: bytes | None = None
        self._moved = 0  # attempts that closed an endpoint; there are only so many endpoints
        self._lost = False  # an attempt may have been billed though no reply came back

    async def reply(self) -> tuple[str, contextlib.AsyncExitStack]:
        """The body of a completion, and what to leave once it is kept."""
        spec = self._buyer.spec
        retrying = AsyncRetrying(
            retry=retry_if_exception(errors.is_transient),
            wait=errors.wait_for(self._request.key),
            stop=self._gave_up,
            sleep=self._buyer.gate.sleep,
            reraise=True,
        )
        try:
            return await retrying(self._attempt)
        except LanesClosed as error:
            raise self._unanswered(not_attempted(str(error))) from error
        except Unanswered as error:  # a frame is gone, or nothing may be sent any more
            raise self._unanswered(error) from error
        except Exception as error:
            reason, message = errors.reason_of(error), self._buyer.said(error)
            if reason is None:
                message = f"gave up after {spec.max_attempts} attempts: {message}"
            raise self._unanswered(Unanswered(reason or Reason.UNAVAILABLE, message)) from error
        finally:
            # the retrying above ends as a circle of references, which would hold a third of a
            # megabyte per request until the garbage collector comes by
            self._body = None

    def _gave_up(self, state: RetryCallState) -> bool:
        """An endpoint that closed says nothing about the request: its attempt does not count."""
        closed = state.outcome is not None and isinstance(state.outcome.exception(), TryElsewhere)
        self._moved += closed
        counted = state.attempt_number - self._moved
        return not closed and counted >= self._buyer.spec.max_attempts

    def _unanswered(self, error: Unanswered) -> Unanswered:
        return Unanswered(error.reason, error.message, None if self._lost else 0.0)

    async def _attempt(self) -> tuple[str, contextlib.AsyncExitStack]:
        buyer, tokens = self._buyer, self._worst.input_tokens + self._worst.output_tokens
        async with contextlib.AsyncExitStack() as stack:
            turn = await stack.enter_async_context(
                buyer.lanes.slot(tokens, first_come=self._arrival)
            )
            await buyer.purse.reserve(self._worst, self._purpose)
            return await self._send(turn), stack.pop_all()

    async def _send(self, turn: Turn) -> str:
        buyer = self._buyer
        sent = False
        try:
            if self._body is None:
                self._body = await self._build()
            sent, since = True, time.monotonic()
            text, headers = await buyer.clients[turn.lane].post(self._body)
        except BaseException as error:
            self._book_failure(turn, error, sent)
            if errors.closes_endpoint(error) and buyer.lanes.open:
                raise TryElsewhere from error
            raise
        turn.clean(headers)
        try:
            self._book_reply(text, 1000 * (time.monotonic() - since))
        except Exception as error:  # the reply is paid: it is kept, whatever becomes of the books
            buyer.gate.shut(f"a reply could not be booked: {buyer.said(error)}")
        return text

    def _book_reply(self, text: str, took_ms: float) -> None:
        completion = read_completion(text)
        self._buyer.purse.settle(self._worst, completion, self._purpose, took_ms)
        self._buyer.purse.compare(self._estimate, completion)

    async def _build(self) -> bytes:
        buyer, request = self._buyer, self._request
        if buyer.frames.local is None:  # far away
            images = await asyncio.to_thread(shown, request, buyer.images)
        else:  # eight small files: handing over to a thread and back takes longer than reading them
            images = shown(request, buyer.images)
        return body_around(buyer.spec, request, images)

    def _book_failure(self, turn: Turn, error: BaseException, sent: bool) -> None:
        buyer = self._buyer
        if sent and errors.maybe_billed(error):
            self._lost = True
            buyer.purse.settle(self._worst, None, self._purpose)
        else:
            buyer.purse.release(self._worst, self._purpose)
        if sent and isinstance(error, Exception):
            self._tell(error)
        headers = errors.headers_of(error)
        if errors.is_rate_limit(error):
            turn.rate_limited(headers, errors.hinted_wait_s(headers))
        elif errors.is_overload(error):
            turn.overloaded(headers, errors.hinted_wait_s(headers))
        if errors.closes_endpoint(error):
            why = f"{errors.reason_of(error)}: {buyer.said(error)}"
            buyer.lanes.close(turn.lane, why)
            if not buyer.lanes.open:
                buyer.gate.shut(why)

    def _tell(self, error: Exception) -> None:
        buyer = self._buyer
        buyer.told(Told(attempts_failed=1))
        reason = errors.reason_of(error)
        what = "no reply" if reason else "no reply; it may be tried again"
        stage, key = self._question.stage, self._request.key
        text = f"{buyer.spec.annotator_id}: {what}: {buyer.said(error)}"
        buyer.failing.say(reason or type(error).__name__, text, stage=stage, key=key)


def _client(spec: OpenAISpec, way: Endpoint) -> Client:
    key = read_key(spec.annotator_id, way)
    return Client(way, key, connections=spec.concurrency, timeout_s=spec.timeout_s)
