"""Rows of tables as numbers of 64 bits: a million rows are told apart in sixteen megabytes.

Two rows, or two values, that are equal have equal digests. Different ones have the same with a chance of
2**-64: among four million keys some two meet with one of less than 1e-6, in a column compared row by row
next to never. No digest is published or kept: they serve one comparison, on one machine.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.dataset.whole import FAULTS, damaged
from schemas.tables import arrow_schema
from schemas.versions import columns_in, completed

U64 = npt.NDArray[np.uint64]
BATCH = 20_000  # rows
_NULL = np.uint64(0x9E3779B97F4A7C15)
_STEP = np.uint64(0xD1342543DE82EF95)


def batches(
    files: Iterable[Path],
    record: type,
    columns: Sequence[str] | None = None,
    *,
    renamed: Mapping[str, str] | None = None,
    rows: int = BATCH,
) -> Iterator[pa.RecordBatch]:
    """Batches of a table's files in the record's schema, or a few columns of it.

    Columns that an older file lacks hold the defaults of the record. ``renamed``: other names of
    annotators. Raises :class:`schemas.versions.TableError` for a file that is no such table, and
    :class:`SetupError` for one that cannot be read.
    """
    wanted = list(arrow_schema(record).names if columns is None else columns)
    for path in files:
        try:
            with pq.ParquetFile(path) as file:
                there = columns_in(record, file.schema_arrow, path, wanted)
                for batch in file.iter_batches(batch_size=rows, columns=there):
                    yield _renamed(completed(record, batch, wanted), renamed)
        except FAULTS as error:
            raise damaged(path, error) from error


def _renamed(batch: pa.RecordBatch, renamed: Mapping[str, str] | None) -> pa.RecordBatch:
    at = batch.schema.get_field_index("annotator_id")
    if at < 0 or not renamed:
        return batch
    column = batch.column(at)
    for old, new in renamed.items():
        column = pc.if_else(pc.equal(column, old), new, column)
    return batch.set_column(at, batch.schema.field(at), column)


def digests_of(
    files: Iterable[Path],
    record: type,
    columns: Collection[str],
    *,
    renamed: Mapping[str, str] | None = None,
) -> dict[str, U64]:
    """Digests (N,) of every column named, over all rows of the files in their order."""
    found: dict[str, list[U64]] = {name: [] for name in columns}
    for batch in batches(files, record, list(columns), renamed=renamed):
        for name in columns:
            found[name].append(column_digests(batch.column(name)))
    return {name: _joined(arrays) for name, arrays in found.items()}


def row_digests(
    files: Iterable[Path],
    record: type,
    keys: Sequence[str],
    *,
    renamed: Mapping[str, str] | None = None,
) -> tuple[U64, U64]:
    """Digests (N,) of the key columns of every row, and of all of its columns."""
    names = arrow_schema(record).names
    of_keys: list[U64] = []
    of_rows: list[U64] = []
    for batch in batches(files, record, renamed=renamed):
        own = {name: column_digests(batch.column(name)) for name in names}
        of_keys.append(combined([own[name] for name in keys]))
        of_rows.append(combined([own[name] for name in names]))
    return _joined(of_keys), _joined(of_rows)


def combined(columns: Sequence[U64]) -> U64:
    """One digest per row of several columns, in which their order counts."""
    found = np.zeros_like(columns[0])
    for column in columns:
        found = _mixed(found * _STEP + column)
    return found


def column_digests(column: pa.Array) -> U64:
    """Digests (N,) of a column's values: text, numbers, truth values, and lists and structs of them."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        found = _of_text(column)
    elif pa.types.is_struct(kind):
        found = combined([column_digests(child) for child in column.flatten()])
    elif pa.types.is_list(kind):
        found = _of_lists(column)
    elif pa.types.is_floating(kind):
        values = column.fill_null(0.0).to_numpy(zero_copy_only=False).astype(np.float64)
        found = _mixed((values + 0.0).view(np.uint64))  # -0.0 is 0.0
    else:
        values = column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
        found = _mixed(values.view(np.uint64))
    if column.null_count:
        found = np.where(column.is_null().to_numpy(zero_copy_only=False), _NULL, found)
    return found


def _of_text(column: pa.Array) -> U64:
    encoded = column.dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    data = b"".join(hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts)
    known = np.frombuffer(data, np.uint64)
    if not len(known):
        return np.zeros(len(column), np.uint64)
    return known[encoded.indices.fill_null(0).to_numpy(zero_copy_only=False)]


def _of_lists(column: pa.Array) -> U64:
    """Of what stands at each place of a list, and of how much there is."""
    lengths = pc.list_value_length(column).fill_null(0).to_numpy(zero_copy_only=False)
    inner = column_digests(column.flatten())
    ends = np.cumsum(lengths)
    starts = ends - lengths
    place = np.arange(len(inner)) - np.repeat(starts, lengths)
    sums = np.concatenate(
        [[np.uint64(0)], np.cumsum(_mixed(inner + _mixed(place.view(np.uint64))))]
    )
    return _mixed(sums[ends] - sums[starts] + _STEP * lengths.astype(np.uint64))


def _mixed(values: U64) -> U64:
    """The finaliser of SplitMix64: every bit of the argument moves every bit of the result.

    Source: Steele, Lea and Flood 2014, Fast splittable pseudorandom number generators, OOPSLA.
    """
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _joined(arrays: Sequence[U64]) -> U64:
    return np.concatenate(arrays) if arrays else np.zeros(0, np.uint64)
