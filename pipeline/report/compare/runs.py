"""Who the two runs are: what they were made of, and what they have in common."""

import datetime
import difflib
import os
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.health.names import JUDGES
from pipeline.report.compare.sides import Side
from pipeline.report.tables import read_json, read_table

Row = dict[str, Any]
ALL = "all"
RULES = ("consensus", "preferences", "protocol")
BOUGHT = ("annotations", "comparisons")


def identity(side: Side) -> Row:
    """What a run says of itself, and the rows that it has.

    Rows hold no time of day. ``written`` is when the file system says that the run's record was written,
    ``journal`` when the first and the last file of its paid replies were: a copy may have the time of the
    copying. ``sentinels`` are times that the run itself noted.
    """
    record = side.record
    counts = {name: _rows(side, name) for name in ("prompts", "videos", "preferences", *BOUGHT)}
    return {
        "folder": side.folder,
        "name": record.get("name") or side.config.get("name"),
        "run_id": record.get("run_id"),
        "dataset_version": record.get("dataset_version"),
        "program": (record.get("versions") or {}).get("videoprefer"),
        "written": _written(side),
        "journal": _bought(side),
        "sentinels": _occasions(side),
        "prices_of": (record.get("spend") or {}).get("prices_of"),
        "merged_from": [
            one.get("name") or one.get("run_id") for one in record.get("merged_from") or ()
        ],
        "sources": [_source(one) for one in side.config.get("sources") or ()],
        "frames": record.get("frames") or {},
        "judges": _judges(side),
        "rules": {name: side.config.get(name) for name in RULES},
        "counts": counts,
    }


def _rows(side: Side, table: str) -> int:
    return len(read_table(side.layout, table, columns=[_FIRST[table]]))


_FIRST = {"prompts": "prompt_id", "videos": "video_id", "preferences": "dimension",
          "annotations": "dimension", "comparisons": "dimension"}  # fmt: skip


def _written(side: Side) -> str | None:
    if not side.layout.run.is_file():
        return None
    return _time(side.layout.run.stat().st_mtime)


def _bought(side: Side) -> list[str]:
    """The times of the oldest and the newest file of the run's own journal; of one that is shared none."""
    root = side.layout.root / "journal"
    if side.config.get("journal") or not root.is_dir():
        return []
    folders = [entry.path for entry in os.scandir(root) if entry.is_dir()]
    times = [file.stat().st_mtime for folder in folders for file in os.scandir(folder)]
    return [_time(time) for time in sorted({min(times), max(times)})] if times else []


def _time(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")


def _occasions(side: Side) -> list[str]:
    """When sentinels were judged, which the run itself noted."""
    found = ((read_json(side.layout.root / JUDGES) or {}).get("sentinels") or {}).get("occasions")
    return [one["time"] for one in found or () if one.get("time")]


def _source(source: Mapping[str, Any]) -> str:
    """The kind of a source, and the name of its file: the rest of a path is about one machine."""
    place = source.get("path") or source.get("repo") or source.get("dataset")
    return (
        f"{source.get('kind')}: {PurePath(str(place)).name}" if place else str(source.get("kind"))
    )


def _judges(side: Side) -> list[Row]:
    """Annotators as they were asked, and the models that answered under their names."""
    answered: dict[str, set[str]] = {}
    for name in BOUGHT:
        table = read_table(side.layout, name, columns=["annotator_id", "model"])
        for row in table.group_by(["annotator_id", "model"]).aggregate([]).to_pylist():
            answered.setdefault(row["annotator_id"], set()).update({row["model"]} - {None})
    asked = {one["annotator_id"]: one for one in side.record.get("annotators") or ()}
    fields = ("kind", "model", "temperature", "draws")
    return [
        {"annotator": name, **{field: asked.get(name, {}).get(field) for field in fields},
         "answered": sorted(answered.get(name, ()))}
        for name in sorted({*asked, *answered})
    ]  # fmt: skip


def rubrics(old: Side, new: Side) -> list[Row]:
    """Rubrics of both runs by name and protocol, of a merged run several versions of one.

    ``differs`` says whether the digests of their texts do; ``lines`` are the lines of a unified diff where
    both records hold one text each.
    """
    sides = [_rubrics(side) for side in (old, new)]
    found = []
    for key in dict.fromkeys([*sides[0], *sides[1]]):
        both = [side.get(key, []) for side in sides]
        digests = [{rubric["sha256"] for rubric in own} for own in both]
        differs = all(both) and digests[0] != digests[1]
        short = [
            [{name: r.get(name) for name in ("version", "sha256")} for r in own] for own in both
        ]
        found.append(
            {"rubric": key[0], "protocol": key[1], "old": short[0], "new": short[1],
             "differs": differs, "lines": _lines(*both) if differs else []}
        )  # fmt: skip
    return found


def _rubrics(side: Side) -> dict[tuple[str, str], list[Row]]:
    found: dict[tuple[str, str], list[Row]] = {}
    for rubric in side.record.get("rubrics") or ():
        found.setdefault((rubric["name"], rubric.get("protocol") or "pointwise"), []).append(rubric)
    return found


def _lines(one: list[Row], other: list[Row]) -> list[str]:
    texts = [own[0].get("text") if len(own) == 1 else None for own in (one, other)]
    if None in texts:
        return []
    before, after = (str(text).splitlines() for text in texts)
    return list(difflib.unified_diff(before, after, "old", "new", lineterm="", n=2))


def common_rows(old: Side, new: Side) -> Row:
    """Prompts and clips that both runs have, that one has, and common clips of other bytes."""
    found: Row = {}
    for name, key in (("prompts", "prompt_id"), ("videos", "video_id")):
        columns = [key] if name == "prompts" else [key, "sha256"]
        one, other = (read_table(side.layout, name, columns=columns) for side in (old, new))
        met = one.join(other, key, join_type="inner", right_suffix="_new")
        found[name] = {
            "common": len(met),
            "only_old": len(one) - len(met),
            "only_new": len(other) - len(met),
        }
        if name == "videos":
            found["other_bytes"] = _count(pc.not_equal(met["sha256"], met["sha256_new"]))
    return found


def _count(mask: pa.ChunkedArray) -> int:
    return int(pc.sum(mask, min_count=0).as_py())
