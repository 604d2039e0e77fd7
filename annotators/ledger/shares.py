"""What machines that come and go have spent: small objects in a store that outlives them.

A *job* is one pipeline on machines of its own. The launcher cuts what its caps still allow into equal
*shares*, as many as there are machines. A machine holds a share by writing numbered records,
``JOB/SHARE/NUMBER.json``: what it has spent, and how much more it may spend until it writes again.
So a machine that vanishes leaves an upper bound of its bill, and no share is ever spent twice.

Nothing here rests on a clock or a lock, only on put-if-absent. Who takes a share over writes the
number after its last record, and so does its holder: one of the two is refused, and a holder that was
refused may send no more than its last record covers. What that leaves open counts as lost. The
records in which a share changes hands stay; of the others, each is deleted by the next.
"""

import dataclasses
import json
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from annotators.ledger.rows import COUNTED, RESERVED_COLUMNS, ROW, USED, encode_row, lose
from schemas.store import Store

TRIES = 8  # a record may be deleted between being listed and being read
AT_ONCE = 16  # requests in flight on an object store
_JOB = "job.json"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One pipeline on machines of its own. ``caps``: what one share may spend, by name, in the
    ledger's whole numbers; None: no cap. ``place``: a folder of each machine's own; None: below the
    temporary one."""

    name: str
    shares: int
    caps: dict[str, int | None]
    place: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a holder of a share has spent of it, and may spend without another word."""

    machine: str
    first: int  # number of the record with which its holder took the share
    written: float  # seconds since 1970, to tell a holder that is gone from one at work
    rows: dict[str, list[int]]  # name -> as `COUNTED`
    headroom: list[int]  # beyond what the rows have spent and reserved, as `USED`
    asker: str = ""  # the name under which headroom that is lost is booked
    closed: bool = False  # by the launcher: nobody takes this share again

    @property
    def resting(self) -> bool:
        """Whether its holder has nothing in flight and may send nothing."""
        return not any(self.headroom) and not any(self._reserved("requests"))

    def _reserved(self, name: str) -> list[int]:
        at = COUNTED.index(f"reserved_{name}")
        return [values[at] for values in self.rows.values()]

    def as_rows(self, *, lost: bool) -> np.ndarray:
        """Rows of a ledger; ``lost``: nobody will ever say what became of the rest."""
        named = {name: list(values) for name, values in self.rows.items()}
        if any(self.headroom):
            own = named.setdefault(self.asker, [0] * len(COUNTED))
            for column, more in zip(RESERVED_COLUMNS, self.headroom, strict=True):
                own[COUNTED.index(column)] += more
        found = np.zeros(len(named), ROW)
        for row, (name, values) in zip(found, named.items(), strict=True):
            encode_row(row, name, values)
            if lost:
                lose(row)
        return found


class Shares:
    """The records in a store, of one job or of all. Records never change, so each is read once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: dict[str, Record] = {}
        self._n_shares: dict[str, int] = {}  # of jobs, by the name of the file that says so

    def new_job(self, n_shares: int, caps: dict[str, int | None]) -> Job:
        """A job of a name that no other has, and that sorts after earlier ones."""
        name = f"{len(self._jobs()):05d}-{uuid.uuid4().hex[:12]}"
        self._store.put(f"{name}/{_JOB}", json.dumps({"shares": n_shares}).encode(), durable=True)
        return Job(name=name, shares=n_shares, caps=caps)

    def put(self, job: str, share: int, number: int, record: Record) -> bool:
        """Write a record; False: that number is another's."""
        name, data = _name(job, share, number), json.dumps(dataclasses.asdict(record)).encode()
        # an answer that was lost on its way back is no refusal
        return self._store.put(name, data, durable=True) or self._store.get(name) == data

    def take(self, job: str, share: int, number: int, record: Record) -> bool:
        """Take a share over by its next record; False: somebody else was first."""
        if not self.put(job, share, number, record):
            return False
        if max(self.of(job, share), default=0) == number:
            return True
        # a number that was deleted meanwhile: nothing was sent under it
        self.drop(job, share, number)
        return False

    def drop(self, job: str, share: int, number: int) -> None:
        """Delete a record that nothing rests on."""
        self._store.delete(_name(job, share, number))

    def of(self, job: str, share: int) -> dict[int, Record]:
        """The records of one share by number, ascending: the newest of each of its holders."""
        return self._records(f"{job}/{share:04d}").get((job, share), {})

    def of_job(self, job: str) -> dict[int, dict[int, Record]]:
        """Those of all of its shares that have any."""
        return {share: known for (_, share), known in self._records(job).items()}

    def close(self) -> None:
        """Nobody spends of any share any more beyond what the records cover, nor takes one."""
        known = self._records("")
        jobs = self._jobs()
        every = [(job, share) for job, n_shares in jobs.items() for share in range(n_shares)]
        _each(lambda where: self._close(where[0], where[1], known.get(where, {})), every)

    def _close(self, job: str, share: int, known: dict[int, Record]) -> None:
        while not (known and known[max(known)].closed):
            number = max(known, default=0) + 1
            self.put(job, share, number, _end(number))
            known = self.of(job, share)  # its holder may have been faster

    def _jobs(self) -> dict[str, int]:
        """Name -> number of shares."""
        names = [name for name in self._store.names() if name.endswith(f"/{_JOB}")]
        _each(self._load_job, [name for name in names if name not in self._n_shares])
        return {name.split("/")[0]: self._n_shares[name] for name in names}

    def _load_job(self, name: str) -> None:
        data = self._store.get(name)
        if data is None:
            raise OSError(f"{self._store.path(name)}: was deleted; restore it")
        self._n_shares[name] = int(json.loads(data)["shares"])

    def rows(self) -> np.ndarray:
        """Everything all machines have spent, reserved and lost, of all jobs: rows of a ledger."""
        found = [np.zeros(0, ROW)]
        for known in self._records("").values():
            last = max(known)
            found += [record.as_rows(lost=number != last) for number, record in known.items()]
        return np.concatenate(found)

    def _records(self, folder: str) -> dict[tuple[str, int], dict[int, Record]]:
        for _ in range(TRIES):
            names = [name for name in self._store.names(folder) if not name.endswith(f"/{_JOB}")]
            _each(self._load, [name for name in names if name not in self._read])
            if all(name in self._read for name in names):
                return _grouped((name, self._read[name]) for name in names)
        raise OSError(
            f"{self._store.path(folder)}: its records change faster than they can be read"
        )

    def _load(self, name: str) -> None:
        data = self._store.get(name)
        if data is None:
            return
        try:
            self._read[name] = Record(**json.loads(data))
        except (ValueError, TypeError) as error:
            raise OSError(
                f"{self._store.path(name)}: no record of what a machine spent ({error}); restore it, or "
                "delete it and check the bill by hand"
            ) from error


def _end(number: int) -> Record:
    nothing = [0] * len(USED)
    return Record(machine="", first=number, written=0.0, rows={}, headroom=nothing, closed=True)


def _name(job: str, share: int, number: int) -> str:
    return f"{job}/{share:04d}/{number:08d}.json"


def _grouped(
    records: Iterable[tuple[str, Record]],
) -> dict[tuple[str, int], dict[int, Record]]:
    newest: dict[tuple[str, int], dict[int, tuple[int, Record]]] = {}
    for name, record in records:
        job, share, number = name.removesuffix(".json").split("/")
        held = newest.setdefault((job, int(share)), {})
        held[record.first] = max(
            held.get(record.first, (0, record)), (int(number), record), key=lambda pair: pair[0]
        )
    return {where: dict(sorted(held.values())) for where, held in newest.items()}


def _each(do: Any, items: Iterable[Any]) -> None:
    items = list(items)
    if len(items) < 2:
        for item in items:
            do(item)
        return
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(do, items))
