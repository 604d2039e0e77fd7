"""The end of a shard, once its replies are in the journal: notes on the others, and the books."""

from collections import Counter
from collections.abc import Sequence

from annotators.base import RunStopped
from annotators.batch.ingest import Tally
from annotators.batch.money import Money
from annotators.batch.notes import Note, Notes
from annotators.batch.progress import Progress
from annotators.batch.spec import OpenAIBatchSpec
from annotators.batch.state import Shard, Shelf, Step
from annotators.judge.gate import AT_LEAST
from schemas import Reason


class Closing:
    """Closes the shards of one run."""

    def __init__(
        self, spec: OpenAIBatchSpec, shelf: Shelf, money: Money, notes: Notes, progress: Progress
    ) -> None:
        self._spec, self._shelf, self._money = spec, shelf, money
        self._notes, self._progress = notes, progress
        self._tries: Counter[str] = Counter()  # of requests that came back without a reply
        self._seen = self._failed = 0  # requests that came to an end

    def close(self, shard: Shard, tally: Tally) -> str | None:
        """Note what has no reply, and book what was used. Why nothing more is to be sent, if so.

        Raises :class:`RunStopped` where the service said that it will take nothing more.
        """
        notes = list(tally.notes.values())
        if tally.stop is None:
            self._tries.update(tally.missed.keys())
            given_up = (key for key in tally.missed if self._tries[key] >= self._spec.rounds)
            notes += [self._given_up(key, tally) for key in given_up]
        self._notes.add(notes)
        shard = self._shelf.save(shard.to(Step.SETTLING, used=tally.used))
        self.book(shard, unbooked=True)
        if tally.oddities:
            self._progress.note(f"batch {shard.batch_id}: ignored {tally.oddities}")
        self._progress.read(shard, len(tally.answered), len(tally.notes) + len(tally.missed))
        if tally.stop is not None:
            raise RunStopped(tally.stop)
        return self._money.compare(tally.estimates) or self._failing(notes, shard)

    def book(self, shard: Shard, *, unbooked: bool) -> None:
        """The last step; ``unbooked``: the ledger does not hold the shard's cost yet."""
        if unbooked and shard.used is not None:
            self._money.settle(shard.worst, shard.used)
        self._shelf.save(shard.to(Step.INGESTED))

    def _given_up(self, key: str, tally: Tally) -> Note:
        return Note(
            key=key,
            reason=Reason.UNAVAILABLE,
            message=f"gave up after {self._spec.rounds} batches: {tally.missed[key]}",
            cost_usd=None if key in tally.lost else 0.0,
        )

    def _failing(self, notes: Sequence[Note], shard: Shard) -> str | None:
        """Why it makes no sense to go on, if too many requests fail."""
        self._seen += shard.worst.requests
        self._failed += len(notes)
        few = self._seen < AT_LEAST or self._failed <= self._spec.max_failure_rate * self._seen
        if few or not notes:
            return None
        return (
            f"{self._failed} of {self._seen} requests failed, the last one so: {notes[-1].message}"
        )
