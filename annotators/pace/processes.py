"""The processes of this machine that work on one lane: one row each, reaped when they die."""

import os

import numpy as np

from annotators.shared import started

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
