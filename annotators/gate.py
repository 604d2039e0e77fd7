"""The way out to a paid service: so many requests at once, until it is shut for good."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator

from schemas import Reason

WINDOW = 200  # finished items that the failure rate looks back on
AT_LEAST = 20  # finished items before it says anything


class Unanswered(Exception):
    """A request that ended without a reply: reason, message, what it may have cost."""

    def __init__(self, reason: Reason, message: str, cost_usd: float | None = 0.0) -> None:
        super().__init__(reason, message, cost_usd)
        self.reason, self.message, self.cost_usd = reason, message, cost_usd


class Gate:
    """Slots, the stop flag and the failure rate of one annotator. Lives on one event loop.

    Shutting it turns away at once everybody who waits for a slot or between two attempts; requests
    already on the wire end as they end, for they are paid.
    """

    def __init__(self, width: int) -> None:
        self.why: str | None = None  # it was shut
        self._slots = asyncio.Semaphore(width)
        self._waiting = 0
        self._shut = asyncio.Event()
        self._recent: deque[bool] = deque(maxlen=WINDOW)

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """One of the slots. Raises :class:`Unanswered` (not attempted) once the gate is shut."""
        self._pass()
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            self._pass()
            yield
        finally:
            self._slots.release()

    async def sleep(self, seconds: float) -> None:
        """Wait between two attempts, no longer than the gate stays open."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._shut.wait(), seconds)
        self._pass()

    def shut(self, why: str) -> None:
        """Let nothing out any more. Only the first reason counts."""
        if self.why is None:
            self.why = why
            self._shut.set()
            for _ in range(self._waiting):  # nothing passes any more, so slots may be handed out
                self._slots.release()

    def count(self, *, failed: bool) -> None:
        """Note a finished item; shuts the gate when more than half of the recent ones failed."""
        self._recent.append(failed)
        if len(self._recent) >= AT_LEAST and 2 * sum(self._recent) > len(self._recent):
            self.shut(
                f"{sum(self._recent)} of the last {len(self._recent)} items failed; the "
                "table of failures says why"
            )

    def _pass(self) -> None:
        if self.why is not None:
            raise Unanswered(
                Reason.NOT_ATTEMPTED,
                f"not sent, because the run was stopped ({self.why}); the same command resumes it",
            )
