"""What every account has spent, and the caps that no process may spend beyond."""

from annotators.ledger.amounts import (
    AGAIN,
    CANARY,
    RESERVED,
    SENTINELS,
    WAIT,
    Amount,
    Budget,
    OverBudget,
    Spent,
    Verdict,
)
from annotators.ledger.ledger import Ledger

__all__ = [
    "AGAIN",
    "CANARY",
    "RESERVED",
    "SENTINELS",
    "WAIT",
    "Amount",
    "Budget",
    "Ledger",
    "OverBudget",
    "Spent",
    "Verdict",
]
