"""Where the money went: everything that was ever spent on a folder, split into what it bought."""

import json
from collections.abc import Collection, Sequence
from typing import Any

from pipeline.report.books.accounts import (
    GENERATOR,
    account_of,
    accounts_in,
    generators_of,
    together,
    with_clips,
)
from pipeline.report.books.costs import costs_of, failed_clips
from pipeline.report.books.parts import Part, Record, both, cost_of, plain, sums
from pipeline.report.books.rates import caps_of, rates_of
from schemas.layout import Layout


def money_of(layout: Layout, manifest: Record) -> dict[str, Any]:
    """What ``data/books.js`` says of money. ``accounts`` have ``parts``; ``total`` has those of all.

    ``free``: nothing was ever spent, and nothing is unknown. ``told_apart``: whether the record keeps
    the accounts' spending over all runs; without, all are one whose replies cost something. ``run``:
    None of a merged dataset, which no run of its own has paid for.
    """
    spend = manifest.get("spend") or {}
    ever = spend.get("all_runs") or spend
    costs = costs_of(layout, _first(layout, manifest))
    ledger, told_apart = accounts_in(spend, ever)
    judges = {a["annotator_id"] for a in manifest.get("annotators") or ()} | {
        c.account for c in costs
    }
    if not told_apart:
        costs = together(costs)
    asking = [name for name in ledger if name.startswith(GENERATOR) and name not in judges]
    of_clips = failed_clips(layout) if asking or not told_apart else (0.0, 0)
    accounts = [
        account_of(name, ledger.get(name, {}), [c for c in costs if c.account == name], spend)
        for name in dict.fromkeys([*ledger, *(c.account for c in costs)])
        if name not in asking
    ]
    if asking:
        accounts.append(generators_of(asking, ledger, of_clips, spend))
    if not told_apart:
        accounts = [with_clips(accounts[0], spend, of_clips), *accounts[1:]] if accounts else []
    total = _total(accounts)
    return {
        "told_apart": told_apart,
        "free": not total["requests"] and total["usd"] == 0 and not cost_of(total["parts"]),
        "own_journal": not (manifest.get("config") or {}).get("journal"),
        "accounts": accounts,
        "total": total,
        "run": None
        if manifest.get("merged_from")
        else {name: spend.get(name) for name in ("usd", "requests")},
        "gate_usd": sum(cost.first_usd for cost in costs),
        "cap": caps_of(spend.get("budget") or {}, ever),
        "prices_of": spend.get("prices_of"),
        "rates": rates_of(layout, manifest, accounts, total),
    }


def _total(accounts: Sequence[Record]) -> dict[str, Any]:
    """Of all accounts: sums, and the parts of the same kind and reason together."""
    found: dict[tuple[str, str | None], Part] = {}
    for raw in (part for account in accounts for part in account["parts"]):
        part, key = Part(**raw), (raw["part"], raw["reason"])
        before = found.get(key)
        found[key] = part if before is None else both(before, part)
    return {**sums(accounts), "parts": plain(found.values())}


def _first(layout: Layout, manifest: Record) -> Collection[str]:
    """The clips that were judged before a gate; none where there was none."""
    path = layout.work / "order.json"
    if not manifest.get("gate") or not path.is_file():
        return ()
    return frozenset(json.loads(path.read_text("utf-8"))["first"])
