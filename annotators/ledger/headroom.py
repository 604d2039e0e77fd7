"""How much a machine may spend in advance of its next record, and what its processes share about it."""

import time

import numpy as np

from annotators.ledger.caps import CAPPED, in_caps
from annotators.ledger.rows import NAME_BYTES, USED

HEADROOM = 64  # requests that a record covers in advance, at least
MOST_HEADROOM = 4096
OFTEN_S, SELDOM_S = 5.0, 20.0  # a record that lasts shorter, or longer, than that: more, or less
NOTHING = np.zeros(len(USED), "i8")

STATE = np.dtype(
    [
        ("machine", "S32"),  # made up when the file is: containers of a machine have one name
        ("share", "i8"),  # counted from 1; 0: none is held
        ("first", "i8"),  # its records by number: the one by which it was taken,
        ("number", "i8"),  # and the newest
        ("written", "f8"),  # when, in seconds since 1970
        ("headroom", "i8"),  # requests that a record should cover in advance
        ("granted", "i8"),  # that the newest does
        ("rested", "i8"),  # 1: nothing was sent since a record without any
        ("writer", "i8"),  # the process that is about to write; 0: none
        ("writer_started", "i8"),
        ("looked", "f8"),  # when no share was free
        ("asker", f"S{NAME_BYTES}"),  # who reserved last
        ("worst", "i8", (len(USED),)),  # the most that a request reserved since the last record
        ("last", "i8", (len(USED),)),  # what who reserved last did
        ("level", "i8", (len(USED),)),  # spent and reserved may come to this much
        ("room", "i8", (len(CAPPED),)),  # what is left of the share's caps; -1: no cap
    ]
)


def no_haste(state: np.void) -> bool:
    """Whether the newest record is so old that another is in place before it is used up."""
    return bool(time.time() - float(state["written"]) > OFTEN_S / 5)


def adapt(state: np.void) -> None:
    """A record every few seconds: more headroom for a machine that uses it up at once, less for another."""
    n, lasted = max(int(state["headroom"]), HEADROOM), time.time() - float(state["written"])
    if state["granted"] >= n and lasted < OFTEN_S:
        n = min(2 * n, MOST_HEADROOM)
    elif lasted > SELDOM_S:
        n = max(n // 2, HEADROOM)
    state["headroom"] = n


def more_for(state: np.void, used: np.ndarray) -> tuple[np.ndarray, int]:
    """As much headroom as is due and the share has room for, and for how many requests that is."""
    n = _fitting(state, used, state["worst"], int(state["headroom"]))
    if n:
        return state["worst"] * n, n
    # the dearest of several kinds may not fit where who asks now does
    n = _fitting(state, used, state["last"], 1)
    return state["last"] * n, n


def _fitting(state: np.void, used: np.ndarray, each: np.ndarray, n: int) -> int:
    for room, have, one in zip(
        state["room"], in_caps(used).values(), in_caps(each).values(), strict=True
    ):
        if room >= 0 and one > 0:
            n = min(n, max(int(room) - have, 0) // one)
    return n
