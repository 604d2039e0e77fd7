"""The launcher's side of what other machines spend."""

import time
from contextlib import suppress

import numpy as np

from annotators.ledger.caps import Caps, in_caps
from annotators.ledger.rows import taken
from annotators.ledger.shares import Job, Shares
from schemas.store import Store

LOOK_S = 5.0  # while machines work: somebody may ask every second how things stand


class Afar:
    """All that machines have written, of all jobs on the store. Read when it is first asked for."""

    def __init__(self, store: Store) -> None:
        self._shares = Shares(store)
        self._rows: np.ndarray | None = None
        self._looked = 0.0

    def open(self, machines: int, caps: Caps) -> Job:
        """A job of as many shares, each with these caps."""
        return self._shares.new_job(machines, dict(caps))

    def close(self) -> None:
        """End whatever is open: what is possible and not spent counts as lost."""
        self._shares.close()
        self._rows = None

    def rows(self, *, working: bool) -> np.ndarray:
        """Everything, as rows of a ledger; ``working``: it may change meanwhile, and may be a little
        out of date."""
        if self._rows is None:
            self._rows, self._looked = self._shares.rows(), time.monotonic()
        elif working and time.monotonic() - self._looked > LOOK_S:
            self._looked = time.monotonic()
            with suppress(Exception):  # of any kind of store: next time, then
                self._rows = self._shares.rows()
        return self._rows

    def spent(self) -> dict[str, int]:
        """The sum, as caps count it; what is reserved counts."""
        return in_caps(taken(self.rows(working=False)))
