"""The rows of Parquet files whose value in one column lies in a range: only what may hold them is read.

A file tells the least and the greatest value of every row group. Where it does not (it was written by
somebody else, without statistics) it is read whole.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.dataset.afar import reading
from schemas.versions import columns_in, completed

BATCH_ROWS = 10_000


class Range(NamedTuple):
    """A column of text and two values of it, both of them in the range."""

    column: str
    first: str
    last: str


class Bounds(NamedTuple):
    """What a file or row group says of its values; None where it says nothing."""

    low: str | None
    high: str | None

    def meets(self, wanted: Range) -> bool:
        """Whether a value of the range may be there."""
        if self.low is None or self.high is None:
            return True
        return self.low <= wanted.last and wanted.first <= self.high


def bounds_of(path: Path | str, column: str) -> Bounds | None:
    """Of a whole file; None for a file without rows."""
    with reading(path) as place:
        groups = _bounds(pq.read_metadata(place), column)
    if any(group.low is None for group in groups):
        return Bounds(None, None)
    lows, highs = [g.low for g in groups if g.low], [g.high for g in groups if g.high]
    return Bounds(min(lows), max(highs)) if lows and highs else None


def _bounds(metadata: Any, column: str) -> list[Bounds]:
    """Of every row group."""
    paths = [metadata.schema.column(i).path for i in range(metadata.num_columns)]
    leaf = paths.index(column)
    found = (metadata.row_group(i).column(leaf).statistics for i in range(metadata.num_row_groups))
    return [
        Bounds(s.min, s.max) if s is not None and s.has_min_max else Bounds(None, None)
        for s in found
    ]


def read_range(
    paths: Iterable[Path | str], record: type[Any], wanted: Range, columns: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    """Tuples of ``columns`` of the rows in the range, in file order, batch by batch.

    Equal texts of a batch are one object, so that rows held in memory are small. Files of other
    versions as :func:`pipeline.dataset.parquet.read_rows`.
    """
    for path in paths:
        for batch in _batches(path, record, wanted, columns):
            yield from zip(*(_values(batch.column(name)) for name in columns), strict=True)


def _batches(
    path: Path | str, record: type[Any], wanted: Range, columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    needed = list(dict.fromkeys([wanted.column, *columns]))
    with reading(path) as place:
        footer = pq.read_metadata(place)
        schema = footer.schema.to_arrow_schema()
        names = columns_in(record, schema, path, needed)
        texts = [name for name in names if pa.types.is_string(schema.field(name).type)]
        groups = [n for n, held in enumerate(_bounds(footer, wanted.column)) if held.meets(wanted)]
        with pq.ParquetFile(place, metadata=footer, read_dictionary=texts) as file:
            for batch in file.iter_batches(BATCH_ROWS, row_groups=groups, columns=names):
                kept = batch.filter(_inside(batch.column(wanted.column), wanted))
                yield kept if len(names) == len(needed) else completed(record, kept, needed)


def _inside(column: Any, wanted: Range) -> Any:
    values = column.cast(pa.string())
    return pc.and_(
        pc.greater_equal(values, wanted.first),
        pc.less_equal(values, wanted.last),
    )


def _values(column: Any) -> Iterable[Any]:
    if not pa.types.is_dictionary(column.type) or column.null_count:
        return column.to_pylist()
    words = column.dictionary.to_pylist()
    return map(words.__getitem__, column.indices.to_pylist())
