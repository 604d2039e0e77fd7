"""What a dead process had reserved for batches, taken back from what the ledger counts as lost.

The ledger must count a reservation of unknown fate as billed. A batch goes on without the process
that sent it, and its shelf remembers it; so its fate is known, and only its end books its cost.
"""

import numpy as np

from annotators.ledger import Amount, Ledger, _add, _encoded, _lose, _units

_SPENT = ("requests", "input", "output", "usd", "unpriced", "lost_requests", "lost_usd")


def lost_requests(ledger: Ledger, account: str) -> int:
    """How many requests of an account count as lost, once all that is reserved there does.

    Called before anything of the account is sent: whatever is reserved is of an earlier run.
    """
    with ledger._locked() as rows:
        own = np.flatnonzero(rows["account"] == _encoded(account))
        for index in own:
            _lose(rows[index])
        return int(rows["lost_requests"][own].sum())


def regain(ledger: Ledger, account: str, worst: Amount) -> None:
    """Reserved again instead of lost, as far as it counts as lost."""
    usd, unpriced = _units(worst.usd), worst.requests if worst.usd is None else 0
    tokens = worst.input_tokens, worst.output_tokens
    owed = dict(zip(_SPENT, (worst.requests, *tokens, usd, unpriced, worst.requests, usd)))
    with ledger._locked() as rows:
        for index in np.flatnonzero(rows["account"] == _encoded(account)):
            for name in _SPENT if rows[index]["lost_requests"] else ():
                taken = min(int(rows[index][name]), owed[name])
                rows[index][name] -= taken
                owed[name] -= taken
        _add(ledger._row(rows, account), "reserved_", worst, 1)
