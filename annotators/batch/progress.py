"""What a person sees while batches wait: how many, how far, since when, and what it cost so far."""

import time
from collections.abc import Callable

from annotators.batch.state import Shard

EVERY_S = 30.0  # between two lines about the same waiting


class Progress:
    """Counts of one run of an annotator."""

    def __init__(self, annotator_id: str, say: Callable[[str], None]) -> None:
        self._name, self._say = annotator_id, say
        self._begun, self._said = time.monotonic(), -EVERY_S
        self._counts: dict[int, tuple[int, int, int]] = {}  # shard: answered, failed, all
        self._n_read, self._usd, self._unpriced = 0, 0.0, False
        self._last = ""

    def note(self, text: str) -> None:
        """Say something now."""
        self._say(f"{self._name}: {text}")

    def waiting(self, shard: Shard, answered: int = 0, failed: int = 0) -> None:
        """How one shard stands; says how all of them do, now and then."""
        self._counts[shard.number] = (answered, failed, shard.worst.requests)
        if time.monotonic() - self._said >= EVERY_S:
            self._tell()

    def read(self, shard: Shard, answered: int, missed: int) -> None:
        """One shard is ingested."""
        self._counts[shard.number] = (answered, missed, shard.worst.requests)
        self._n_read += 1
        if shard.used is not None:
            self._usd += shard.used.usd or 0.0
            self._unpriced = self._unpriced or shard.used.usd is None
        self._tell()

    def _tell(self) -> None:
        answered, failed, n = (sum(c[i] for c in self._counts.values()) for i in range(3))
        minutes = (time.monotonic() - self._begun) / 60
        cost = "cost unknown" if self._unpriced else f"{self._usd:.4f} USD so far"
        text = (
            f"{self._n_read} of {len(self._counts)} batches read, {answered} of {n} requests "
            f"answered, {failed} failed, {cost}"
        )
        if text != self._last:
            self.note(f"{text}, waiting for {minutes:.0f} min")
            self._said, self._last = time.monotonic(), text
