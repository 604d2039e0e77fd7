"""The ledger: what every account has spent, and the caps no process may spend beyond.

A request is reserved at the most it can cost before it is sent, and settled at what it did cost, so
that spent and reserved together stay under every cap at any moment. What a killed process had
reserved may have been billed or not; it counts as billed.

One row per account, purpose and process in a mapped file, so an update is microseconds and survives
``kill -9`` of everything. Against a crash of the machine the file is synced every few seconds: such
a crash can make the ledger forget the last ``SYNC_S`` of spending, the journal forgets nothing.

Machines that work for a launcher elsewhere, and vanish, keep such a file each and write down in a
store what they have spent and may spend (`lease`, `shares`); the launcher adds that to its own.
"""

import functools
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from annotators.ledger.afar import Afar
from annotators.ledger.amounts import RESERVED, WAIT, Amount, Budget, Spent, Verdict
from annotators.ledger.caps import CAPPED, caps_of, in_caps, less, over_cap, short
from annotators.ledger.lease import Lease
from annotators.ledger.rows import (
    SEEN,
    MemoryRows,
    account_of,
    add,
    bury,
    claim,
    encoded,
    lose,
    open_rows,
    spent_of,
    sync_rows,
    take_back,
    taken,
    units,
    used_rows,
)
from annotators.ledger.shares import Job
from annotators.shared import SharedRows
from schemas.store import Store

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
        afar: where machines that work in :meth:`shared_out` write what they spend; it outlives them.

    Raises ValueError for a name of more than 200 bytes.
    """

    def __init__(
        self,
        path: Path | None = None,
        accounts: Sequence[str] = (),
        budget: Budget = Budget(),  # noqa: B008 (frozen)
        machines: int = 1,
        afar: Store | None = None,
    ) -> None:
        self.path, self.accounts, self.budget, self.machines = path, accounts, budget, machines
        self.afar, self._place = afar, path
        for account in accounts:
            encoded(account)
        self._far = None if afar is None else Afar(afar)
        nothing = dict.fromkeys(CAPPED, 0)
        self._caps = less(caps_of(budget), nothing, machines if afar is None else 1)
        self._job: Job | None = None  # that machines elsewhere work on now
        self._lease: Lease | None = None  # of such a machine
        self._opening = threading.Lock()
        self._rows: SharedRows | MemoryRows | None = None
        self._owner = 0  # the process that opened the rows: a forked child must not share its lock
        self._mine: dict[tuple[str, str], int] = {}
        self._synced = time.monotonic()
        self._buried = -BURY_S

    def __reduce__(self) -> tuple[Any, ...]:
        own = (self.path, self.accounts, self.budget, self.machines, self.afar)
        return _arrived, (own, self._caps, self._job)

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
        self._close_afar()

    @contextmanager
    def shared_out(self) -> Iterator[None]:
        """While the block runs, machines elsewhere spend what the caps still allow, in equal shares.

        For the launcher, around a pipeline that other machines run, built inside: ledgers pickled there
        arrive as theirs. More machines than there are shares wait for one. What a machine that was
        lost had written down as possible counts as billed and lost. Without ``afar``, nothing.
        """
        if self._far is None:
            yield
            return
        self._close_afar()
        with self._locked() as rows:
            here = in_caps(taken(rows))
        self._job = self._far.open(self.machines, less(self._caps, here, self.machines))
        try:
            yield
        finally:
            self._job = None
            self._close_afar()

    def rest(self) -> None:
        """For a worker at the end of its work: what its machine spent is where the launcher finds it.

        Nothing while other requests of the machine are in flight, or without ``afar``.
        """
        if self._lease is not None:
            self._lease.rest(self._locked)

    def reserve(self, account: str, worst: Amount, purpose: str = "") -> Verdict:
        """Set the worst case of a request aside, or say why it must not be sent now.

        ``purpose`` is told apart by :meth:`purposes` where it is no verdict for the tables; it is the
        same when the request is settled or released.

        Raises :class:`OverBudget` when what is spent leaves no room for it, and ValueError for an
        amount without a price under a cap in USD.
        """
        if self.budget.usd is not None and worst.usd is None:
            raise ValueError(f"{account}: budget.usd needs the price of every request; none given")
        if self._job is not None and self._lease is None:
            raise RuntimeError("the caps are shared out to other machines; none is left here")
        due = False
        with self._locked() as rows:
            waiting = self._short(rows, worst)
            if waiting and time.monotonic() - self._buried > BURY_S:
                self._buried = time.monotonic()
                # a dead process's requests will never be settled
                waiting = self._short(rows, worst) if bury(rows) else waiting
            if not waiting and self._lease is not None:
                covered, due = self._lease.covers(rows, encoded(account, purpose), worst)
                waiting = not covered
            if not waiting:
                add(self._row(rows, account, purpose), "reserved_", worst, 1)
        if due and self._lease is not None:
            self._lease.start(self._locked)
        return WAIT if waiting else RESERVED

    def settle(self, account: str, worst: Amount, used: Amount | None, purpose: str = "") -> Amount:
        """A reserved request came to its end and used this much; None: nobody knows. Returns what counts.

        What nobody knows counts at the worst case and as lost. So does the money of a request
        whose tokens are known and whose cost is not, if its worst case had one.
        """
        cost = worst if used is None else used
        lost_usd = worst.usd if used is None or used.usd is None else None
        if cost.usd is None and worst.usd is not None:
            cost = Amount(cost.requests, cost.input_tokens, cost.output_tokens, worst.usd)
        with self._locked() as rows:
            row = self._row(rows, account, purpose)
            after = row.copy()
            add(after, "", cost, 1)
            after["lost_requests"] += cost.requests if used is None else 0
            after["lost_usd"] += units(lost_usd)
            add(after, "reserved_", worst, -1)
            # in one piece: a process killed between the two would leave it counted twice
            row.setfield(after, row.dtype)
        if time.monotonic() - self._synced > SYNC_S:
            self.sync()
        if self._lease is not None and self._lease.beats():
            self._lease.start(self._locked)
        return cost

    def release(self, account: str, worst: Amount, purpose: str = "") -> None:
        """A reserved request was certainly not billed."""
        with self._locked() as rows:
            add(self._row(rows, account, purpose), "reserved_", worst, -1)

    def regain(self, account: str, worst: Amount) -> None:
        """Reserve again what counts as lost and is known to be in flight still.

        A batch goes on without the process that sent it: only its end books its cost.
        """
        with self._locked() as rows:
            add(self._row(rows, account), "reserved_", worst, 1)  # first: better twice than never
            take_back(rows, encoded(account), worst)

    def bury(self) -> None:
        """What processes that have died had in flight counts as billed and as lost."""
        with self._locked() as rows:
            bury(rows)

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
        found: dict[str, list[np.void]] = {account: [] for account in self.accounts}
        for row in self._known():
            found.setdefault(account_of(row)[0], []).append(row)
        return {account: spent_of(rows) for account, rows in found.items()}

    def purposes(self) -> dict[str, dict[str, Spent]]:
        """The same by purpose: an empty one is what no request gave another purpose for."""
        found: dict[str, dict[str, list[np.void]]] = {account: {} for account in self.accounts}
        for row in self._known():
            account, purpose = account_of(row)
            found.setdefault(account, {}).setdefault(purpose, []).append(row)
        return {
            account: {purpose: spent_of(rows) for purpose, rows in own.items()}
            for account, own in found.items()
        }

    def _known(self) -> np.ndarray:
        with self._locked() as rows:
            known = rows[: used_rows(rows)].copy()
        if self._far is None or self._lease is not None:
            return known
        return np.concatenate([known, self._far.rows(working=self._job is not None)])

    def _close_afar(self) -> None:
        """Only where the launcher is: a worker's ledger has nothing to close."""
        if self._far is not None and self._lease is None:
            self._far.close()
            # machines elsewhere have their shares when they are at work: till then all that is left is here
            self._caps = less(caps_of(self.budget), self._far.spent())

    def sync(self) -> None:
        """Everything up to now survives a crash of the machine."""
        self._synced = time.monotonic()
        if self._place is not None:
            sync_rows(self._place)

    def _short(self, rows: np.ndarray, worst: Amount) -> bool:
        """Whether the request must wait; raises where waiting would not help."""
        caps = self._caps if self._lease is None else self._lease.caps()
        said = functools.partial(over_cap, self.budget, self.machines, self.afar is not None)
        return short(rows, worst, caps, said)

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
                if self._lease is not None:
                    self._place = self._lease.open()
                self._rows = open_rows(self._place)
                self._owner, self._mine = os.getpid(), {}
            shared = self._rows
        with shared.locked() as rows:
            yield rows


def _arrived(own: tuple[Any, ...], caps: dict[str, int | None], job: Job | None) -> Ledger:
    """A ledger where it was sent: on the launcher's machine the same file, else the machine's own."""
    ledger = Ledger(*own)
    ledger._caps, ledger._job = caps, job
    if job is not None and ledger.afar is not None:
        ledger._lease = Lease(ledger.afar, job)
    return ledger
