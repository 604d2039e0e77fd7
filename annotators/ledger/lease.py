"""What this machine may spend until it writes to the far store again.

The machine's processes share one share of a job (`shares`) and one state file beside their ledger.
Whoever finds the lease short writes the next record, in a thread of its own and outside of every lock:
a far store takes 50 ms, and the event loop has requests to look after. Meanwhile the others go on with
what is left, or wait.

Order is what makes it safe: headroom is used only once its record stands, and is given up here before
a record without it is written. So at any moment spent and reserved together are within the newest
record, whoever is killed.
"""

import os
import threading
import time
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np

from annotators.ledger.amounts import Amount, OverBudget
from annotators.ledger.caps import CAPPED, in_caps, less
from annotators.ledger.headroom import NOTHING, STATE, adapt, more_for, no_haste
from annotators.ledger.rows import clear, counted, taken, values_of
from annotators.ledger.shares import Job, Record, Shares
from annotators.shared import SharedRows, own_folder, started
from schemas.store import Store

STALE_S = 120.0  # a holder that has not written for so long may be gone
BEAT_S = 30.0  # so a holder with requests in flight writes this often
AGAIN_S = 1.0  # until it is looked again whether a share is free
TRIES = 3  # a store that cannot be written

Locked = Callable[[], AbstractContextManager[np.ndarray]]


class NoLease(OverBudget):
    """Nothing may be spent: where the other machines look it up, it cannot be written."""


class Lease:
    """One process's way to its machine's lease.

    ``caps`` and ``covers`` want the ledger's lock held; ``start`` and ``rest`` take it by themselves,
    for moments only.
    """

    def __init__(self, store: Store, job: Job) -> None:
        self.job, self._shares = job, Shares(store)
        self._failed: str | None = None
        self._file: SharedRows | None = None
        self._machine = ""

    def open(self) -> Path:
        """The file of this machine's ledger, which lies beside its lease."""
        folder = Path(self.job.place) if self.job.place else own_folder() / "ledgers"
        self._file = SharedRows(folder / f"{self.job.name}.lease", STATE, 1)
        with self._state() as state:
            state["machine"] = state["machine"] or uuid.uuid4().hex
            self._machine = bytes(state["machine"]).decode()
        return folder / f"{self.job.name}.ledger"

    def caps(self) -> dict[str, int | None]:
        """What is left to this machine of its share; nothing is known before it holds one."""
        with self._state() as state:
            if not state["share"]:
                return dict.fromkeys(CAPPED)
            room = [int(value) for value in state["room"]]
        return {
            name: None if value < 0 else value for name, value in zip(CAPPED, room, strict=True)
        }

    def covers(self, rows: np.ndarray, name: bytes, worst: Amount) -> tuple[bool, bool]:
        """Whether one more request is within the newest record, and whether a new one is due.

        Raises :class:`NoLease` where no record could be written.
        """
        values = np.array(values_of(worst), "i8")
        with self._state() as state:
            state["asker"] = name
            state["worst"], state["last"] = np.maximum(state["worst"], values), values
            left = state["level"] - taken(rows)
            covered = bool(state["share"]) and bool((left >= values).all())
            half = state["worst"] * (max(int(state["headroom"]), 1) // 2)
            due = not covered or bool((left - values < half).any() and no_haste(state))
            writing = self._writing(state)
            state["rested"] = 0 if covered else state["rested"]
            may_look = bool(state["share"]) or time.time() - float(state["looked"]) > AGAIN_S
        if not covered and self._failed and not writing:
            failed, self._failed = self._failed, None
            raise NoLease(failed)
        return covered, due and not writing and may_look

    def beats(self) -> bool:
        """Whether it is time to write again, with requests in flight."""
        with self._state() as state:
            silent = time.time() - float(state["written"]) > BEAT_S
            return bool(state["share"]) and silent and not self._writing(state)

    def start(self, locked: Locked) -> None:
        """Have the next record written, in the background."""
        with locked(), self._state() as state:
            if not self._claim_pen(state):
                return
        in_background(lambda: self._write(locked, rest=False))

    def rest(self, locked: Locked) -> None:
        """Give up the headroom, where nothing is in flight on this machine: what it has spent then
        stands where the launcher finds it, though the machine goes away."""
        while True:
            with locked() as rows, self._state() as state:
                idle = not rows["reserved_requests"].any()
                if not idle or not state["share"] or state["rested"]:
                    return
                if self._claim_pen(state):
                    break
            time.sleep(0.01)  # another process writes; it takes as long as a request to the store
        self._write(locked, rest=True)

    def _write(self, locked: Locked, *, rest: bool) -> None:
        """The next record of the share, or the first of another."""
        try:
            for attempt in range(TRIES):
                try:
                    self._failed = None
                    self._write_once(locked, rest=rest)
                    return
                except OverBudget as error:
                    self._failed = str(error)
                    return
                except Exception as error:  # each kind of store has its own
                    self._failed = (
                        f"no machine's spending goes unrecorded, and here it does: {error}"
                    )
                    time.sleep(0.2 * 2**attempt)
        finally:
            with locked(), self._state() as state:
                state["writer"] = 0

    def _write_once(self, locked: Locked, *, rest: bool) -> None:
        with locked() as rows, self._state() as state:
            held = int(state["share"])
            record, granted = self._next(state, rows, rest=rest)
            level = taken(rows) + record.headroom
            state["level"] = np.minimum(state["level"], level)  # before the record says so
            number, first = int(state["number"]), int(state["first"])
        if held and self._shares.put(self.job.name, held - 1, number + 1, record):
            with locked(), self._state() as state:
                state["number"], state["written"] = number + 1, record.written
                state["level"], state["worst"], state["granted"] = level, 0, granted
                state["rested"] = record.resting
            if number != first:  # in which the share changed hands
                self._shares.drop(self.job.name, held - 1, number)
        elif held and (mine := self._newest(held - 1, first, number)) != number:
            with locked(), self._state() as state:
                state["number"] = mine  # it was written, though the store had said that it was not
            self._write_once(locked, rest=rest)
        else:
            # somebody else holds it now, and has booked what this machine's record left open
            with locked(), self._state() as state:
                state["share"], state["level"] = 0, 0
            if not rest:
                self._take(locked)

    def _newest(self, share: int, first: int, number: int) -> int:
        """The newest record of who took the share by number ``first``: it should be ``number``."""
        known = self._shares.of(self.job.name, share)
        return next((n for n, record in known.items() if record.first == first), number)

    def _next(self, state: np.void, rows: np.ndarray, *, rest: bool) -> tuple[Record, int]:
        """The next record, and how many requests it covers in advance."""
        if rest:
            return self._record(state, counted(rows), NOTHING), 0
        adapt(state)
        more, granted = more_for(state, taken(rows))
        return self._record(state, counted(rows), more), granted

    def _record(self, state: np.void, rows: dict[str, list[int]], more: np.ndarray) -> Record:
        return Record(
            machine=self._machine,
            first=int(state["first"]),
            written=time.time(),
            rows=rows,
            headroom=[int(value) for value in more],
            asker=bytes(state["asker"]).decode(),
        )

    def _take(self, locked: Locked) -> None:
        """A share that nobody holds, or whose holder is idle or gone; none: it is looked again soon."""
        for share, known in self._candidates():
            number = max(known, default=0) + 1
            with locked(), self._state() as state:
                state["room"], state["first"] = self._room(known), number
                adapt(state)
                more, granted = more_for(state, NOTHING)
                record = self._record(state, {}, more)
            if self._shares.take(self.job.name, share, number, record):
                with locked() as rows, self._state() as state:
                    clear(rows)  # what an earlier share had in flight is booked there, as lost
                    state["share"], state["number"], state["written"] = (
                        share + 1,
                        number,
                        record.written,
                    )
                    state["level"], state["worst"], state["granted"] = more, 0, granted
                    state["rested"] = 0
                return
        with locked(), self._state() as state:
            state["looked"] = time.time()

    def _candidates(self) -> Iterator[tuple[int, dict[int, Record]]]:
        """Shares that may be taken, those that cost nothing first."""
        found = self._shares.of_job(self.job.name)
        start = zlib.crc32(self._machine.encode())  # machines that begin together begin elsewhere
        n = self.job.shares
        known = {(start + k) % n: found.get((start + k) % n, {}) for k in range(n)}
        if any(records and records[max(records)].closed for records in known.values()):
            raise NoLease("the run that this worker works for has ended, or goes on without it")
        newest = {share: records[max(records)] for share, records in known.items() if records}
        silent = {share: time.time() - record.written for share, record in newest.items()}
        unclaimed = [share for share in known if share not in newest]
        resting = [share for share, record in newest.items() if record.resting]
        stale = [s for s in newest if s not in resting and silent[s] > STALE_S]
        for share in (*unclaimed, *resting, *stale):
            yield share, known[share]

    def _room(self, known: dict[int, Record]) -> list[int]:
        """What the share's caps leave after all who held it before."""
        rows = [record.as_rows(lost=True) for record in known.values()]
        before = in_caps(sum((taken(own) for own in rows), NOTHING))
        left = less(self.job.caps, before)
        return [-1 if (room := left[name]) is None else room for name in CAPPED]

    def _writing(self, state: np.void) -> bool:
        pid = int(state["writer"])
        return bool(pid) and started(pid) == int(state["writer_started"])

    def _claim_pen(self, state: np.void) -> bool:
        if self._writing(state):
            return False
        state["writer"], state["writer_started"] = os.getpid(), started(os.getpid()) or 0
        return True

    @contextmanager
    def _state(self) -> Iterator[np.void]:
        assert self._file is not None, "opened with the ledger's own file"
        with self._file.locked() as rows:
            yield rows[0]


def in_background(work: Callable[[], None]) -> None:
    """Run it in a thread that holds nobody up."""
    threading.Thread(target=work, name="lease", daemon=True).start()
