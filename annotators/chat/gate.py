"""What lets the requests of one event loop out: the judge's gate, and a first request alone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from annotators.judge import gate
from annotators.judge.gate import Unanswered
from schemas import Reason

PROBES = 3  # refusals of a model whose settings are not known before it is given up


class Gate(gate.Gate):
    """A gate at which one can wait. Lives on one event loop."""

    def __init__(
        self, max_failure_rate: float = 0.5, on_shut: Callable[[str], None] = lambda why: None
    ) -> None:
        self._shut = asyncio.Event()

        def shut(why: str) -> None:
            self._shut.set()
            on_shut(why)

        super().__init__(max_failure_rate, shut)

    async def sleep(self, seconds: float) -> None:
        """Wait between two attempts, no longer than the gate stays open."""
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._shut.wait(), seconds)
        self.check()


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
