"""run.json of a merged dataset: what it was made from, what became of every row, what all of it cost."""

import importlib.metadata
import platform
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.dataset.digests import batches
from pipeline.dataset.merge.config import MergeRules, rubric_changes
from pipeline.dataset.merge.sources import PREFERENCES, Source, table_files
from pipeline.dataset.merge.spend import bought, spend_of
from pipeline.dataset.merge.union import Counts
from pipeline.dataset.withdrawn import noted
from pipeline.state import fingerprint
from schemas import Failure
from schemas.layout import PUBLISHED, Layout
from schemas.tables import SCHEMA_VERSION, TABLES

MERGED_BY = ("videoprefer", "pyarrow", "numpy")


def merged_record(
    sources: Sequence[Source],
    rules: MergeRules,
    counts: Mapping[str, Sequence[Counts]],
    renamed: Sequence[Mapping[str, str]],
    people: Mapping[str, Any],
    layout: Layout,
    name: str,
    notes: Iterable[str],
) -> dict[str, Any]:
    """The record of a merge, from the published tables and the records of its runs."""
    first = sources[0].record
    return {
        "run_id": fingerprint(
            [s.record.get("run_id") for s in sources], rules.config, list(map(dict, renamed))
        )[:16],
        "name": name,
        "state": "complete",
        "schema_version": SCHEMA_VERSION,
        "config": {**rules.config, "name": name},
        "versions": versions(),
        "simulated": any(s.record.get("simulated") for s in sources),
        "merged_from": [
            merged_from(source, n, counts, renamed[n]) for n, source in enumerate(sources)
        ],
        "tables": table_counts(layout),
        "books": books(counts),
        "failures": failure_counts(layout),
        "spend": spend_of(*bought(sources, renamed)),
        "annotators": annotators(sources, renamed, layout),
        "frames": dict(first.get("frames") or {}),
        "rubrics": _rubrics(sources),
        "protocol": rules.rules.protocol.kind,
        "gate": first.get("gate"),
        "people": people,
        "withdrawn": noted(layout),
        "notes": list(dict.fromkeys([*notes, *rubric_changes(sources), *_notes_of_runs(sources)])),
    }


def merged_from(
    source: Source, number: int, counts: Mapping[str, Sequence[Counts]], renamed: Mapping[str, str]
) -> dict[str, Any]:
    """What one run gave: rows per table, those that the output has of it, and why it lacks others."""
    own = {table: of_all[number] for table, of_all in counts.items()}
    return {
        "name": source.name,
        "run_id": source.record.get("run_id"),
        "dataset_version": source.record.get("dataset_version"),
        "schema_version": source.record.get("schema_version", 1),
        "rows": {table: one.rows for table, one in own.items()},
        "added": {table: one.added for table, one in own.items()},
        "same": {table: one.same for table, one in own.items()},
        "left_out": {table: dict(one.left_out) for table, one in own.items() if one.left_out},
        "renamed": dict(renamed),
        "spend": source.record.get("spend") or {},
        **({"plugins": brought} if (brought := source.record.get("plugins")) else {}),
        **({"merged_from": known} if (known := source.record.get("merged_from")) else {}),
    }


def books(counts: Mapping[str, Sequence[Counts]]) -> dict[str, dict[str, Any]]:
    """A book per table, in the form of a stage's: owed is every row of every run."""
    return {
        f"merge_{table}": {
            "owed": sum(one.rows for one in of_all),
            "written": sum(one.added for one in of_all),
            "failed": 0,
            "filtered": sum(sum(one.left_out.values()) for one in of_all),
            "upstream": sum(one.same for one in of_all),
            "missing": 0,
            "missing_keys": [],
            "unexpected": 0,
            "unexpected_keys": [],
        }
        for table, of_all in counts.items()
    }


def versions() -> dict[str, str]:
    """Versions of what merged; those of what shaped the rows stand in the records of the runs."""
    return {"python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in MERGED_BY
    }


def table_counts(layout: Layout) -> dict[str, int]:
    """Rows of every published table."""
    return {
        table: sum(pq.read_metadata(file).num_rows for file in table_files(layout, table))
        for table in (*PUBLISHED, PREFERENCES)
    }


def failure_counts(layout: Layout) -> dict[str, dict[str, int]]:
    """Failures by stage and reason, as a run's record has them."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for batch in batches(table_files(layout, "failures"), Failure, ("stage", "reason")):
        for row in batch.to_pylist():
            found[row["stage"]][row["reason"]] += 1
    return {stage: dict(sorted(reasons.items())) for stage, reasons in sorted(found.items())}


def annotators(
    sources: Sequence[Source], renamed: Sequence[Mapping[str, str]], layout: Layout
) -> list[dict[str, Any]]:
    """Every annotator of any run under its name in the output, once; those of rows that no run's record
    names come last, with nothing known of them."""
    found: dict[str, dict[str, Any]] = {}
    for source, names in zip(sources, renamed, strict=True):
        for one in source.record.get("annotators") or ():
            name = names.get(one["annotator_id"], one["annotator_id"])
            found.setdefault(name, {**one, "annotator_id": name})
    for name in sorted(_named(layout) - found.keys()):
        found[name] = {"annotator_id": name, "kind": None, "model": None, "draws": None}
    return list(found.values())


def _named(layout: Layout) -> set[str]:
    return {
        name
        for table in ("annotations", "comparisons")
        for batch in batches(table_files(layout, table), TABLES[table][0], ("annotator_id",))
        for name in pc.unique(batch.column(0)).to_pylist()
    }


def _rubrics(sources: Sequence[Source]) -> list[Any]:
    """Every rubric with other words, once."""
    found: dict[tuple[Any, ...], Any] = {}
    for source in sources:
        for rubric in source.record.get("rubrics") or ():
            found.setdefault((rubric["name"], rubric.get("protocol"), rubric["sha256"]), rubric)
    return list(found.values())


def _notes_of_runs(sources: Sequence[Source]) -> list[str]:
    """Each run's own notes, with its name; those of a run that is there twice once."""
    found: dict[tuple[Any, str], str] = {}
    for source in sources:
        for note in source.record.get("notes") or ():
            told = note if source.record.get("merged_from") else f"of {source.name}: {note}"
            found.setdefault((source.record.get("run_id"), note), told)
    return list(dict.fromkeys(found.values()))
