"""The accounts of the ledger's record, each with its parts: judges, and generators together."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from annotators.ledger import AGAIN
from pipeline.report.books.costs import USABLE, Cost
from pipeline.report.books.parts import (
    CACHED,
    ELSEWHERE,
    LOST,
    Part,
    Record,
    clip_parts,
    plain,
    rest_of,
    split,
    sums,
    whole,
)

EVERYBODY = "all judges and generators"  # where a record of an older version keeps no account apart
GENERATOR = "generator "  # begins the name of a generator's account


def accounts_in(spend: Record, ever: Record) -> tuple[dict[str, Mapping[str, Record]], bool]:
    """Account -> purpose -> money of all runs; and whether accounts are told apart."""
    if "by_purpose" in spend:
        return dict(spend["by_purpose"]), True
    by: dict[str, Mapping[str, Record]] = {
        name: {"": whole(one)} for name, one in (spend.get("by_annotator") or {}).items()
    }
    if by and _same(sums(own[""] for own in by.values()), ever):  # one run has spent it all
        return by, True
    return ({EVERYBODY: {"": whole(ever)}} if ever else {}), not ever


def _same(one: Record, other: Record) -> bool:
    """Whether as many requests were sent for as much money."""
    usd = one["usd"], other.get("usd")
    close = usd[0] == usd[1] or (None not in usd and abs(usd[0] - (usd[1] or 0.0)) < 1e-5)
    return close and one["requests"] == other.get("requests")


def together(costs: Sequence[Cost]) -> list[Cost]:
    """Of all judges that cost something as one; the verdicts of a free one are bought by no dollar."""
    paid = {cost.account for cost in costs if cost.usd or cost.unknown}
    found: dict[tuple[str, str | None], Cost] = {}
    for cost in (c for c in costs if c.account in paid):
        one = found.get((cost.kind, cost.reason))
        sums = ("verdicts", "usd", "unknown", "first_usd")
        found[cost.kind, cost.reason] = (
            dataclasses.replace(cost, account=EVERYBODY)
            if one is None
            else dataclasses.replace(one, **{n: getattr(one, n) + getattr(cost, n) for n in sums})
        )
    return [*found.values(), *(c for c in costs if c.account not in paid)]


def account_of(
    name: str, own: Mapping[str, Record], costs: Sequence[Cost], spend: Record
) -> dict[str, Any]:
    """One judge: sums, parts, usable verdicts, what the last run spent, what asking again cost."""
    parts = split(own, costs)
    usable = sum(c.verdicts for c in costs if c.kind == USABLE)
    run = (spend.get("by_annotator") or {}).get(name) if name != EVERYBODY else spend
    return {
        **sums(own.values()),
        "account": name,
        "role": "judge",
        "parts": plain(parts),
        "usable": usable,
        "run": run,
        "again_usd": own[AGAIN]["usd"] if AGAIN in own else None,
        "again": own[AGAIN]["requests"] if AGAIN in own else 0,
    }


def generators_of(
    asking: Sequence[str],
    ledger: Mapping[str, Mapping[str, Record]],
    failed: tuple[float, int],
    spend: Record,
) -> dict[str, Any]:
    """All generators that are asked, as one: which of them a failure is of stands in no column."""
    every = [one for name in asking for one in ledger[name].values()]
    runs = [one for n in asking if (one := (spend.get("by_annotator") or {}).get(n)) is not None]
    return {
        **sums(every),
        "account": ", ".join(asking),
        "role": "generators",
        "parts": plain(clip_parts(sums(every), failed)),
        "usable": 0,
        "run": sums(runs) if runs else None,
        "again_usd": None,
        "again": 0,
    }


def with_clips(account: dict[str, Any], spend: Record, failed: tuple[float, int]) -> dict[str, Any]:
    """Of a record that keeps no account apart, but what clips cost: that is taken out of the rest."""
    clips = spend.get("clips_of_all_runs")
    if not clips or not clips["requests"] or clips["usd"] is None or account["usd"] is None:
        return account
    made = [p for p in clip_parts(whole(clips), failed) if p.part != LOST]  # lost stands there
    known = [Part(**p) for p in account["parts"] if p["part"] not in (ELSEWHERE, CACHED)]
    parts = [*known, *made]
    return {**account, "parts": plain([*parts, *rest_of(account["usd"], parts)])}
