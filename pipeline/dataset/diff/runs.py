"""What two versions of a dataset say of themselves: agreement, cost, judges, rubrics, licences."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from pipeline.dataset.digests import batches
from pipeline.dataset.merge.sources import table_files
from pipeline.dataset.withdrawn import withdrawn
from schemas.layout import Layout
from schemas.tables import TABLES

Record = Mapping[str, Any]
SAME = 1e-12  # values that differ by less are the same number written twice


def agreement_diff(old: Layout, new: Layout) -> dict[str, Any]:
    """Rows of ``audit.json`` by annotator, statistic, dimension and slice, whose value is another.

    ``apart`` says that the intervals do not overlap. Intervals that overlap do not say that nothing
    changed, least of all here, where both versions hold many of the same clips.
    """
    before, after = _audit(old), _audit(new)
    both = [key for key in after if key in before]
    changed = [
        _agreement(key, before[key], after[key]) for key in both if _moved(before[key], after[key])
    ]
    return {
        "matched": len(both),
        "changed": changed,
        "apart": sum(bool(row["apart"]) for row in changed),
        "only_old": len(before.keys() - after.keys()),
        "only_new": len(after.keys() - before.keys()),
        "audited": {"old": bool(before), "new": bool(after)},
    }


def _audit(layout: Layout) -> dict[tuple[str, ...], Record]:
    if not layout.audit.is_file():
        return {}
    rows = json.loads(layout.audit.read_text("utf-8"))
    return {(r["annotator"], r["statistic"], r["dimension"], r["slice"]): r for r in rows}


def _moved(old: Record, new: Record) -> bool:
    values = old["value"], new["value"]
    if None in values:
        return values[0] is not values[1]
    return abs(values[0] - values[1]) > SAME


def _agreement(key: tuple[str, ...], old: Record, new: Record) -> dict[str, Any]:
    annotator, statistic, dimension, where = key
    ends = [row.get(name) for row in (old, new) for name in ("low", "high")]
    apart = None if None in ends else bool(ends[1] < ends[2] or ends[3] < ends[0])  # type: ignore[operator]
    kept = ("value", "low", "high", "n_items", "n_raters")
    return {
        "annotator": annotator,
        "statistic": statistic,
        "dimension": dimension,
        "slice": where,
        "old": {name: old.get(name) for name in kept},
        "new": {name: new.get(name) for name in kept},
        "apart": apart,
    }


def cost_diff(old: Record, new: Record) -> dict[str, Any]:
    """What was spent on all runs of each version; None is an amount that is not known."""
    names = ("usd", "requests", "input_tokens", "output_tokens")
    spent = [(r.get("spend") or {}) for r in (old, new)]
    totals = [s.get("all_runs") or s for s in spent]
    return {name: {"old": totals[0].get(name), "new": totals[1].get(name)} for name in names}


def judges_diff(old: tuple[Layout, Record], new: tuple[Layout, Record]) -> dict[str, Any]:
    """Annotators that came and went, and of those in both the snapshots that answered and how they were
    asked."""
    models = [_models(layout) for layout, _ in (old, new)]
    asked = [
        {one["annotator_id"]: one for one in record.get("annotators") or ()}
        for _, record in (old, new)
    ]
    names = [models[side].keys() | asked[side].keys() for side in (0, 1)]
    return {
        "added": sorted(names[1] - names[0]),
        "removed": sorted(names[0] - names[1]),
        "changed": [
            change
            for name in sorted(names[0] & names[1])
            if (change := _judge(name, [m.get(name, set()) for m in models],
                                 [a.get(name, {}) for a in asked]))
        ],
    }  # fmt: skip


def _judge(name: str, models: list[set[str]], asked: list[Record]) -> dict[str, Any] | None:
    fields = {
        field: {"old": asked[0].get(field), "new": asked[1].get(field)}
        for field in ("kind", "model", "temperature", "draws")
        if all(asked) and asked[0].get(field) != asked[1].get(field)
    }
    if models[0] == models[1] and not fields:
        return None
    return {
        "annotator": name,
        "snapshots_added": sorted(models[1] - models[0]),
        "snapshots_removed": sorted(models[0] - models[1]),
        "asked": fields,
    }


def _models(layout: Layout) -> dict[str, set[str]]:
    """The models that answered under each annotator's name."""
    found: dict[str, set[str]] = {}
    columns = ("annotator_id", "model")
    for table in ("annotations", "comparisons"):
        for batch in batches(table_files(layout, table), TABLES[table][0], columns):
            distinct = pa.Table.from_batches([batch]).group_by(list(columns)).aggregate([])
            for row in distinct.to_pylist():
                own = found.setdefault(row["annotator_id"], set())
                own |= set() if row["model"] is None else {row["model"]}
    return found


def rubrics_diff(old: Record, new: Record) -> list[dict[str, Any]]:
    """Rubrics that one version has alone, or in other words."""
    sides = [_rubrics(record) for record in (old, new)]
    names = list(dict.fromkeys([*sides[0], *sides[1]]))
    return [
        {"rubric": name, "protocol": protocol, "old": sides[0].get((name, protocol)),
         "new": sides[1].get((name, protocol))}
        for name, protocol in names
        if sides[0].get((name, protocol)) != sides[1].get((name, protocol))
    ]  # fmt: skip


def _rubrics(record: Record) -> dict[tuple[str, str], list[dict[str, Any]]]:
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for one in record.get("rubrics") or ():
        key = one["name"], one.get("protocol") or "pointwise"
        found.setdefault(key, []).append({"version": one["version"], "sha256": one["sha256"]})
    return found


def licences_diff(old: Layout, new: Layout) -> list[dict[str, Any]]:
    """Licences of prompts and clips, and terms of generators, that more or fewer rows have."""
    found = []
    for table, column in (("prompts", "licence"), ("videos", "licence"), ("videos", "terms")):
        before, after = (_values(layout, table, column) for layout in (old, new))
        for value in sorted(before.keys() | after.keys(), key=lambda v: (v is None, v or "")):
            if before[value] != after[value]:
                found.append(
                    {"table": table, "column": column, "value": value,
                     "old": before[value], "new": after[value]}
                )  # fmt: skip
    return found


def _values(layout: Layout, table: str, column: str) -> Counter[str | None]:
    found: Counter[str | None] = Counter()
    for batch in batches(table_files(layout, table), TABLES[table][0], (column,)):
        found.update(batch.column(0).to_pylist())
    return found


def withdrawn_diff(old: Layout, new: Layout) -> dict[str, Any]:
    """Clips that were withdrawn since, and those that may be back."""
    before, after = withdrawn(old).video_ids, withdrawn(new).video_ids
    return {"since": sorted(after - before), "no_longer": sorted(before - after)}
