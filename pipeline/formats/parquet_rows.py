"""Rows that hold pictures, one at a time: a table of them does not fit into memory."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import overload

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.formats.writing import ExportError, Row
from schemas.options import SetupError

_AT_ONCE = 64


class PlannedRows(Sequence[Row]):
    """Planned rows that are completed when they are asked for."""

    def __init__(self, rows: Sequence[Row], complete: Callable[[Row], Row]) -> None:
        self._rows, self._complete = rows, complete

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> "PlannedRows": ...
    def __getitem__(self, index: int | slice) -> "Row | PlannedRows":
        if isinstance(index, slice):
            return PlannedRows(self._rows[index], self._complete)
        return self._complete(self._rows[index])


class ParquetRows(Sequence[Row]):
    """The rows of a Parquet file. Iterating reads few at once; an index reads its row group.

    Raises :class:`ExportError` for a file that cannot be read.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            with pq.ParquetFile(file) as parquet:
                meta = parquet.metadata
                self._groups = [meta.row_group(i).num_rows for i in range(meta.num_row_groups)]
        except (pa.ArrowException, OSError) as error:
            raise ExportError(f"{file}: not readable as Parquet: {error}") from error

    def __len__(self) -> int:
        return sum(self._groups)

    def __iter__(self) -> Iterator[Row]:
        try:
            with pq.ParquetFile(self._file) as parquet:
                for batch in parquet.iter_batches(batch_size=_AT_ONCE):
                    yield from batch.to_pylist()
        except (pa.ArrowException, OSError) as error:  # the latter for damaged pages
            raise ExportError(f"{self._file}: not readable as Parquet: {error}") from error

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        left = range(len(self))[index]
        for group, n in enumerate(self._groups):
            if left < n:
                with pq.ParquetFile(self._file) as parquet:
                    return parquet.read_row_group(group).slice(left, 1).to_pylist()[0]
            left -= n
        raise IndexError(index)


def column_names(file: Path) -> frozenset[str]:
    """The columns of a Parquet file; none where it is another file."""
    if file.suffix.lower() != ".parquet" or not file.is_file():
        return frozenset()
    try:
        with pq.ParquetFile(file) as parquet:
            return frozenset(parquet.schema_arrow.names)
    except (pa.ArrowException, OSError):
        return frozenset()


def column_rows(
    file: Path, required: Sequence[str], leave_out: Sequence[str] = ("jpg_0", "jpg_1")
) -> Iterator[tuple[int, Row]]:
    """Rows, numbered from 1, without some columns. Raises :class:`SetupError` naming the file."""
    columns = column_names(file)
    absent = sorted(set(required) - columns)
    if absent:
        raise SetupError(
            f"{file}: expected a Parquet file with the columns {', '.join(required)}; it lacks "
            + ", ".join(absent)
        )
    try:
        with pq.ParquetFile(file) as parquet:
            number = 0
            for batch in parquet.iter_batches(columns=sorted(columns - set(leave_out))):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (pa.ArrowException, OSError) as error:  # the latter for damaged pages
        raise SetupError(f"{file}: not readable as Parquet: {error}") from error
