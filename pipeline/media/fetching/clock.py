"""One deadline over several steps."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Clock:
    """Counts down from ``timeout_s`` seconds."""

    def __init__(self, timeout_s: float) -> None:
        self._end = time.monotonic() + timeout_s

    def left(self) -> float:
        """Seconds left, more than 0. Raises ``TimeoutError`` when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time is up")
        return left


def within(clock: Clock, work: Callable[[], T]) -> T:
    """What ``work`` gives or raises; ``TimeoutError`` when the clock runs out first.

    For calls that know no deadline (a name server, an object store): ``work`` runs in a thread that
    is left behind then, and dies with the process at the latest.
    """
    outcome = _Outcome(work)
    thread = threading.Thread(target=outcome.run, daemon=True)
    thread.start()
    thread.join(clock.left())
    return outcome.get()


class _Outcome(Generic[T]):
    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._made: list[T] = []
        self._error: BaseException | None = None
        self._done = False

    def run(self) -> None:
        try:
            self._made.append(self._work())
        except BaseException as error:
            self._error = error
        self._done = True

    def get(self) -> T:
        if not self._done:
            raise TimeoutError("the time is up")
        if self._error is not None:
            raise self._error
        return self._made[0]
