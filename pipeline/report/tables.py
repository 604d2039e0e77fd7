"""The tables of a finished run, read back for pages and card."""

import itertools
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from pipeline.audit.result import DETAILS
from schemas import SPLITS
from schemas.layout import PUBLISHED, Layout
from schemas.tables import TABLES, arrow_schema
from schemas.versions import columns_in, completed

NAMES = (*PUBLISHED, "preferences")


def table_files(layout: Layout, name: str) -> list[Path]:
    """Parquet files of a published table (of the three splits for ``preferences``), sorted."""
    folders = (
        [layout.table(name, split) for split in SPLITS]
        if name == "preferences"
        else [layout.table(name)]
    )
    return [path for folder in folders for path in sorted(folder.glob("*.parquet"))]


def read_table(
    layout: Layout,
    name: str,
    *,
    columns: Collection[str] | None = None,
    among: tuple[str, Collection[str]] | None = None,
) -> pa.Table:
    """A published table with the columns of its record: images are left on disk.

    ``columns`` keeps only some; ``among`` is a column and the values to keep. A table that was
    never written has no rows; what files of older versions lack has the record's defaults. Raises
    :class:`~schemas.versions.TableError` for a file of a newer version.
    """
    record = TABLES[name][0]
    schema = arrow_schema(record)
    keep = list(columns) if columns is not None else schema.names
    files = table_files(layout, name)
    wanted = [*keep, *([among[0]] if among is not None and among[0] not in keep else [])]
    there = {file: columns_in(record, pq.read_schema(file), file, wanted) for file in files}
    where = None
    if among is not None:
        where = ds.field(among[0]).isin(pa.array(sorted(among[1]), pa.string()))
    tables = [schema.empty_table().select(keep)]
    for whole, group in itertools.groupby(files, lambda file: len(there[file]) == len(wanted)):
        if whole:
            found = ds.dataset([str(file) for file in group], schema=schema, format="parquet")
            tables.append(found.to_table(columns=keep, filter=where))
        else:
            older = [_older(record, file, there[file], wanted) for file in group]
            tables += [(t if where is None else t.filter(where)).select(keep) for t in older]
    return pa.concat_tables(tables)


def _older(record: type, file: Path, there: list[str], wanted: list[str]) -> pa.Table:
    """A file of a version that had fewer columns, with the defaults of those that came later."""
    batches = pq.read_table(file, columns=there, partitioning=None).to_batches()
    schema = pa.schema([arrow_schema(record).field(name) for name in wanted])
    return pa.Table.from_batches([completed(record, b, wanted) for b in batches], schema=schema)


def read_rows(layout: Layout, name: str, **selection: Any) -> list[dict[str, Any]]:
    """Rows of :func:`read_table` as dictionaries."""
    rows: list[dict[str, Any]] = read_table(layout, name, **selection).to_pylist()
    return rows


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object, None where the file is absent: the audit and VideoRM are optional stages.

    A number that is none (``NaN``, which JSON does not know) is None, as pages have what is undefined.
    """
    if not path.exists():
        return None
    value: dict[str, Any] = json.loads(path.read_text("utf-8"), parse_constant=lambda _: None)
    return value


def read_audit(root: Path) -> dict[str, Any] | None:
    """``audit.json`` of a folder as one object: ``rows``, and what ``audit_details.json`` adds.

    None where there was no audit. Older files hold that object themselves.
    """
    layout = Layout(root)
    if not layout.audit.exists():
        return None
    found = json.loads(layout.audit.read_text("utf-8"))
    if isinstance(found, dict):
        return found
    return {**(read_json(layout.root / DETAILS) or {}), "rows": found}


def simulated_kinds(layout: Layout) -> list[str]:
    """Which of prompts, clips and raters are simulated, in the words of the pages.

    Annotations of simulated clips are marked in their rows, but they are real measurements.
    """
    words = {
        "prompts": "prompts",
        "videos": "clips",
        "human_ratings": "raters",
        "human_votes": "raters",
    }
    found = []
    for name, word in words.items():
        column = read_table(layout, name, columns=["simulated"]).column("simulated")
        if word not in found and any(chunk.true_count for chunk in column.chunks):
            found.append(word)
    return found
