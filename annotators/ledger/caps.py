"""The caps, in the ledger's whole numbers, and whether a request is within them."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from annotators.ledger.amounts import Amount, Budget, OverBudget
from annotators.ledger.rows import UNIT, USED, units, values_of

CAPPED = ("usd", "tokens", "requests")
_COLUMNS = {"usd": ("usd",), "tokens": ("input", "output"), "requests": ("requests",)}
Caps = Mapping[str, int | None]  # what may be spent, by name; None: no cap
Said = Callable[[str, int, int, int], str]


def caps_of(budget: Budget) -> dict[str, int | None]:
    """The whole of a budget."""
    usd = None if budget.usd is None else units(budget.usd)
    return {"usd": usd, "tokens": budget.tokens, "requests": budget.requests}


def less(caps: Caps, spent: Mapping[str, int], parts: int = 1) -> dict[str, int | None]:
    """One of equal parts of what is left of the caps."""
    return {
        name: None if cap is None else max(cap - spent[name], 0) // parts
        for name, cap in caps.items()
    }


def in_caps(values: Iterable[int]) -> dict[str, int]:
    """Sums as ``USED``, as caps count them: input and output tokens together."""
    own = dict(zip(USED, map(int, values), strict=True))
    return {
        "usd": own["usd"],
        "tokens": own["input"] + own["output"],
        "requests": own["requests"],
    }


def short(rows: np.ndarray, worst: Amount, caps: Caps, said: Said) -> bool:
    """Whether the request must wait for what is in flight.

    Raises :class:`OverBudget` where waiting would not help; ``said`` is given the cap's name, the cap,
    what is spent and what is wanted, and puts it into words.
    """
    wanted = in_caps(values_of(worst))
    waits = False
    for name, cap in caps.items():
        if cap is None:
            continue
        # only what is asked for: this runs for every request
        columns = _COLUMNS[name]
        spent = sum(int(rows[column].sum()) for column in columns)
        if spent + wanted[name] > cap:
            raise OverBudget(said(name, cap, spent, wanted[name]))
        reserved = sum(int(rows[f"reserved_{column}"].sum()) for column in columns)
        waits = waits or spent + reserved + wanted[name] > cap
    return waits


def over_cap(
    budget: Budget, machines: int, leased: bool, name: str, cap: int, spent: int, wanted: int
) -> str:
    """What is said of a request that does not fit. ``leased``: the cap is a share of what was left."""
    share, over = "", "over all runs on this folder"
    if leased:
        share, over = f" (this machine's share of what was left: {_shown(name, cap)})", "of it"
    elif machines > 1 and cap < (caps_of(budget)[name] or 0):
        share = f" (this machine's share: {_shown(name, cap)})"
    return (
        f"budget.{name} is {getattr(budget, name)}{share}: {_shown(name, spent)} are spent, {over}, and "
        f"the next request may use up to {_shown(name, wanted)}; raise budget.{name} to go on"
    )


def _shown(name: str, value: int) -> str:
    unit = name[:-1] if value == 1 else name  # one request
    return f"{value / UNIT:.4f} USD" if name == "usd" else f"{value} {unit}"
