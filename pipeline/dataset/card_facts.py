"""What the dataset card states: counts, judges, rubrics, cost and agreement of a finished run."""

import hashlib
import importlib.resources
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.dataset.card_judges import judge_rows
from pipeline.dataset.parquet import IMAGES, read_columns
from pipeline.health.names import JUDGES
from pipeline.report.aggregates import failure_groups, preference_counts
from pipeline.report.agreement import HEADLINES, headlines, is_whole
from pipeline.report.checks import check_counts
from pipeline.report.tables import (
    NAMES,
    read_audit,
    read_json,
    read_table,
    simulated_kinds,
    table_files,
)
from prompts import as_protocol
from prompts.load import load_rubric, rubric_names
from schemas import SPLITS
from schemas.layout import Layout
from schemas.tables import TABLES

SHOWN_STATISTICS = (
    *HEADLINES,
    "judge_tie_share",
    "spearman_within_prompt",
    "spearman",
    "krippendorff_alpha_ordinal",
)

Row = dict[str, Any]


def card_facts(layout: Layout, manifest: Mapping[str, Any]) -> Row:
    """Everything the card's template asks for. Tables may be empty, the audit absent."""
    audit, judges = read_audit(layout.root), read_json(layout.root / JUDGES)
    counts = preference_counts(layout)
    return {
        "name": (manifest.get("config") or {}).get("name")
        or manifest.get("run_id")
        or "videoprefer",
        "simulated": simulated_kinds(layout) or ["data"] * bool(manifest.get("simulated")),
        "tables": [_table(layout, name) for name in NAMES],
        "generators": _generators(layout),
        "sources": _counted(
            read_table(layout, "prompts", columns=["source", "licence"]), "prompts"
        ),
        "pairs": _pair_funnel(layout, counts),
        "splits": [s for s in SPLITS if any(row["split"] == s for row in counts)],
        "failures": failure_groups(layout, 0),
        "checks": check_counts(layout),
        "annotators": _annotators(layout, manifest),
        "judges": judge_rows(judges, manifest.get("annotators") or []) if judges else [],
        "judge_notes": judges["notes"] if judges else [],
        "frames": {"policy": None, "count": None, **(manifest.get("frames") or {})},
        "rubrics": [_rubric(rubric) for rubric in manifest.get("rubrics") or []],
        "cost": _cost(manifest.get("spend") or {}),
        "versions": manifest.get("versions") or {},
        "headlines": headlines(audit) if audit else [],
        "gate": manifest.get("gate"),  # what was required of the rated clips first; None: nothing
        "agreement": [_statistic(row) for row in _shown(audit)] if audit else [],
        "agreement_missing": "No human ratings were given, so no agreement was computed."
        if audit is None
        else "No annotator's scores could be held against people; see `audit.json`.",
        "licences": _licences(layout),
    }


def _table(layout: Layout, name: str) -> Row:
    record = TABLES[name][0]
    files = table_files(layout, name)
    schema = pq.read_schema(files[0]) if files else pa.schema([])
    return {
        "name": name,
        "rows": sum(pq.read_metadata(file).num_rows for file in files),
        "what": (record.__doc__ or "").split("\n\n")[0].replace("``", ""),
        "columns": [{"name": f.name, "type": str(f.type)} for f in schema],
        "sha256": content_sha256(files, schema.names),
    }


def content_sha256(files: Sequence[Path], columns: Sequence[str]) -> str:
    """Hash of what a table holds: of its files, or of the rows where they carry pictures, whose
    hashes stand in the rows anyway."""
    found = hashlib.sha256()
    if IMAGES in columns:
        for row in read_columns(files, [name for name in columns if name != IMAGES]):
            found.update(repr(row).encode())
    else:
        for file in files:
            with open(file, "rb") as opened:
                found.update(hashlib.file_digest(opened, "sha256").digest())
    return found.hexdigest()


def _counted(table: pa.Table, what: str) -> list[Row]:
    """Rows per combination of the table's columns, sorted."""
    keys = table.column_names
    counted = table.group_by(keys).aggregate([([], "count_all")]).to_pylist()
    rows = [{**{k: row[k] for k in keys}, what: row["count_all"]} for row in counted]
    return sorted(rows, key=lambda row: [str(row[key]) for key in keys])


def _generators(layout: Layout) -> list[Row]:
    rows = _counted(read_table(layout, "videos", columns=["generator", "licence"]), "clips")
    have = set(read_table(layout, "frames", columns=["video_id"]).column("video_id").to_pylist())
    videos = read_table(layout, "videos", columns=["generator", "licence", "video_id"]).to_pylist()
    for row in rows:
        row["frames"] = sum(
            v["video_id"] in have
            for v in videos
            if (v["generator"], v["licence"]) == (row["generator"], row["licence"])
        )
    return rows


def _pair_funnel(layout: Layout, counts: Sequence[Row]) -> list[Row]:
    """Per dimension: every two clips of a prompt, and what became of them."""
    clips = _counted(read_table(layout, "videos", columns=["prompt_id"]), "n")
    possible = sum(row["n"] * (row["n"] - 1) // 2 for row in clips)
    funnel = []
    for dimension in sorted({row["dimension"] for row in counts}):
        own = [row for row in counts if row["dimension"] == dimension]
        pairs, ties = (sum(row[field] for row in own) for field in ("pairs", "ties"))
        funnel.append({
            "dimension": dimension, "possible": possible, "pairs": pairs, "ties": ties,
            "missing": possible - pairs, "decided": pairs - ties,
            "share": f"{100 * (pairs - ties) / pairs:.1f} %",
            "splits": {s: sum(r["pairs"] for r in own if r["split"] == s) for s in SPLITS},
        })  # fmt: skip
    return funnel


def _annotators(layout: Layout, manifest: Mapping[str, Any]) -> list[Row]:
    """The configured annotators, with the models that answered and their rows."""
    table = read_table(layout, "annotations", columns=["annotator_id", "model"])
    rows = []
    for given in manifest.get("annotators") or []:
        own = table.filter(pc.equal(table.column("annotator_id"), given["annotator_id"]))
        answered = sorted({m for m in own.column("model").to_pylist() if m is not None})
        known = {
            key: given.get(key) for key in ("annotator_id", "kind", "model", "temperature", "draws")
        }
        rows.append({**known, "answered": ", ".join(answered), "rows": len(own)})
    return rows


def _rubric(given: Mapping[str, Any]) -> Row:
    """A rubric of the run's record with its text: as recorded, else the packaged one it names."""
    text = given.get("text") or _packaged_text(given)
    known = {key: given[key] for key in ("name", "version", "sha256")}
    return {**known, "protocol": given.get("protocol", "pointwise"), "text": text}


def _packaged_text(given: Mapping[str, Any]) -> str:
    name = f"{given['name']}@{given['version']}"
    if name not in rubric_names() or _sha256(name, given.get("protocol")) != given["sha256"]:
        return "# A rubric of the run's own; its text was not recorded."
    file = importlib.resources.files("prompts").joinpath(
        "rubrics", f"{given['name']}.v{given['version']}.yaml"
    )
    return file.read_text("utf-8")


def _sha256(name: str, protocol: str | None) -> str:
    """Of a packaged rubric, as it is asked in a protocol: with the words of that protocol's template."""
    rubric = load_rubric(name)
    return (as_protocol(rubric, protocol) if protocol else rubric).sha256


def count(value: int | None) -> str:
    """``12,345``; a dash for None."""
    return "–" if value is None else f"{value:,}"


def _cost(of_run: Mapping[str, Any]) -> str:
    spend = of_run.get("all_runs") or of_run  # a run that was resumed bought only the rest
    requests, sent, received = (
        count(spend.get(name)) for name in ("requests", "input_tokens", "output_tokens")
    )
    lost = spend.get("lost_requests") or 0
    unsure = f" {count(lost)} of them have an unknown fate and count as billed." if lost else ""
    clips = of_run.get("clips_of_all_runs") or {}
    made = (
        f" Of it, {_money(clips)} on {count(clips['requests'])} requests for clips."
        if clips.get("requests")
        else ""
    )
    return (
        f"Spent: {_money(spend)} on {requests} requests: {sent} input, {received} output "
        f"tokens.{unsure}{made} What each reply cost when it was bought stands in its row (`cost_usd`)."
    )


def _money(spend: Mapping[str, Any]) -> str:
    usd = spend.get("usd")
    return "an unknown amount (a price is not known)" if usd is None else f"{usd:.4f} USD"


def _shown(audit: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    rows = [row for row in audit["rows"] if is_whole(row) and row["statistic"] in SHOWN_STATISTICS]
    return sorted(rows, key=lambda row: (
        row["dimension"], SHOWN_STATISTICS.index(row["statistic"]), row["annotator"]))  # fmt: skip


def _statistic(row: Mapping[str, Any]) -> Row:
    bounds = [row.get(name) for name in ("low", "high")]
    known = None not in bounds
    return {
        **row,
        "value": "undefined" if row["value"] is None else f"{row['value']:.3f}",
        "interval": f"[{bounds[0]:.3f}, {bounds[1]:.3f}]" if known else "–",
    }


def _licences(layout: Layout) -> list[str | None]:
    columns = [read_table(layout, name, columns=["licence"]).column("licence")
               for name in ("prompts", "videos")]  # fmt: skip
    return sorted({value for column in columns for value in column.to_pylist()}, key=str)
