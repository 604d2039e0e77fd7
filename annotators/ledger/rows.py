"""The rows of the ledger: one for each account and process that spends, counted in whole numbers."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from annotators.ledger.amounts import Amount, Spent
from annotators.shared import SharedRows, started
from schemas.options import SetupError

ROWS = 1024  # accounts x processes at the same time, and purposes; those of dead ones are reused
NAME_BYTES = 200
APART = "\x1f"  # between an account and a purpose of its own; no name holds it
# Money is counted in whole picodollars: sums of integers leave no dust, whatever their order. A
# token costs ten thousand of them or more, and 64 bits hold nine million dollars
UNIT = 10**12

USED = ("requests", "input", "output", "usd", "unpriced")
_LOST = ("lost_requests", "lost_usd")
RESERVED_COLUMNS = tuple(f"reserved_{name}" for name in USED)
COUNTED = (*USED, *_LOST, *RESERVED_COLUMNS)
SEEN = ("replies", "estimated", "real")
ROW = np.dtype(
    [("account", f"S{NAME_BYTES}"), ("pid", "i8"), ("started", "i8")]
    + [(name, "i8") for name in (*COUNTED, *SEEN)]
)


class MemoryRows:
    """The rows of a ledger without a file."""

    def __init__(self) -> None:
        self._lock, self._rows = threading.Lock(), np.zeros(ROWS, ROW)

    @contextmanager
    def locked(self) -> Iterator[np.ndarray]:
        """As :meth:`SharedRows.locked`, among the threads of this process."""
        with self._lock:
            yield self._rows


def open_rows(path: Path | None) -> SharedRows | MemoryRows:
    """The rows in a file, which is made where there is none; without a path, in memory.

    Raises :class:`SetupError` for a file that cannot be used.
    """
    if path is None:
        return MemoryRows()
    try:
        return SharedRows(path, ROW, ROWS)
    except (OSError, ValueError) as error:
        raise SetupError(
            f"the ledger of what was spent cannot be used: {error} (without it, a budget no longer "
            "knows of what was spent before)"
        ) from error


def sync_rows(path: Path) -> None:
    """What stands in the file survives a crash of the machine."""
    file = os.open(path, os.O_RDWR)
    try:
        os.fsync(file)  # covers pages written through a mapping
    finally:
        os.close(file)


def encoded(account: str, purpose: str = "") -> bytes:
    """The name as a row holds it. Raises ValueError where it does not fit.

    A purpose for which the name leaves no room is left out: the money counts under the name alone.
    """
    name = account.encode()
    if not 0 < len(name) <= NAME_BYTES:
        raise ValueError(f"annotator {account[:40]!r}: names have 1 to {NAME_BYTES} bytes")
    apart = f"{account}{APART}{purpose}".encode()
    return apart if purpose and len(apart) <= NAME_BYTES else name


def account_of(row: np.void) -> tuple[str, str]:
    """Account and purpose of a row; the purpose is empty for what the tables are made of."""
    account, _, purpose = bytes(row["account"]).decode().partition(APART)
    return account, purpose


def units(usd: float | None) -> int:
    """Whole picodollars, 0 for an unknown sum."""
    return round((usd or 0.0) * UNIT)


def used_rows(rows: np.ndarray) -> int:
    """Rows are handed out in order and never given back."""
    return int(np.count_nonzero(rows["account"]))


def claim(rows: np.ndarray, name: bytes, instead: bytes | None = None) -> int:
    """The row of this account and process: its own, else one of a dead process, else a new one.

    ``instead`` is claimed where half of the rows are used and ``name`` needs a new one: a purpose is
    good to know, but takes no row that another account must have.
    """
    bury(rows)
    n = used_rows(rows)
    mine = np.flatnonzero((rows["account"] == name) & np.isin(rows["pid"], (0, os.getpid())))
    if instead not in (None, name) and not len(mine) and n >= len(rows) // 2:
        return claim(rows, instead)
    index = int(mine[np.argmax(rows["pid"][mine])]) if len(mine) else n
    if index == len(rows):
        raise RuntimeError(
            f"more than {ROWS} accounts and processes at the same time; use fewer workers"
        )
    rows[index]["account"], rows[index]["pid"] = name, os.getpid()
    rows[index]["started"] = started(os.getpid()) or 0
    return index


def bury(rows: np.ndarray) -> bool:
    """Count what dead processes had reserved as lost; whether there was anything."""
    found = False
    for row in rows[: used_rows(rows)]:
        if row["pid"] and started(int(row["pid"])) != row["started"]:
            found = lose(row) or found
            row["pid"] = 0
    return found


def lose(row: np.void) -> bool:
    """Everything reserved becomes spent, and lost; whether there was anything."""
    requests = int(row["reserved_requests"])
    row["lost_requests"] += requests
    row["lost_usd"] += row["reserved_usd"]
    for name in USED:
        row[name] += row[f"reserved_{name}"]
        row[f"reserved_{name}"] = 0
    return requests > 0


def add(row: np.void, prefix: str, amount: Amount, sign: int) -> None:
    """Add an amount to what is spent (prefix "") or ``reserved_``; sign -1 takes it away."""
    for name, value in zip(USED, values_of(amount), strict=True):
        # below zero only where the row was counted as lost while its process lived on after all:
        # then it is settled a second time, and the ledger holds too much rather than too little
        row[prefix + name] = max(int(row[prefix + name]) + sign * value, 0)


def taken(rows: np.ndarray) -> np.ndarray:
    """What is spent and reserved together, as ``USED``."""
    both = zip(USED, RESERVED_COLUMNS, strict=True)
    return np.array([int(rows[u].sum()) + int(rows[r].sum()) for u, r in both], "i8")


def counted(rows: np.ndarray) -> dict[str, list[int]]:
    """Name -> sums as ``COUNTED``, over all processes."""
    found: dict[str, list[int]] = {}
    for row in rows[: used_rows(rows)]:
        own = found.setdefault(bytes(row["account"]).decode(), [0] * len(COUNTED))
        own[:] = [have + int(row[name]) for have, name in zip(own, COUNTED, strict=True)]
    return found


def encode_row(row: np.void, name: str, values: Sequence[int]) -> None:
    """The other way round: one row of a name, of no process."""
    row["account"] = name.encode()
    for column, value in zip(COUNTED, values, strict=True):
        row[column] = value


def clear(rows: np.ndarray) -> None:
    """Nothing is spent or reserved; every row stays its process's, and what tokens are estimated at."""
    for column in COUNTED:
        rows[column] = 0


def take_back(rows: np.ndarray, account: bytes, amount: Amount) -> None:
    """What counts as lost is not lost after all; nothing happens where less than that is lost."""
    own = np.flatnonzero(rows["account"] == account)
    if int(rows["lost_requests"][own].sum()) < amount.requests:
        return
    values = (*values_of(amount), amount.requests, units(amount.usd))
    owed = dict(zip((*USED, *_LOST), values, strict=True))
    for index in own:  # in which of the rows is all one: only their sum is ever looked at
        for name in owed:
            taken = min(int(rows[index][name]), owed[name])
            rows[index][name] -= taken
            owed[name] -= taken


def values_of(amount: Amount) -> tuple[int, ...]:
    unpriced = amount.requests if amount.usd is None else 0
    tokens = amount.input_tokens, amount.output_tokens
    return amount.requests, *tokens, units(amount.usd), unpriced


def spent_of(rows: Sequence[np.void]) -> Spent:
    """What these rows come to in the units of the world: summed before money becomes a float."""

    def total(name: str) -> int:
        return sum(int(row[name]) for row in rows)

    return Spent(
        requests=total("requests"),
        input_tokens=total("input"),
        output_tokens=total("output"),
        usd=total("usd") / UNIT,
        unpriced=total("unpriced"),
        lost_requests=total("lost_requests"),
        lost_usd=total("lost_usd") / UNIT,
        reserved_requests=total("reserved_requests"),
        reserved_usd=total("reserved_usd") / UNIT,
    )
