"""The rows that a ``limit`` lets through, chosen while they stream by."""

import heapq
from typing import Generic, TypeVar

from schemas.ids import hash_fraction

T = TypeVar("T")


class Chosen(Generic[T]):
    """Keeps the rows of ``limit`` prompts, those that ``base.limited`` would keep of all.

    Memory is that of the rows kept. ``limit`` None keeps all.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._seen = 0
        self._rows: dict[str, list[tuple[int, T]]] = {}
        # the worst first; of equal hashes the later is worse, as in a stable sort
        self._worst: list[tuple[float, int, str]] = []

    def add(self, prompt_id: str, row: T) -> None:
        """One row, in the order of the source."""
        self._seen += 1
        if prompt_id in self._rows:
            self._rows[prompt_id].append((self._seen, row))
            return
        if self._limit is None:
            self._rows[prompt_id] = [(self._seen, row)]
            return
        rank = (-hash_fraction("limit", prompt_id), -self._seen, prompt_id)
        if len(self._worst) < self._limit:
            heapq.heappush(self._worst, rank)
        else:
            out = heapq.heappushpop(self._worst, rank)
            if out == rank:
                return
            del self._rows[out[2]]
        self._rows[prompt_id] = [(self._seen, row)]

    def rows(self) -> list[T]:
        """What was kept, in the order of the source."""
        kept = sorted(
            (pair for pairs in self._rows.values() for pair in pairs), key=lambda pair: pair[0]
        )
        return [row for _, row in kept]
