"""Rows of a table in two versions of a dataset: added, removed, changed, and in which columns."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.dataset.digests import U64, batches, column_digests, combined
from pipeline.dataset.merge.sources import table_files
from pipeline.dataset.version import PLACES
from schemas.layout import Layout
from schemas.tables import TABLES, arrow_schema, join_key

Places = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """The rows of two tables by key: places (N,) of those that both have, old and new side by side, and
    of those that one has."""

    old: Places
    new: Places
    removed: Places
    added: Places


def meet(old: U64, new: U64) -> Met:
    """Which keys two tables share. Of a key that is there twice one row counts."""
    _, at_old, at_new = np.intersect1d(old, new, return_indices=True)
    return Met(
        old=at_old.astype(np.int64),
        new=at_new.astype(np.int64),
        removed=np.flatnonzero(~np.isin(old, new)),
        added=np.flatnonzero(~np.isin(new, old)),
    )


def table_diff(old: Layout, new: Layout, table: str, limit: int) -> dict[str, Any]:
    """What became of a table's rows. Where a clip lies, and the words of a failure, do not count."""
    files = [list(table_files(layout, table)) for layout in (old, new)]
    columns = [n for n in arrow_schema(TABLES[table][0]).names if n not in PLACES.get(table, ())]
    (old_keys, old_rows), (new_keys, new_rows) = (_digests(f, table, columns) for f in files)
    met = meet(old_keys, new_keys)
    other = np.flatnonzero(old_rows[met.old] != new_rows[met.new])
    changed = [met.old[other], met.new[other]]
    counted = (
        _columns([_of_rows(f, table, columns, at) for f, at in zip(files, changed, strict=True)])
        if len(other)
        else {}
    )
    return {
        "old": len(old_keys),
        "new": len(new_keys),
        "added": len(met.added),
        "removed": len(met.removed),
        "changed": len(other),
        "columns": counted,
        "examples": {
            "added": named(files[1], table, met.added, limit),
            "removed": named(files[0], table, met.removed, limit),
            "changed": named(files[1], table, changed[1], limit),
        },
    }


def _digests(files: Sequence[Path], table: str, columns: Sequence[str]) -> tuple[U64, U64]:
    """Digests (N,) of every row's key and of its columns."""
    record, key = TABLES[table]
    keys, rows = [np.zeros(0, np.uint64)], [np.zeros(0, np.uint64)]
    for batch in batches(files, record, columns):
        own = {name: column_digests(batch.column(name)) for name in columns}
        keys.append(combined([own[name] for name in key]))
        rows.append(combined([own[name] for name in columns]))
    return np.concatenate(keys), np.concatenate(rows)


def _of_rows(
    files: Sequence[Path], table: str, columns: Sequence[str], places: Places
) -> dict[str, U64]:
    """Digests of the columns of some rows, in the order of ``places``."""
    found: dict[str, list[U64]] = {name: [np.zeros(0, np.uint64)] for name in columns}
    order = np.argsort(places)
    for batch in _taken(files, table, columns, places[order]):
        for name in columns:
            found[name].append(column_digests(batch.column(name)))
    back = np.argsort(order)
    return {name: np.concatenate(arrays)[back] for name, arrays in found.items()}


def _taken(
    files: Sequence[Path], table: str, columns: Sequence[str], places: Places
) -> Iterator[pa.RecordBatch]:
    """The rows at some ascending places."""
    at = 0
    for batch in batches(files, TABLES[table][0], columns):
        first, last = np.searchsorted(places, [at, at + len(batch)])
        if first < last:
            yield batch.take(pa.array(places[first:last] - at))
        at += len(batch)


def _columns(sides: Sequence[dict[str, U64]]) -> dict[str, int]:
    """In how many of the changed rows a column differs; columns that never do are not there."""
    old, new = sides
    counted = {name: int(np.count_nonzero(old[name] != new[name])) for name in old}
    return dict(sorted(((n, c) for n, c in counted.items() if c), key=lambda one: -one[1]))


def named(files: Sequence[Path], table: str, places: Places, limit: int) -> list[str]:
    """The keys of the first few rows of those at some places."""
    key = TABLES[table][1]
    return [
        join_key(*(row[name] for name in key))
        for batch in _taken(files, table, key, np.sort(places)[:limit])
        for row in batch.to_pylist()
    ]
