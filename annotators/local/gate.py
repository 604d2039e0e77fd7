"""Whether an annotator still asks: the failure rate of what it asked lately, and the budget."""

import threading
from collections import deque

from schemas import Reason

WINDOW = 200  # finished items that the failure rate looks back on
AT_LEAST = 20  # finished items before it says anything


class Unanswered(Exception):
    """A question that ended without a reply."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(reason, message)
        self.reason, self.message = reason, message


class Gate:
    """Open until it is shut for good; for threads and loops alike."""

    def __init__(self, max_failure_rate: float) -> None:
        self.why: str | None = None  # it was shut
        self._max_failure_rate = max_failure_rate
        self._recent: deque[bool] = deque(maxlen=WINDOW)
        self._lock = threading.Lock()

    def shut(self, why: str) -> None:
        """Let nothing out any more. Only the first reason counts."""
        with self._lock:
            self.why = self.why or why

    def count(self, *, failed: bool) -> None:
        """Note a finished item; shuts the gate when too many of the recent ones failed."""
        self._recent.append(failed)
        n_failed, n = sum(self._recent), len(self._recent)
        if n >= AT_LEAST and n_failed > self._max_failure_rate * n:
            self.shut(f"{n_failed} of the last {n} items failed; the table of failures says why")

    def check(self) -> None:
        """Raises :class:`Unanswered` (not attempted) once the gate is shut."""
        if self.why is not None:
            raise Unanswered(
                Reason.NOT_ATTEMPTED,
                f"not asked, because the run was stopped ({self.why}); the same command resumes it",
            )
