"""Carries one shard through the service: upload, batch, wait, result files. Knows no money."""

import asyncio
from collections.abc import Iterable

from openai.types import Batch

from annotators.base import RunStopped
from annotators.batch.progress import Progress
from annotators.batch.service import Service, Unreachable
from annotators.batch.spec import OpenAIBatchSpec
from annotators.batch.state import ERRORS, INPUT, OUTPUT, Fault, Shard, Shelf, Step

ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
SLOWEST = 6  # times poll_s: the longest wait between two looks
GROWTH = 1.2
MOST_MISSED_LOOKS = 30  # in a row; each was tried several times
MOST_TURNED_AWAY = 10  # in a row, while no other batch of ours moves


class Room:
    """What the account may have waiting, in estimated input tokens; None: without limit."""

    def __init__(self, tokens: int | None) -> None:
        self._tokens, self._taken, self.n = tokens, 0, 0
        self._changed = asyncio.Condition()

    async def enter(self, shard: Shard, *, anyway: bool = False) -> None:
        """Wait until there is room for a shard; one that is too large for it goes alone.

        ``anyway``: it is there already.
        """
        tokens = shard.worst.input_tokens
        async with self._changed:
            await self._changed.wait_for(
                lambda: (
                    anyway
                    or self._tokens is None
                    or self.n == 0
                    or self._taken + tokens <= self._tokens
                )
            )
            self._taken += tokens
            self.n += 1

    async def leave(self, shard: Shard) -> None:
        """The server is done with a shard."""
        async with self._changed:
            self._taken -= shard.worst.input_tokens
            self.n -= 1
            self._changed.notify_all()

    async def change(self, at_most_s: float) -> None:
        """Wait until a shard leaves, or so long."""
        async with self._changed:
            try:
                await asyncio.wait_for(self._changed.wait(), at_most_s)
            except TimeoutError:
                return


class Carrier:
    """Takes shards from step to step; each step is on disk before this returns."""

    def __init__(
        self, spec: OpenAIBatchSpec, shelf: Shelf, service: Service, progress: Progress
    ) -> None:
        self._spec, self._shelf, self._service = spec, shelf, service
        self._progress = progress
        self._room = Room(spec.enqueued_tokens)
        self._moves = 0  # looks at which a batch was seen that the server had let in

    async def send(self, shard: Shard, *, resumed: bool) -> Shard:
        """Prepared or uploaded -> created."""
        if shard.step is Step.PREPARED:
            path = self._shelf.folder(shard) / INPUT
            file_id = await self._service.upload(shard, path, maybe_done=resumed)
            shard = self._shelf.save(shard.to(Step.UPLOADED, file_id=file_id))
        await self._room.enter(shard)
        batch = await self._service.create(shard, maybe_done=resumed)
        return self._shelf.save(shard.to(Step.CREATED, batch_id=batch.id))

    async def again(self, shard: Shard) -> None:
        """Take note of a batch that an earlier process created."""
        await self._room.enter(shard, anyway=True)

    async def wait(self, shard: Shard) -> Shard:
        """Created -> finished; a batch for which the account had no room is created anew."""
        turned_away, moves = 0, self._moves
        while True:
            batch = await self._ended(shard)
            await self._room.leave(shard)
            if not _no_room(batch):
                return self._shelf.save(_finished(shard, batch))
            turned_away = turned_away + 1 if moves == self._moves else 1
            moves = self._moves
            if turned_away > MOST_TURNED_AWAY:
                raise RunStopped(f"{_said(batch)}; set enqueued_tokens to the limit of the account")
            self._progress.note(f"a batch must wait for room: {_said(batch)}")
            refused = (*shard.refused, batch.id)
            shard = self._shelf.save(shard.to(Step.UPLOADED, batch_id=None, refused=refused))
            await self._room.change(SLOWEST * self._spec.poll_s)
            shard = await self.send(shard, resumed=False)

    async def fetch(self, shard: Shard) -> None:
        """The result files, next to the shard's own. Either may be missing."""
        for file_id, name in ((shard.output_file_id, OUTPUT), (shard.error_file_id, ERRORS)):
            path = self._shelf.folder(shard) / name
            path.unlink(missing_ok=True)
            if file_id is not None:
                await self._service.download(file_id, path)

    async def forget(self, shard: Shard) -> None:
        """Remove what the server still holds of the requests; the replies stay there."""
        if shard.file_id is not None:
            await self._service.delete(shard.file_id)

    async def _ended(self, shard: Shard) -> Batch:
        pause, missed = self._spec.poll_s, 0
        while True:
            try:
                batch = await self._service.retrieve(shard.batch_id or "")
                missed = 0
            except Unreachable:
                missed += 1
                if missed > MOST_MISSED_LOOKS:
                    raise
            else:
                self._progress.waiting(shard, *_counts(batch))
                self._moves += batch.status != "validating" and not _no_room(batch)
                if batch.status in ENDED:
                    return batch
            await asyncio.sleep(pause)
            pause = min(GROWTH * pause, SLOWEST * self._spec.poll_s)


def _finished(shard: Shard, batch: Batch) -> Shard:
    return shard.to(
        Step.FINISHED,
        status=batch.status,
        output_file_id=batch.output_file_id,
        error_file_id=batch.error_file_id,
        completed=batch.request_counts.completed if batch.request_counts else None,
        faults=tuple(_faults(batch)),
    )


def _counts(batch: Batch) -> tuple[int, int]:
    """Requests answered and failed; 0 where the server does not say (the client checks nothing)."""
    counts = batch.request_counts
    return (counts.completed or 0, counts.failed or 0) if counts else (0, 0)


def _faults(batch: Batch) -> Iterable[Fault]:
    for error in (batch.errors.data if batch.errors else None) or []:
        yield Fault(line=error.line, code=error.code or "", message=error.message or "")


def _no_room(batch: Batch) -> bool:
    """The account has too many input tokens waiting; the file itself was not read."""
    codes = [fault.code for fault in _faults(batch)]
    return batch.status == "failed" and "token_limit_exceeded" in codes


def _said(batch: Batch) -> str:
    return "; ".join(f"{fault.code}: {fault.message}" for fault in _faults(batch))
