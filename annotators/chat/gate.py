"""Whether one annotator may still send: the stop flag and the failure rate."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable

from annotators.chat.errors import Unanswered
from schemas import Reason

WINDOW = 200  # finished items that the failure rate looks back on
AT_LEAST = 20  # finished items before it says anything
PROBES = 3  # refusals of a model whose settings are not known before it is given up


class Gate:
    """Open until it is shut for good. Lives on one event loop.

    Shutting it turns away at once everybody who has not sent yet; requests already on the wire end as
    they end, for they are paid.
    """

    def __init__(
        self, max_failure_rate: float = 0.5, on_shut: Callable[[str], None] = lambda why: None
    ) -> None:
        self.why: str | None = None  # it was shut
        self._max_failure_rate, self._on_shut = max_failure_rate, on_shut
        self._shut = asyncio.Event()
        self._recent: deque[bool] = deque(maxlen=WINDOW)

    async def sleep(self, seconds: float) -> None:
        """Wait between two attempts, no longer than the gate stays open."""
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._shut.wait(), seconds)
        self.check()

    def shut(self, why: str) -> None:
        """Let nothing out any more. Only the first reason counts."""
        if self.why is None:
            self.why = why
            self._shut.set()
            self._on_shut(why)

    def count(self, *, failed: bool) -> None:
        """Note a finished item; shuts the gate when too many of the recent ones failed."""
        self._recent.append(failed)
        n_failed, n = sum(self._recent), len(self._recent)
        if n >= AT_LEAST and n_failed > self._max_failure_rate * n:
            self.shut(f"{n_failed} of the last {n} items failed; the table of failures says why")

    def check(self) -> None:
        """Raises :class:`Unanswered` (not attempted) once the gate is shut."""
        if self.why is not None:
            raise not_attempted(self.why)


def not_attempted(why: str) -> Unanswered:
    """What becomes of a question that is not sent any more."""
    return Unanswered(
        Reason.NOT_ATTEMPTED,
        f"not sent, because the run was stopped ({why}); the same command resumes it",
    )


class Probe:
    """Lets the first request go alone where it is not known what the model accepts.

    A server that refuses a setting says so to the first request, for nothing; with hundreds in flight
    it would say so hundreds of times, and a run would end as a table of failures.
    """

    def __init__(self, unknown: list[str], shut: Callable[[str], None]) -> None:
        self._unknown, self._shut = unknown, shut
        self._passed = not unknown
        self._alone = asyncio.Lock()
        self._refused = 0

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Alone until one request was answered, then not at all in the way."""
        if self._passed:
            yield
            return
        async with self._alone:
            if not self._passed:
                try:
                    yield
                except Unanswered as error:
                    self._note(error)
                    raise
                self._passed = True
                return
        yield

    def _note(self, error: Unanswered) -> None:
        if error.reason is not Reason.REJECTED:
            self._passed = True  # a server that is down, say: no sign of a setting it refuses
            return
        self._refused += 1
        if self._refused == PROBES:
            self._shut(
                f"the server refused the first {PROBES} requests: {error.message}. Not known to be "
                f"supported: {', '.join(self._unknown)}; change the annotator's settings and run "
                "again with --rebuild"
            )
