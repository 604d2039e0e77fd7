"""The run of a batch judge: shards are written, carried through the service, and asked again.

Everything that happens to a shard is on disk before its next step (``state``), so whatever ends this
process, the next one takes up every shard where it was.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from annotators.base import Question, Resources, RunStopped
from annotators.batch.carrier import Carrier
from annotators.batch.closing import Closing
from annotators.batch.fill import Filler, Full, Item, Line
from annotators.batch.ingest import Ingestion, Short, Tally
from annotators.batch.money import Money
from annotators.batch.notes import EVERY_OTHER, Note, Notes
from annotators.batch.progress import Progress
from annotators.batch.service import Service
from annotators.batch.shards import Draft, Feed, Limits, Tickets
from annotators.batch.spec import OpenAIBatchSpec
from annotators.batch.state import Shard, Shelf, Step, folder_of
from annotators.chat.spec import read_key
from annotators.journal import Journal, JournalError, Request
from annotators.judge.chain import chain_of
from annotators.ledger import OverBudget
from annotators.stopping import on_stop, stopped
from schemas import Reason
from schemas.options import SetupError

LOOKED_UP = 256  # questions at the same time
THREADS = 16  # that look: a store may be far away
DOWNLOADS = 3  # of result files that turn out to be short

Questions = Callable[[], Iterable[Question]]


def prepare(
    spec: OpenAIBatchSpec, questions: Questions, resources: Resources, say: Callable[[str], None]
) -> None:
    """Every reply that can be had is in the journal when this returns; notes say what is missing.

    Raises :class:`RunStopped` where that is not so yet and a later call goes on, and
    :class:`SetupError` for a setting that cannot work.
    """
    if resources.work is None:
        raise SetupError(
            f"annotator {spec.annotator_id}: batches need a folder that outlives the run; give one"
        )
    folder = folder_of(resources.work, spec.annotator_id)
    shelf = Shelf(folder, spec.ways[0].url, resources.keep)
    run = Preparation(spec, questions, resources, shelf, say)
    try:
        asyncio.run(_unless_stopped(spec.annotator_id, run.run()))
    except RunStopped as stop:
        run.leave(str(stop))
        raise
    except BaseExceptionGroup as group:
        error = _first(group)
        if isinstance(error, RunStopped):
            run.leave(str(error))
        raise error from group
    if run.over is not None:
        run.leave(run.over)
        raise RunStopped(run.over)


async def _unless_stopped(annotator_id: str, work: Coroutine[None, None, None]) -> None:
    """The work, left where it is once the process is to stop: a batch may take a day."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
    with on_stop(lambda why: _call_soon(loop, task.cancel)):
        try:
            await task
        except asyncio.CancelledError:
            raise RunStopped(
                f"annotator {annotator_id}: {stopped()}; what was sent goes on at the service, and the "
                "same command takes it up"
            ) from None


def _call_soon(loop: asyncio.AbstractEventLoop, function: Callable[[], object]) -> None:
    with contextlib.suppress(RuntimeError):  # closed: it has just ended
        loop.call_soon_threadsafe(function)


class Preparation:
    """One run. Lives on one event loop; only questions are read and files written elsewhere."""

    def __init__(
        self,
        spec: OpenAIBatchSpec,
        questions: Questions,
        resources: Resources,
        shelf: Shelf,
        say: Callable[[str], None],
    ) -> None:
        self._spec, self._questions, self._shelf = spec, questions, shelf
        self._journal = Journal(resources.journal)
        self._notes = Notes.begin(shelf.root)
        self._money = Money(spec, resources.ledger)
        self._filler = Filler(spec, resources.frames, self._money, self._notes)
        self._lookers = ThreadPoolExecutor(THREADS, "questions")  # as the filler's, in no generator
        self._progress = Progress(spec.annotator_id, say)
        way, key = spec.ways[0], read_key(spec.annotator_id, spec.ways[0])
        self._service = Service(
            way, key, shelf.root, timeout_s=spec.timeout_s, max_attempts=spec.max_attempts
        )
        self._closing = Closing(spec, shelf, self._money, self._notes, self._progress)
        self._carrier = Carrier(spec, shelf, self._service, self._progress)
        self._ingestion = Ingestion(self._journal, spec.price, key)
        self._limits = Limits(
            requests=spec.shard_requests,
            n_bytes=spec.shard_bytes,
            input_tokens=spec.enqueued_tokens,
        )
        self._taken: set[str] = set()  # keys that are or were in flight since the pass began
        self.over: str | None = None  # why nothing more is sent, though what is in flight is read
        self._flying: set[asyncio.Task[None]] = set()
        self._transfers = asyncio.Semaphore(spec.transfers)
        self._reading = asyncio.Semaphore(spec.transfers)

    async def run(self) -> None:
        """Until every question is answered or noted, or :attr:`over` says why not."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._take_up(tasks)
                while await self._pass(tasks):
                    pass
        finally:
            self._filler.close()
            self._lookers.shutdown(wait=False, cancel_futures=True)
            await self._service.close()
        if self.over is None:
            self._notes.complete()

    def leave(self, why: str) -> None:
        """Note that whatever has no reply was not asked for."""
        left = f"not sent, because the run was stopped ({why}); the same command resumes it"
        self._notes.add([Note(key=EVERY_OTHER, reason=Reason.NOT_ATTEMPTED, message=left)])

    def _take_up(self, tasks: asyncio.TaskGroup) -> None:
        """Go on with the shards of an earlier process."""
        shards = self._shelf.outstanding()
        unbooked = self._money.resume(shards)
        for shard in shards:
            tickets = Tickets(self._shelf.folder(shard))
            self._taken.update(tickets.keys)
            tickets.close()
            if shard.step is Step.SETTLING:
                self._closing.book(shard, unbooked=unbooked)
            else:
                self._start(tasks, self._resume(shard))
        if shards:
            self._progress.note(f"{len(shards)} batches of an earlier run are taken up again")

    async def _pass(self, tasks: asyncio.TaskGroup) -> bool:
        """Send every question that lacks a reply; whether another pass may find some more."""
        feed, full = Feed(self._filler.lines(self._wanted())), None
        while full is not Full.NO_MORE and self.over is None:
            await self._transfers.acquire()
            draft = Draft(self._shelf.new(), self._limits)
            full = await self._fill(draft, feed)
            shard = await self._commit(draft)
            if shard is not None:
                self._start(tasks, self._send(shard, resumed=False))
                continue
            self._transfers.release()
            if full is Full.MONEY and not self._flying:
                self.over = "the budget is reserved by others; run again when they are done"
            elif full is Full.MONEY:
                await self._landed()
        await self._landed()
        again = bool(self._taken) and self.over is None
        self._taken.clear()
        return again

    def _wanted(self) -> Iterator[Item]:
        """Questions that lack a reply, each with the request for it. Iterated on a thread."""
        questions = iter(self._questions())
        while chunk := list(itertools.islice(questions, LOOKED_UP)):
            for question, request in zip(chunk, self._lookers.map(self._missing, chunk)):
                if request is not None and self._may_ask(request.key):
                    self._taken.add(request.key)
                    yield question, request

    def _missing(self, question: Question) -> Request | None:
        try:
            return chain_of(self._spec, self._journal, question)[1]
        except JournalError:
            return None  # the annotator that reads it says so

    def _may_ask(self, key: str) -> bool:
        return key not in self._taken and not self._notes.is_final(key)

    async def _fill(self, draft: Draft, feed: Feed[Line]) -> Full:
        try:
            return await asyncio.to_thread(self._filler.fill, draft, feed)
        except OverBudget as error:
            self.over = str(error)
            return Full.NO_MORE

    async def _commit(self, draft: Draft) -> Shard | None:
        """The shard on disk and its money reserved; None where there is nothing to send.

        Money that was there while it was written may be gone, where a batch cost more than its worst
        case: then the shard is dropped, and the next pass finds its questions again.
        """
        if not draft.keys or self.over is not None:
            draft.drop()
            return None
        await asyncio.to_thread(draft.close)
        number = int(draft.folder.name)
        name = self._shelf.name(number, list(draft.keys))
        shard = Shard(number=number, name=name, worst=draft.worst)
        await asyncio.to_thread(self._shelf.save, shard)
        with contextlib.suppress(OverBudget):
            if self._money.reserve(draft.worst):
                return shard
        self._shelf.drop(shard)
        return None

    def _start(self, tasks: asyncio.TaskGroup, work: Coroutine[None, None, None]) -> None:
        task = tasks.create_task(work)
        self._flying.add(task)
        task.add_done_callback(self._flying.discard)

    async def _landed(self) -> None:
        while self._flying:
            await asyncio.wait(self._flying)

    async def _resume(self, shard: Shard) -> None:
        if shard.step in (Step.PREPARED, Step.UPLOADED):
            await self._transfers.acquire()
            await self._send(shard, resumed=True)
            return
        if shard.step is Step.CREATED:
            await self._carrier.again(shard)
        await self._land(shard)

    async def _send(self, shard: Shard, *, resumed: bool) -> None:
        """Holds a transfer that was acquired for it."""
        self._progress.waiting(shard)
        try:
            shard = await self._carrier.send(shard, resumed=resumed)
        finally:
            self._transfers.release()
        await self._land(shard)

    async def _land(self, shard: Shard) -> None:
        if shard.step is Step.CREATED:
            shard = await self._carrier.wait(shard)
        async with self._reading:
            tally = await self._read(shard)
        self.over = self._closing.close(shard, tally) or self.over
        await self._carrier.forget(shard)

    async def _read(self, shard: Shard) -> Tally:
        folder = self._shelf.folder(shard)
        for _ in range(DOWNLOADS):
            await self._carrier.fetch(shard)
            try:
                return await asyncio.to_thread(self._ingestion.run, shard, folder)
            except Short as error:
                short = error
                await asyncio.sleep(self._spec.poll_s)
        raise RunStopped(
            f"batch {shard.batch_id}: its result file holds {short}; asking for the others would pay "
            "for them again, so run again later, when the file is whole, or delete "
            f"{self._shelf.folder(shard)} to give them up"
        )


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that says most: of those that end a run, else the first."""
    leaves = list(_leaves(group))
    return next((e for e in leaves if isinstance(e, RunStopped | SetupError)), leaves[0])


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
