"""Licences and terms of what a dataset holds, for its card."""

import re
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.report.tables import read_table
from schemas.layout import Layout

Row = dict[str, Any]
# CC-BY-NC-4.0, by-nc-sa, "CC BY NC": the letters as a part of their own
_NON_COMMERCIAL = re.compile(r"(?<![a-z0-9])nc(?![a-z])", re.IGNORECASE)


def licences(layout: Layout) -> list[str | None]:
    """Every licence of prompts and clips, sorted; None among them where a row states none."""
    columns = [
        read_table(layout, name, columns=["licence"]).column("licence").unique()
        for name in ("prompts", "videos")
    ]
    return sorted({value for column in columns for value in column.to_pylist()}, key=str)


def terms_table(layout: Layout) -> list[Row]:
    """Clips and pairs under each combination of licence and terms, most clips first.

    ``pairs`` counts the preferences of which at least one clip is under it, every dimension counted:
    a pair is under the licences and terms of both of its clips.
    """
    videos = read_table(layout, "videos", columns=["video_id", "licence", "terms"])
    pairs = read_table(layout, "preferences", columns=["video_a", "video_b"])
    keys = ["licence", "terms"]
    rows = []
    for row in videos.group_by(keys).aggregate([([], "count_all")]).to_pylist():
        ids = _ids(videos, row)
        both = [pc.is_in(pairs.column(side), value_set=ids) for side in ("video_a", "video_b")]
        rows.append({
            "licence": row["licence"], "terms": row["terms"], "clips": row["count_all"],
            "pairs": pc.sum(pc.or_(*both)).as_py() or 0,
            "non_commercial": is_non_commercial(row["licence"]),
        })  # fmt: skip
    return sorted(rows, key=lambda r: (-r["clips"], str(r["licence"]), str(r["terms"])))


def is_non_commercial(licence: str | None) -> bool:
    """Whether a licence forbids commercial use by its very name (``NC``). No other is judged here."""
    return licence is not None and _NON_COMMERCIAL.search(licence) is not None


def _ids(videos: pa.Table, row: Row) -> pa.Array:
    """Clips whose licence and terms are those of the row; null equals null."""
    mask = pa.scalar(True)
    for key in ("licence", "terms"):
        column = videos.column(key)
        same = (
            pc.is_null(column)
            if row[key] is None
            else pc.fill_null(pc.equal(column, row[key]), False)
        )
        mask = pc.and_(mask, same)
    return videos.filter(mask).column("video_id").combine_chunks()
