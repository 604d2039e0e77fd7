"""The version of a dataset: a digest of what its tables hold, the same wherever and however they lie.

Every row gives a sum over its columns, a table the sum over its rows, so that neither parts, row groups
nor the order of rows count, and a column that is null counts as one that is not there: a file of an
older schema has the version of the same rows written anew. Sums of digests as a hash of a multiset:
Clarke et al. 2003, Incremental multiset hash functions, ASIACRYPT; with 64-bit digests that nobody may
attack, against accidents alone. Bytes are vouched for by ``checksums.sha256``.
"""

import hashlib

import numpy as np
import pyarrow as pa

from pipeline.dataset.digests import U64, batches, column_digests
from pipeline.report.tables import NAMES, table_files
from schemas.layout import Layout
from schemas.tables import TABLES, arrow_schema

# What tells where something lies, or lay when it failed: the same data have another on each machine.
PLACES = {"videos": {"uri"}, "failures": {"message"}}
_FIRST, _SECOND = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)


def dataset_version(layout: Layout) -> str:
    """16 hexadecimal digits over the contents of all published tables.

    Equal for equal rows, on every machine and at any time; another for a row more, less or changed.
    Where a clip lies (``uri``) and the words of a failure do not count, the content of the clip does.
    Pictures count by their digests. A table without rows is as one that is not there. Memory is flat;
    a million rows take seconds.
    """
    lines = []
    for name in sorted(NAMES):
        rows, total = _content(layout, name)
        if rows:
            lines.append(f"{name} {rows} {total:016x}\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]


def _content(layout: Layout, name: str) -> tuple[int, int]:
    """Number of rows of a table, and the sum of their digests modulo 2**64."""
    record = TABLES[name][0]
    columns = [
        column for column in arrow_schema(record).names if column not in PLACES.get(name, ())
    ]
    rows, total = 0, 0
    for batch in batches(table_files(layout, name), record, columns):
        rows += len(batch)
        total = (total + int(_row_digests(batch).sum(dtype=np.uint64))) % 2**64
    return rows, total


def _row_digests(batch: pa.RecordBatch) -> U64:
    """Digests (N,) of rows: which value stands in which column counts, nulls do not."""
    found = np.zeros(len(batch), np.uint64)
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        there = column.is_valid().to_numpy(zero_copy_only=False)
        found += np.where(there, _spread(column_digests(column) + _salt(name)), np.uint64(0))
    return _spread(found)


def _salt(name: str) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big"))


def _spread(values: U64) -> U64:
    """The finaliser of MurmurHash3 (Appleby, public domain): sums of its values do not cancel."""
    values = (values ^ (values >> np.uint64(33))) * _FIRST
    values = (values ^ (values >> np.uint64(33))) * _SECOND
    return values ^ (values >> np.uint64(33))
