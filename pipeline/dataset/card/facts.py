"""What the dataset card states: counts, judges, rubrics, cost and agreement of a finished run."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.audit.names import RATER, RESERVED, STATISTICS
from pipeline.dataset.card.cite import CITED, PAPER, citation
from pipeline.dataset.card.counts import (
    claim_rows,
    counted,
    decided_share,
    dimensions_judged,
    generator_rows,
    pair_funnel,
    snapshot_rows,
)
from pipeline.dataset.card.judges import judge_rows
from pipeline.dataset.card.leaks import leak_facts
from pipeline.dataset.card.pair_rules import pair_rules
from pipeline.dataset.card.prompts import PLACE, WORDLESS, dimensions_asked, rubric_rows
from pipeline.dataset.card.scores import score_rows
from pipeline.dataset.card.terms import licences, terms_table
from pipeline.dataset.clips import offered
from pipeline.dataset.parquet import IMAGES, read_columns
from pipeline.health.names import JUDGES
from pipeline.report.aggregates import failure_groups, preference_counts
from pipeline.report.agreement import HEADLINES, headlines, is_whole, without_echo
from pipeline.report.checks import check_counts
from pipeline.report.tables import (
    NAMES,
    read_audit,
    read_json,
    read_table,
    simulated_kinds,
    table_files,
)
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
    asked = dimensions_asked(manifest)
    unjudged = set(asked) - dimensions_judged(layout)
    funnel = pair_funnel(layout, counts, asked)
    tables = [_table(layout, name) for name in NAMES]
    generators = generator_rows(layout)
    agreement = [_statistic(row) for row in _shown(audit)] if audit else []
    return {
        **_identity(manifest),
        "simulated": simulated_kinds(layout) or ["data"] * bool(manifest.get("simulated")),
        "tables": tables,
        "has_images": any(one["name"] == IMAGES for one in _columns(tables, "frames")),
        "generators": generators,
        "unplaced": any(row["splits"][None] for row in generators),
        "sources": counted(read_table(layout, "prompts", columns=["source", "licence"]), "prompts"),
        "clips_offered": offered(layout),
        "pairs": funnel,
        "pair_rules": pair_rules(manifest),
        "share_of_judged": decided_share([r for r in funnel if r["dimension"] not in unjudged]),
        "unjudged": [row for row in funnel if row["dimension"] in unjudged],
        "claims": claim_rows(manifest, layout, funnel),
        "claims_source": ((manifest.get("config") or {}).get("claims") or {}).get("source"),
        "scores": score_rows(layout, manifest),
        "splits": [s for s in SPLITS if any(row["split"] == s for row in counts)],
        "failures": failure_groups(layout, 0),
        "checks": check_counts(layout),
        "annotators": _annotators(layout, manifest),
        "snapshots": snapshot_rows(layout),
        "judges": judge_rows(judges, manifest.get("annotators") or []) if judges else [],
        "judge_notes": judges["notes"] if judges else [],
        "frames": {"policy": None, "count": None, **(manifest.get("frames") or {})},
        "rubrics": rubric_rows(manifest),
        "wordless": _wordless(manifest),
        "place": PLACE,
        "montage": bool(((manifest.get("config") or {}).get("frames") or {}).get("montage")),
        "leaks": leak_facts(layout),
        "cost": _cost(manifest.get("spend") or {}),
        "versions": manifest.get("versions") or {},
        "headlines": headlines(audit) if audit else [],
        "gate": manifest.get("gate"),  # what was required of the rated clips first; None: nothing
        "agreement": agreement,
        "statistics": {
            name: STATISTICS[name] for name in sorted({r["statistic"] for r in agreement})
        },
        "agreement_missing": "No human ratings were given, so no agreement was computed."
        if audit is None
        else "No annotator's scores could be held against people; see `audit.json`.",
        "licences": licences(layout),
        "terms": terms_table(layout),
        "paper": PAPER,
        "cited": CITED,
    }


def _identity(manifest: Mapping[str, Any]) -> Row:
    """Name, version and origin of the set: a record may lack all but the name."""
    name = (
        (manifest.get("config") or {}).get("name")
        or manifest.get("name")
        or manifest.get("run_id")
        or "videoprefer"
    )
    version = manifest.get("dataset_version")
    withdrawn = manifest.get("withdrawn") or {}
    before = withdrawn.get("versions_before") or []
    return {
        "name": name,
        "dataset_version": version,
        "previous": manifest.get("previous") or (before[-1] if before else None),
        "schema_version": manifest.get("schema_version", 1),
        "merged_from": manifest.get("merged_from") or [],
        "withdrawn": withdrawn.get("clips"),
        "trained_with_withdrawn": manifest.get("videorm_trained_with_withdrawn"),
        "citation": citation(name, version) if version else None,
    }


def _wordless(manifest: Mapping[str, Any]) -> bool:
    """Whether no annotator of the run reads words: what is rendered was then sent to nobody."""
    kinds = [given["kind"] for given in manifest.get("annotators") or []]
    return all(kind in WORDLESS for kind in kinds)


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


def _columns(tables: Sequence[Row], name: str) -> list[Row]:
    return next(table["columns"] for table in tables if table["name"] == name)


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
    """Of the whole, without single raters, and without the references where they say nothing."""
    rows = [
        row
        for row in without_echo(audit)["rows"]
        if is_whole(row)
        and row["statistic"] in SHOWN_STATISTICS
        and not row["annotator"].startswith(RATER)
        and not (row["statistic"] == "judge_tie_share" and row["annotator"] in RESERVED)
    ]
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
