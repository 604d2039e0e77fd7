"""Counts of clips, pairs and judgements for the card, without a loop over rows."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.report.tables import read_table
from schemas import OVERALL, SPLITS
from schemas.layout import Layout

Row = dict[str, Any]


def counted(table: pa.Table, what: str) -> list[Row]:
    """Rows per combination of the table's columns, sorted."""
    keys = table.column_names
    found = table.group_by(keys).aggregate([([], "count_all")]).to_pylist()
    rows = [{**{k: row[k] for k in keys}, what: row["count_all"]} for row in found]
    return sorted(rows, key=lambda row: [str(row[key]) for key in keys])


def split_of_prompts(layout: Layout) -> dict[str, str]:
    """The split of each prompt that has one: that of its pairs, else that of its row."""
    prompts = read_table(layout, "prompts", columns=["prompt_id", "split"]).to_pylist()
    pairs = read_table(layout, "preferences", columns=["prompt_id", "split"])
    of_pairs = pairs.group_by(["prompt_id", "split"]).aggregate([]).to_pylist()
    rows = [*prompts, *of_pairs]
    return {row["prompt_id"]: row["split"] for row in rows if row["split"] is not None}


def generator_rows(layout: Layout) -> list[Row]:
    """Per generator and licence: ``clips``, those with ``frames``, and those of each split's prompts
    (``splits``; under None: in no split)."""
    videos = read_table(layout, "videos", columns=["generator", "licence", "video_id", "prompt_id"])
    frames = read_table(layout, "frames", columns=["video_id"]).column("video_id")
    split = split_of_prompts(layout)
    known = pa.array([split.get(p) for p in videos.column("prompt_id").to_pylist()], pa.string())
    have = pc.is_in(videos.column("video_id"), value_set=pa.array(frames.unique()))
    table = videos.select(["generator", "licence"])
    rows = counted(table, "clips")
    with_frames = _by_key(counted(table.filter(have), "clips"))
    by_split = counted(table.append_column("split", known), "clips")
    for row in rows:
        key = row["generator"], row["licence"]
        row["frames"] = with_frames.get(key, 0)
        own = {r["split"]: r["clips"] for r in by_split if (r["generator"], r["licence"]) == key}
        row["splits"] = {name: own.get(name, 0) for name in (*SPLITS, None)}
    return rows


def _by_key(rows: Sequence[Row]) -> dict[tuple[str, str | None], int]:
    return {(row["generator"], row["licence"]): row["clips"] for row in rows}


def snapshot_rows(layout: Layout) -> list[Row]:
    """Which model answered which rubric: rows of annotations and comparisons for each."""
    keys = ["annotator_id", "model", "system_fingerprint", "rubric", "rubric_version"]
    tables = [read_table(layout, name, columns=keys) for name in ("annotations", "comparisons")]
    return counted(pa.concat_tables(tables), "rows")


def dimensions_judged(layout: Layout) -> set[str]:
    """Those on which there is an annotation or a comparison."""
    tables = [
        read_table(layout, name, columns=["dimension"]) for name in ("annotations", "comparisons")
    ]
    return {name for table in tables for name in table.column("dimension").unique().to_pylist()}


def pair_funnel(layout: Layout, counts: Sequence[Row], asked: Collection[str] = ()) -> list[Row]:
    """Per dimension: every two clips of a prompt, and what became of them. ``counts``: those of
    :func:`pipeline.report.aggregates.preference_counts`; ``asked``: dimensions that were asked for,
    which have a row also where nobody gave a score, as ``overall`` then has, and no share."""
    clips = counted(read_table(layout, "videos", columns=["prompt_id"]), "n")
    possible = sum(row["n"] * (row["n"] - 1) // 2 for row in clips)
    funnel = []
    wanted = {*asked, OVERALL} if asked and possible else set()
    for dimension in sorted({*wanted, *(row["dimension"] for row in counts)}):
        own = [row for row in counts if row["dimension"] == dimension]
        pairs, ties = (sum(row[field] for row in own) for field in ("pairs", "ties"))
        funnel.append({
            "dimension": dimension, "possible": possible, "pairs": pairs, "ties": ties,
            "missing": possible - pairs, "decided": pairs - ties,
            "share": _share(pairs - ties, pairs),
            "splits": {s: sum(r["pairs"] for r in own if r["split"] == s) for s in SPLITS},
        })  # fmt: skip
    return funnel


def claim_rows(manifest: Mapping[str, Any], layout: Layout, funnel: Sequence[Row]) -> list[Row]:
    """What a publication claims of the set that is rebuilt, beside what is here; empty without one.

    Pairs are those that are decided, each dimension counted but ``overall``, which is a mean of the
    others. ``share``: decided pairs of the possible ones.
    """
    claims = (manifest.get("config") or {}).get("claims")
    if not claims:
        return []
    own = [row for row in funnel if row["dimension"] != OVERALL]
    here = {
        "prompts": len(read_table(layout, "prompts", columns=["prompt_id"])),
        "clips": len(read_table(layout, "videos", columns=["video_id"])),
        "pairs": sum(row["decided"] for row in own),
        "possible_pairs": sum(row["possible"] for row in own),
    }
    shares = [_share(of.get("pairs"), of.get("possible_pairs")) for of in (claims, here)]
    rows = [
        {"what": what, "claimed": claims.get(key), "here": here[key]}
        for key, what in _CLAIMED.items()
    ]
    return [*rows, {"what": "decided share", "claimed": shares[0], "here": shares[1]}]


def decided_share(funnel: Sequence[Row]) -> str | None:
    """Decided pairs of the possible ones, each dimension of these rows counted but ``overall``."""
    own = [row for row in funnel if row["dimension"] != OVERALL]
    return _share(sum(row["decided"] for row in own), sum(row["possible"] for row in own))


_CLAIMED = {
    "prompts": "prompts",
    "clips": "clips",
    "pairs": "decided pairs",
    "possible_pairs": "possible pairs",
}


def _share(part: int | None, whole: int | None) -> str | None:
    return f"{100 * part / whole:.1f} %" if part is not None and whole else None
