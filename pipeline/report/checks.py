"""What the clip checks found, counted for pages and card."""

from collections import defaultdict
from typing import Any

from pipeline.report.tables import read_rows
from schemas import CLIP_CHECKS
from schemas.layout import Layout

COLUMNS = ("generator", "found", "across_splits", "left_out")


def check_counts(layout: Layout) -> list[dict[str, Any]]:
    """Clips with frames of each generator, how many meet each rule, and how many are left out.

    ``{"generator", "clips", "found": {reason: count}, "across_splits", "left_out"}``; ``found`` has
    every rule that some clip of the run meets. No rows where no clip was checked.
    """
    by_generator: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in read_rows(layout, "clip_checks", columns=COLUMNS):
        by_generator[row["generator"]].append(row)
    met = {reason for rows in by_generator.values() for row in rows for reason in row["found"]}
    reasons = [reason.value for reason in CLIP_CHECKS if reason in met]
    return [
        {
            "generator": generator,
            "clips": len(rows),
            "found": {reason: sum(reason in row["found"] for row in rows) for reason in reasons},
            "across_splits": sum(bool(row["across_splits"]) for row in rows),
            "left_out": sum(row["left_out"] for row in rows),
        }
        for generator, rows in sorted(by_generator.items())
    ]
