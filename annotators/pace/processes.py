"""The processes of this machine that work on one lane: one row each, reaped when they die."""

import os
from pathlib import Path

import numpy as np

ROWS = 512  # processes on one lane at the same time
LONGEST_SLEEP_S = 1.0  # who waits asks again at least this often
GRACE_S = 0.1  # how much later than it said a process may ask again and still keep its place
NEVER = -np.inf
FREE = (0, 0, 0, NEVER, NEVER)

ROW = np.dtype(
    [
        ("pid", "i8"),  # 0: free
        ("started", "i8"),  # start time, so that a pid used again is not taken for its former owner
        ("in_flight", "i8"),
        ("asks_since", "f8"),  # to send
        ("asks_until", "f8"),  # in the past: it does not
    ]
)


def started(pid: int) -> int | None:
    """When a process started, in ticks of this boot; None: it is dead; 0: cannot be told here."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None if Path("/proc/self/stat").exists() else _signalled(pid)
    fields = stat[stat.rindex(")") + 2 :].split()  # the name before may hold blanks and brackets
    return None if fields[0] in "ZX" else int(fields[19])  # proc(5): fields 3 and 22


def _signalled(pid: int) -> int | None:
    """The same where there is no /proc: whether a signal would reach it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass  # another user's
    return 0


def claim(rows: np.ndarray) -> int:
    """A free row, now this process's. Raises RuntimeError where there is none."""
    free = np.flatnonzero(rows["pid"] == 0)
    if not len(free):
        raise RuntimeError(f"more than {ROWS} processes on one endpoint; use fewer workers")
    index = int(free[0])
    rows[index] = (os.getpid(), started(os.getpid()) or 0, 0, NEVER, NEVER)
    return index


def reap(rows: np.ndarray) -> None:
    """Free the rows of dead processes, and the slots they held."""
    for index in np.flatnonzero(rows["pid"]):
        if started(int(rows["pid"][index])) != rows["started"][index]:
            rows[index] = FREE


def ask(rows: np.ndarray, mine: int, now: float, wait_s: float) -> None:
    """Note that this process wants to send, cannot yet, and will ask again in ``wait_s``."""
    row = rows[mine]
    if row["asks_until"] <= now:
        row["asks_since"] = now
    row["asks_until"] = now + min(wait_s, LONGEST_SLEEP_S) + GRACE_S


def ahead(rows: np.ndarray, mine: int, now: float) -> int:
    """How many other processes should send before this one: those that ask to and have fewer in
    flight, or as many and ask for longer.

    Without it, who gives a slot back would always win it, and small requests of one process would
    keep a bucket too low for large ones of another.
    """
    asking = np.flatnonzero(rows["asks_until"] > now)
    since = rows["asks_since"][mine] if rows["asks_until"][mine] > now else now
    own = (int(rows["in_flight"][mine]), float(since))
    return sum(
        (int(rows["in_flight"][other]), float(rows["asks_since"][other])) < own
        for other in asking
        if other != mine
    )
