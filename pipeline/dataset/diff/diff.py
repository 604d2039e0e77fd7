"""What changed between two versions of a dataset: rows, labels, agreement with people, cost, judges.

Works on every complete folder: of a run, a merge, a rebuild, after a withdrawal, of older schema versions.
Rows are compared by digests (:mod:`pipeline.dataset.digests`), so that memory stays flat.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.dataset.diff.labels import preference_diff
from pipeline.dataset.diff.runs import (
    agreement_diff,
    cost_diff,
    judges_diff,
    licences_diff,
    rubrics_diff,
    withdrawn_diff,
)
from pipeline.dataset.diff.tables import table_diff
from pipeline.dataset.merge.sources import PREFERENCES, read_record
from pipeline.dataset.version import dataset_version
from schemas.layout import PUBLISHED, Layout


def diff(old: Path, new: Path, limit: int = 5) -> dict[str, Any]:
    """What changed from one folder to the other, as JSON values; ``limit`` examples of each kind.

    Raises :class:`schemas.options.SetupError` for a folder that is not complete.
    """
    before, after = (Layout(Path(folder).expanduser().resolve()) for folder in (old, new))
    records = read_record(before), read_record(after)
    return {
        "old": _version(before, records[0]),
        "new": _version(after, records[1]),
        "tables": {
            table: table_diff(before, after, table, limit) for table in (*PUBLISHED, PREFERENCES)
        },
        "preferences": preference_diff(before, after, limit),
        "agreement": agreement_diff(before, after),
        "cost": cost_diff(*records),
        "judges": judges_diff((before, records[0]), (after, records[1])),
        "rubrics": rubrics_diff(*records),
        "licences": licences_diff(before, after),
        "withdrawn": withdrawn_diff(before, after),
    }


def _version(layout: Layout, record: Mapping[str, Any]) -> dict[str, Any]:
    """Which dataset it is, and what it was made of."""
    return {
        "folder": str(layout.root),
        "name": record.get("name"),
        "run_id": record.get("run_id"),
        "dataset_version": dataset_version(layout),
        "schema_version": record.get("schema_version", 1),
        "merged_from": [
            {name: one.get(name) for name in ("name", "run_id", "dataset_version")}
            for one in record.get("merged_from") or ()
        ],
    }
