"""One endpoint and account: a lane that the processes of this machine share."""

import dataclasses
import hashlib
import math
import operator
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from annotators.pace import hints, processes, state
from annotators.pace.limits import Limits, Result
from annotators.pace.state import POLL_S, State
from annotators.shared import SharedRows, own_folder

REAP_S = 1.0  # how often a process that finds the lane full looks for dead ones
WHY_BYTES = 512
_REBOOT_S = 1.0  # a stamp further in the future than this comes from before a restart
_NO_HEADERS: Mapping[str, str] = {}

_STATE = np.dtype([(f.name, "i8" if f.type is int else "f8") for f in dataclasses.fields(State)])
_FILE = np.dtype(
    [("state", _STATE), ("why", f"S{WHY_BYTES}"), ("rows", processes.ROW, (processes.ROWS,))]
)
_NUMBERS = operator.attrgetter(*_STATE.names)  # type: ignore[misc]


class Lane:
    """Slots for requests to one endpoint, under limits that hold over all processes of a machine.

    The state lies in a mapped file named after the lane. The first process to register while no
    other is registered starts it afresh; of different limits, those registered last are in force.
    An object of its own for every user, also within one process. Pickles unregistered.

    Args:
        name: of the endpoint and account; whoever uses the same name shares the lane.
        folder: where the state lies; None: a folder of this user below the temporary one.
        clock: seconds, the same for all processes of the machine.
    """

    def __init__(
        self,
        name: str,
        limits: Limits,
        folder: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name, self.limits, self.folder, self.clock = name, limits, folder, clock
        self.room = 1  # free slots when last looked; other processes may have changed it since
        self._file: SharedRows | None = None
        self._row = self._owner = -1

    def __reduce__(self) -> tuple[Any, ...]:
        return Lane, (self.name, self.limits, self.folder, self.clock)

    def register(self) -> None:
        """This process works here from now on. Raises RuntimeError when too many do."""
        if self._file is not None and self._owner == os.getpid():
            return
        folder = self.folder or users_folder()
        # another layout of the file is another file: an older program's may still lie there
        digest = hashlib.sha256(f"{_FILE.descr}\n{self.name}".encode()).hexdigest()[:16]
        self._file = SharedRows(folder / digest, _FILE, 1)
        with self._file.locked() as file:
            now = self.clock()
            if file["state"]["seen_at"][0] > now + _REBOOT_S:
                file[0] = np.zeros((), _FILE)
            lane, rows = _read(file), file["rows"][0]
            _reap(lane, rows, now)
            if not lane.processes:
                lane = state.fresh(now)
            self._row, self._owner = processes.claim(rows), os.getpid()
            lane.processes += 1
            state.adopt(lane, self.limits, now)
            self._write(file, lane, now)

    def leave(self) -> None:
        """This process works here no more; slots it still holds are given back."""
        if self._file is None or self._owner != os.getpid():
            return
        with self._file.locked() as file:
            lane, rows = _read(file), file["rows"][0]
            rows[self._row] = processes.FREE
            _recount(lane, rows)
            self._write(file, lane, self.clock())
        self._file, self._row = None, -1

    def take(self, tokens: float) -> float:
        """Take a slot for a request of this many tokens.

        Returns 0.0 when it was taken; else the seconds after which asking again makes sense, short
        where it depends on requests under way; infinity: the lane is closed.
        """
        with self._opened().locked() as file:
            lane, rows, now = _read(file), file["rows"][0], self.clock()
            wait = self._wait_s(lane, rows, tokens, now)
            if wait == 0.0:
                state.sent(lane, tokens, now)
                rows["in_flight"][self._row] += 1
                rows["asks_until"][self._row] = processes.NEVER
            self._write(file, lane, now)
        return wait

    def done(
        self,
        result: Result,
        wait_s: float | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
        taken_at: float | None = None,
    ) -> None:
        """Give a slot back, and say how the request ended.

        Args:
            wait_s: what Retry-After said, in seconds.
            headers: of the reply, for the hints in them.
            taken_at: when the slot was taken, by the lane's clock: a request under way since before
                a cut belongs to its episode; None: after the last cut.
        """
        if self._file is None or self._owner != os.getpid():
            return  # it left, and the slot with it
        with self._file.locked() as file:
            lane, now = _read(file), self.clock()
            in_flight = file["rows"][0]["in_flight"]
            if in_flight[self._row] > 0:
                in_flight[self._row] -= 1
                lane.in_flight -= 1
            state.ended(lane, result, math.inf if taken_at is None else taken_at, now)
            state.retry_after(lane, result, wait_s, now)
            if headers:
                lane.pause_until = max(lane.pause_until, now + hints.reset_s(headers))
            self._write(file, lane, now)

    def close(self, why: str) -> None:
        """Let no process take a slot here any more. Only the first reason counts."""
        with self._opened().locked() as file:
            if not file["state"]["closed"][0]:
                file["why"] = why.encode()[:WHY_BYTES]
                file["state"]["closed"] = 1

    @property
    def closed(self) -> str | None:
        """Why the lane is closed; None: it is open."""
        with self._opened().locked() as file:
            if file["state"]["closed"][0]:
                return bytes(file["why"][0]).decode(errors="ignore")  # may be cut inside a letter
        return None

    def look(self) -> State:
        """How the lane stands, over all processes."""
        with self._opened().locked() as file:
            return _read(file)

    def _wait_s(self, lane: State, rows: np.ndarray, tokens: float, now: float) -> float:
        if lane.closed:
            return math.inf
        if lane.pause_until > now:
            return lane.pause_until - now
        ahead = 0
        if lane.processes > 1:
            if lane.in_flight >= lane.limit and now > lane.reaped_at + REAP_S:
                _reap(lane, rows, now)
            ahead = processes.ahead(rows, self._row, now)
        wait = state.bucket_wait_s(lane, tokens, now)
        scarce = lane.in_flight + ahead >= lane.limit or lane.request_rate or lane.token_rate
        if lane.in_flight >= lane.limit or (ahead and scarce):
            wait = max(wait, POLL_S)
        if wait > 0.0:
            processes.ask(rows, self._row, now, wait)
        return wait

    def _write(self, file: np.ndarray, lane: State, now: float) -> None:
        lane.seen_at = now
        file["state"][0] = _NUMBERS(lane)
        self.room = lane.limit - lane.in_flight

    def _opened(self) -> SharedRows:
        if self._file is None or self._owner != os.getpid():  # a fork has its parent's row
            self.register()
        assert self._file is not None
        return self._file


def _read(file: np.ndarray) -> State:
    return State(*file["state"][0].item())


def _reap(lane: State, rows: np.ndarray, now: float) -> None:
    processes.reap(rows)
    _recount(lane, rows)
    lane.reaped_at = now


def _recount(lane: State, rows: np.ndarray) -> None:
    lane.processes = int(np.count_nonzero(rows["pid"]))
    lane.in_flight = int(rows["in_flight"].sum())


def users_folder() -> Path:
    """Where lanes lie for which no folder is named. Raises RuntimeError where there is none to be had."""
    return own_folder() / "lanes"
