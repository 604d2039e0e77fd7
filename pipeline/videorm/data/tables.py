"""The tables of a run's folder, or of the dataset it publishes: as records, or as columns."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas import OVERALL, SPLITS, HumanRating, HumanVote, Preference, RecordError
from schemas.layout import Layout
from schemas.options import SetupError
from schemas.tables import arrow_schema, from_table
from schemas.versions import columns_in, completed

R = TypeVar("R")


def check_folder(folder: Path) -> None:
    """SetupError unless the folder holds tables."""
    if not folder.is_dir():
        raise SetupError(f"{folder}: no such folder; name the folder of a complete run")
    if not (folder / "tables").is_dir():
        raise SetupError(
            f"{folder}: holds no tables/, and so no preferences; name the folder of a complete run, "
            "or of the dataset it publishes"
        )


def read_columns(folder: Path, record: type[Any], names: Sequence[str]) -> pa.Table:
    """Columns of all of a table's files, in file order; no rows where the folder does not exist.

    Raises SetupError for a file that is no Parquet, is not of this table, is of a newer version, lacks a
    column or has one of another type. What an older one lacks has the record's defaults.
    """
    parts = [file_columns(file, record, names) for file in sorted(folder.glob("*.parquet"))]
    return pa.concat_tables([_schema(record, names).empty_table(), *parts])


def file_columns(file: Path, record: type[Any], names: Sequence[str]) -> pa.Table:
    """Columns of one file of a table, as :func:`read_columns`."""
    schema = _schema(record, names)
    try:
        with pq.ParquetFile(file) as parquet:
            there = columns_in(record, parquet.schema_arrow, file, schema.names)
            batches = parquet.read(columns=there).to_batches()
            whole = [completed(record, batch, schema.names) for batch in batches]
            return pa.Table.from_batches(whole, schema=schema)
    except (pa.ArrowException, OSError) as error:
        raise SetupError(f"{file}: cannot be read ({error}); copy the folder anew") from error


def _schema(record: type[Any], names: Sequence[str]) -> pa.Schema:
    return pa.schema([arrow_schema(cast(Hashable, record)).field(name) for name in names])


def check_rows(
    where: Path, table: pa.Table, rules: Iterable[tuple[str, pa.ChunkedArray, str]]
) -> None:
    """SetupError for the first row that breaks a rule: (column, where it is broken, what is fine)."""
    for name, broken, expected in rules:
        row = pc.index(broken, value=True).as_py()
        if row >= 0:
            raise SetupError(
                f"{where}: row {row + 1}, {name}: expected {expected}, got "
                f"{table[name][row].as_py()!r}; make the table anew"
            )


def read_rows(folder: Path, record: type[R]) -> Iterator[R]:
    """Records of a table's folder, in file order; none where the folder does not exist."""
    names = arrow_schema(cast(Hashable, record)).names
    try:
        yield from from_table(record, read_columns(folder, record, names))
    except RecordError as error:
        raise SetupError(f"{folder}: {error}; correct the row, or make the table anew") from error


def read_preferences(data: Path) -> dict[str, list[Preference]]:
    """Preferences by split, without the ``overall`` rows: they follow from the dimensions."""
    layout = Layout(data)
    found = {
        split: [
            row
            for row in read_rows(layout.table("preferences", split), Preference)
            if row.dimension != OVERALL
        ]
        for split in SPLITS
    }
    if not any(found.values()):
        raise SetupError(
            f"{layout.table('preferences')}: no preferences; name the folder of a complete run"
        )
    return found


def read_ratings(data: Path) -> list[HumanRating]:
    """Human ratings of the run, none where it has no such table."""
    return list(read_rows(Layout(data).table("human_ratings"), HumanRating))


def read_votes(data: Path) -> list[HumanVote]:
    """Human votes of the run, none where it has no such table."""
    return list(read_rows(Layout(data).table("human_votes"), HumanVote))
