"""Comparisons of a prompt's clips: who was shown where, and who was preferred."""

from collections.abc import Mapping, Sequence
from typing import Any

Row = dict[str, Any]


def comparison_rows(rows: Sequence[Row], position: Mapping[str, int]) -> list[Row]:
    """Comparisons with their clips by position on the page, in the order the judge saw them.

    ``ranking`` is the rank of each shown clip, 1 = best. Sorted so that the orders of the same
    clips stand below each other.
    """
    found = [
        {
            "shown": [position[clip] for clip in row["video_ids"]],
            "ranking": list(row["ranking"]),
            "dimension": row["dimension"],
            "annotator": row["annotator_id"],
            "draw": row["draw"],
            "rationale": row["rationale"],
        }
        for row in rows
    ]
    return sorted(
        found,
        key=lambda c: (c["dimension"], c["annotator"], sorted(c["shown"]), c["draw"], c["shown"]),
    )
