"""What is left under the caps, and what a unit of use came to."""

from collections.abc import Sequence
from typing import Any

from pipeline.report.books.parts import Record, cost_of
from pipeline.report.tables import read_table
from schemas import CONSENSUS
from schemas.layout import Layout


def caps_of(budget: Record, ever: Record) -> list[dict[str, Any]]:
    """Each cap of the budget with what all runs used of it and what is left; None: unknown."""
    tokens = (ever.get("input_tokens") or 0) + (ever.get("output_tokens") or 0)
    spent = {"usd": ever.get("usd"), "tokens": tokens, "requests": ever.get("requests")}
    return [
        {
            "unit": unit,
            "cap": cap,
            "spent": spent[unit],
            "left": None if spent[unit] is None else max(0, cap - spent[unit]),
        }
        for unit, cap in budget.items()
        if unit in spent
    ]


def rates_of(
    layout: Layout, manifest: Record, accounts: Sequence[Record], total: Record
) -> list[dict[str, Any]]:
    """What a unit of use came to. Sums over counts of all there is: nothing is estimated."""
    labels = read_table(layout, "preferences", columns=["label", "annotator_id"])
    decided = [
        label != "tie"
        for label, by in zip(
            *(labels.column(n).to_pylist() for n in labels.column_names), strict=True
        )
        if by == CONSENSUS
    ]
    paying = [a for a in accounts if a["role"] == "judge" and cost_of(a["parts"]) != 0]
    of_judges = [cost_of(a["parts"]) for a in paying]
    cost = None if any(usd is None for usd in of_judges) else sum(u or 0.0 for u in of_judges)
    clips = (manifest.get("tables") or {}).get("videos", 0)
    rates = [
        ("usable verdict", cost, sum(a["usable"] for a in paying), 1),
        ("decided pair", cost_of(total["parts"]), sum(decided), 1),
        ("thousand clips", cost_of(total["parts"]), clips, 1000),
    ]
    return [
        {"per": per, "usd": None if usd is None else usd * times / n, "n": n, "of": usd}
        for per, usd, n, times in rates
        if n
    ]
