"""The ledger: what every account has spent, and the caps no process may spend beyond.

A request is reserved at the most it can cost before it is sent, and settled at what it did cost, so
that spent and reserved together stay under every cap at any moment. What a killed process had
reserved may have been billed or not; it counts as billed.

One row per account, purpose and process in a mapped file, so an update is microseconds and survives
``kill -9`` of everything. Against a crash of the machine the file is synced every few seconds: such
a crash can make the ledger forget the last ``SYNC_S`` of spending, the journal forgets nothing.
"""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from annotators.ledger.amounts import RESERVED, WAIT, Amount, Budget, OverBudget, Spent, Verdict
from annotators.ledger.rows import (
    SEEN,
    UNIT,
    MemoryRows,
    account_of,
    add,
    bury,
    claim,
    encoded,
    lose,
    open_rows,
    spent_of,
    take_back,
    units,
    used_rows,
)
from annotators.shared import SharedRows

SYNC_S = 5.0
BURY_S = 1.0  # how often those that wait look for dead processes: hundreds of them ask at once


class Ledger:
    """Spending by account, under the caps of a budget. Pickles by path, opened where it is used.

    Args:
        path: the file all processes of this machine share and every run on its folder goes on
            with; None: memory of this process alone.
        accounts: names (annotator ids) that ``totals`` lists even before they spend.
        budget: caps on all accounts together, over everything ever written to the file.
        machines: each machine has a file of its own and may spend an equal share of the caps.

    Raises ValueError for a name of more than 200 bytes.
    """

    def __init__(
        self,
        path: Path | None = None,
        accounts: Sequence[str] = (),
        budget: Budget = Budget(),  # noqa: B008 (frozen)
        machines: int = 1,
    ) -> None:
        self.path, self.accounts, self.budget, self.machines = path, accounts, budget, machines
        for account in accounts:
            encoded(account)
        usd, n = budget.usd, machines
        self._caps = {
            "usd": None if usd is None else units(usd) // n,
            "tokens": None if budget.tokens is None else budget.tokens // n,
            "requests": None if budget.requests is None else budget.requests // n,
        }
        self._opening = threading.Lock()
        self._rows: SharedRows | MemoryRows | None = None
        self._owner = 0  # the process that opened the rows: a forked child must not share its lock
        self._mine: dict[tuple[str, str], int] = {}
        self._synced = time.monotonic()
        self._buried = -BURY_S

    def __reduce__(self) -> tuple[Any, ...]:
        return Ledger, (self.path, self.accounts, self.budget, self.machines)

    @property
    def capped(self) -> bool:
        """Whether a cap rests on estimated tokens: in USD or in tokens, not in requests."""
        return self.budget.usd is not None or self.budget.tokens is not None

    def begin(self) -> None:
        """Called by the launcher alone, when nothing else works on the file.

        What is still reserved was in flight when a run was killed: it counts as billed.
        """
        with self._locked() as rows:
            for row in rows[: used_rows(rows)]:
                lose(row)
        self.sync()

    def reserve(self, account: str, worst: Amount, purpose: str = "") -> Verdict:
        """Set the worst case of a request aside, or say why it must not be sent now.

        ``purpose`` is told apart by :meth:`purposes` where it is no verdict for the tables; it is the
        same when the request is settled or released.

        Raises :class:`OverBudget` when what is spent leaves no room for it, and ValueError for an
        amount without a price under a cap in USD.
        """
        if self.budget.usd is not None and worst.usd is None:
            raise ValueError(f"{account}: budget.usd needs the price of every request; none given")
        with self._locked() as rows:
            waiting = self._short(rows, worst)
            if waiting and time.monotonic() - self._buried > BURY_S:
                self._buried = time.monotonic()
                # a dead process's requests will never be settled
                waiting = self._short(rows, worst) if bury(rows) else waiting
            if waiting:
                return WAIT
            add(self._row(rows, account, purpose), "reserved_", worst, 1)
        return RESERVED

    def settle(self, account: str, worst: Amount, used: Amount | None, purpose: str = "") -> None:
        """A reserved request came to its end and used this much; None: nobody knows.

        What nobody knows counts at the worst case and as lost. So does the money of a request
        whose tokens are known and whose cost is not, if its worst case had one.
        """
        cost = worst if used is None else used
        lost_usd = worst.usd if used is None or used.usd is None else None
        if cost.usd is None and worst.usd is not None:
            cost = Amount(cost.requests, cost.input_tokens, cost.output_tokens, worst.usd)
        with self._locked() as rows:
            row = self._row(rows, account, purpose)
            # killed in between, it counts twice and not never
            add(row, "", cost, 1)
            row["lost_requests"] += cost.requests if used is None else 0
            row["lost_usd"] += units(lost_usd)
            add(row, "reserved_", worst, -1)
        if time.monotonic() - self._synced > SYNC_S:
            self.sync()

    def release(self, account: str, worst: Amount, purpose: str = "") -> None:
        """A reserved request was certainly not billed."""
        with self._locked() as rows:
            add(self._row(rows, account, purpose), "reserved_", worst, -1)

    def regain(self, account: str, worst: Amount) -> None:
        """Reserve again what counts as lost and is known to be in flight still.

        A batch goes on without the process that sent it: only its end books its cost.
        """
        with self._locked() as rows:
            add(self._row(rows, account), "reserved_", worst, 1)  # first, as in settle
            take_back(rows, encoded(account), worst)

    def estimated(self, account: str, estimate: int, used: int) -> None:
        """Input tokens of one reply: as estimated before it was sent, and as the server counted."""
        with self._locked() as rows:
            row = self._row(rows, account)
            for name, value in zip(SEEN, (1, estimate, used), strict=True):
                row[name] += value

    def ratio(self, account: str) -> tuple[float, int]:
        """Input tokens used per estimated one, and over how many replies; 1.0 before the first."""
        with self._locked() as rows:
            own = rows[rows["account"] == encoded(account)]
            replies, estimate, real = (int(own[name].sum()) for name in SEEN)
        return (real / estimate if estimate else 1.0), replies

    def totals(self) -> dict[str, Spent]:
        """Where every account stands, those of earlier runs on the same file included."""
        return {account: sum(own.values(), Spent()) for account, own in self.purposes().items()}

    def purposes(self) -> dict[str, dict[str, Spent]]:
        """The same by purpose: an empty one is what no request gave another purpose for."""
        found: dict[str, dict[str, Spent]] = {account: {} for account in self.accounts}
        with self._locked() as rows:
            known = rows[: used_rows(rows)].copy()
        for row in known:
            account, purpose = account_of(row)
            own = found.setdefault(account, {})
            own[purpose] = own.get(purpose, Spent()) + spent_of(row)
        return found

    def sync(self) -> None:
        """Everything up to now survives a crash of the machine."""
        self._synced = time.monotonic()
        if self.path is None:
            return
        file = os.open(self.path, os.O_RDWR)
        try:
            os.fsync(file)  # covers pages written through a mapping
        finally:
            os.close(file)

    def _short(self, rows: np.ndarray, worst: Amount) -> bool:
        """Whether the request must wait; raises where waiting would not help."""
        wanted = {
            "usd": units(worst.usd),
            "tokens": worst.input_tokens + worst.output_tokens,
            "requests": worst.requests,
        }
        short = False
        for name, cap in self._caps.items():
            if cap is None:
                continue
            columns = ("input", "output") if name == "tokens" else (name,)
            spent = sum(int(rows[column].sum()) for column in columns)
            if spent + wanted[name] > cap:
                raise OverBudget(self._message(name, cap, spent, wanted[name]))
            reserved = sum(int(rows[f"reserved_{column}"].sum()) for column in columns)
            short = short or spent + reserved + wanted[name] > cap
        return short

    def _message(self, name: str, cap: int, spent: int, wanted: int) -> str:
        def shown(value: int) -> str:
            unit = name[:-1] if value == 1 else name  # one request
            return f"{value / UNIT:.4f} USD" if name == "usd" else f"{value} {unit}"

        share = f" (this machine's share: {shown(cap)})" if self.machines > 1 else ""
        return (
            f"budget.{name} is {getattr(self.budget, name)}{share}: {shown(spent)} are spent, over "
            f"all runs on this folder, and the next request may use up to {shown(wanted)}; raise "
            f"budget.{name} to go on"
        )

    def _row(self, rows: np.ndarray, account: str, purpose: str = "") -> np.void:
        index = self._mine.get((account, purpose))
        if index is None:
            name = encoded(account, purpose)
            index = self._mine[account, purpose] = claim(rows, name, instead=encoded(account))
        return rows[index]

    @contextmanager
    def _locked(self) -> Iterator[np.ndarray]:
        with self._opening:
            if self._rows is None or self._owner != os.getpid():
                self._rows = open_rows(self.path)
                self._owner, self._mine = os.getpid(), {}
            shared = self._rows
        with shared.locked() as rows:
            yield rows
