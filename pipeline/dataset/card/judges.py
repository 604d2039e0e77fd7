"""The card's table of judges, from ``judges.json``."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.health.names import ALL

Row = dict[str, Any]
RATES = ("refusal_rate", "parse_failure_rate", "position_consistency", "first_position_rate")


def judge_rows(judges: Mapping[str, Any], annotators: Sequence[Mapping[str, Any]]) -> list[Row]:
    """One row per annotator of the run's record that was owed a verdict, in its order.

    ``draws`` and ``temperature`` are as asked for; every other value is text for a cell, None where
    the figure has no row.
    """
    found = {
        (row["annotator"], row["statistic"]): row
        for row in judges["rows"]
        if row["dimension"] == ALL and row["generator"] == ALL
    }
    return [
        {
            "annotator": given["annotator_id"],
            "draws": given.get("draws"),
            "temperature": given.get("temperature"),
            **{name: _share(found.get((given["annotator_id"], name))) for name in RATES},
            "cost": _cost(found.get((given["annotator_id"], "cost_per_verdict_usd"))),
        }
        for given in annotators
        if (given["annotator_id"], "refusal_rate") in found
    ]


def _share(row: Row | None) -> str | None:
    """``3.6 % [0.6, 17.7]``, the ends only where there are any."""
    if row is None or row["value"] is None:
        return None
    ends = "" if row["low"] is None else f" [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
    return f"{100 * row['value']:.1f} %{ends}"


def _cost(row: Row | None) -> str | None:
    if row is None:
        return None
    return "unknown" if row["value"] is None else f"{row['value']:.2g}"
