"""Whether a judge may still be asked: the stop flag and the failure rate."""

import threading
from collections import deque
from collections.abc import Callable

from schemas import Reason

WINDOW = 200  # finished items that the failure rate looks back on
AT_LEAST = 20  # finished items before it says anything


class Unanswered(Exception):
    """A request that ended without a reply: reason, message, what it may have cost in US dollars."""

    def __init__(self, reason: Reason, message: str, cost_usd: float | None = 0.0) -> None:
        super().__init__(reason, message, cost_usd)
        self.reason, self.message, self.cost_usd = reason, message, cost_usd


def not_attempted(why: str) -> Unanswered:
    """What becomes of a question that is not asked any more."""
    return Unanswered(
        Reason.NOT_ATTEMPTED,
        f"not sent, because the run was stopped ({why}); the same command resumes it",
    )


class Gate:
    """Open until it is shut for good; for threads and loops alike.

    Shutting it turns away at once everybody who has not asked yet; what is asked already ends as it
    ends, for it is paid. ``on_shut`` is called once.
    """

    def __init__(
        self, max_failure_rate: float = 0.5, on_shut: Callable[[str], None] = lambda why: None
    ) -> None:
        self.why: str | None = None  # it was shut
        self._max_failure_rate, self._on_shut = max_failure_rate, on_shut
        self._recent: deque[bool] = deque(maxlen=WINDOW)
        self._lock = threading.Lock()

    def shut(self, why: str) -> None:
        """Let nothing out any more. Only the first reason counts."""
        with self._lock:
            if self.why is not None:
                return
            self.why = why
        self._on_shut(why)

    def count(self, *, failed: bool, why: str = "") -> None:
        """Note a finished item; shuts the gate when too many of the recent ones failed.

        ``why`` it failed: a run that stops tells of the last one, for its tables are not written yet.
        """
        self._recent.append(failed)
        n_failed, n = sum(self._recent), len(self._recent)
        if n >= AT_LEAST and n_failed > self._max_failure_rate * n:
            last = f"; the last of them: {why}" if why else ""
            self.shut(f"{n_failed} of the last {n} items failed{last}")

    def check(self) -> None:
        """Raises :class:`Unanswered` (not attempted) once the gate is shut."""
        if self.why is not None:
            raise not_attempted(self.why)
