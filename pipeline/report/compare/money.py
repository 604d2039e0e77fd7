"""What the two runs cost, what failed in them, and how their judges did."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.health.names import JUDGES
from pipeline.report.compare.runs import ALL, BOUGHT
from pipeline.report.compare.sides import Side
from pipeline.report.tables import read_json, read_table

Row = dict[str, Any]
SIDES = ("old", "new")


def cost(side: Side) -> Row:
    """What a run cost: ``spent`` as its record has it, on this and on all of its runs, and of the rows in
    its tables what their replies cost when they were bought, by annotator and of failures.

    An amount is None where a single row's is not known; tokens None where no row states any.
    """
    spend = side.record.get("spend") or {}
    kept = ("usd", "requests", "input_tokens", "output_tokens")
    bought = [
        _bought(read_table(side.layout, name, columns=["annotator_id", *_MONEY])) for name in BOUGHT
    ]
    rows = pa.concat_tables(bought)
    failed = read_table(side.layout, "failures", columns=list(_MONEY))
    by = [
        {"annotator": name, **_sums(rows.filter(pc.equal(rows["annotator_id"], name)))}
        for name in sorted(pc.unique(rows["annotator_id"]).to_pylist())
    ]
    total = _sums(pa.concat_tables([rows.select(_MONEY), failed]))
    verdicts = len(rows)
    usd = total["usd"]
    return {
        "this_run": {name: spend.get(name) for name in kept},
        "all_runs": {name: (spend.get("all_runs") or spend).get(name) for name in kept},
        "verdicts": verdicts,
        "usd": usd,
        "usd_of_failures": _sums(failed)["usd"],
        "input_tokens": total["input_tokens"],
        "output_tokens": total["output_tokens"],
        "usd_per_verdict": usd / verdicts if usd is not None and verdicts else None,
        "by_annotator": by,
    }


_MONEY = ["cost_usd", "input_tokens", "output_tokens"]


def _bought(table: pa.Table) -> pa.Table:
    return table.select(["annotator_id", *_MONEY])


def _sums(table: pa.Table) -> Row:
    money = table["cost_usd"]
    return {
        "verdicts": len(table),
        "usd": None if money.null_count else float(pc.sum(money, min_count=0).as_py()),
        **{name: pc.sum(table[name]).as_py() for name in ("input_tokens", "output_tokens")},
    }


def failures(old: Side, new: Side) -> list[Row]:
    """Failures by stage and reason in both runs, with what each stage owed; the commonest first."""
    counts = [_failures(side) for side in (old, new)]
    books = [side.record.get("books") or {} for side in (old, new)]
    found = [
        {
            "stage": stage,
            "reason": reason,
            **{name: counts[i].get((stage, reason), 0) for i, name in enumerate(SIDES)},
            **{f"owed_{name}": (books[i].get(stage) or {}).get("owed") for i, name in enumerate(SIDES)},
        }
        for stage, reason in sorted({*counts[0], *counts[1]})
    ]  # fmt: skip
    return sorted(found, key=lambda row: -row["old"] - row["new"])


def _failures(side: Side) -> dict[tuple[str, str], int]:
    table = read_table(side.layout, "failures", columns=["stage", "reason", "key"])
    counted = table.group_by(["stage", "reason"]).aggregate([("key", "count")]).to_pylist()
    return {(row["stage"], row["reason"]): row["key_count"] for row in counted}


def health(old: Side, new: Side) -> Row:
    """``judges.json`` of both runs: figures about everything, by annotator and statistic."""
    found = [read_json(side.layout.root / JUDGES) or {} for side in (old, new)]
    rows = [
        {(r["annotator"], r["statistic"]): r for r in one.get("rows") or ()
         if r["dimension"] == ALL and r["generator"] == ALL}
        for one in found
    ]  # fmt: skip
    kept = ("value", "low", "high", "n_items")
    beside = [
        {"annotator": who, "statistic": what,
         **{name: (row := rows[i].get((who, what))) and {k: row[k] for k in kept}
            for i, name in enumerate(SIDES)}}
        for who, what in dict.fromkeys([*rows[0], *rows[1]])
    ]  # fmt: skip
    return {
        "rows": beside,
        "statistics": (found[1] or found[0]).get("statistics") or {},
        "measured": {"old": bool(found[0]), "new": bool(found[1])},
    }
