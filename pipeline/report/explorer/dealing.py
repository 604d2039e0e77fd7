"""A table dealt out by prompt: rows of so many prompts to a file each, in one go through the table."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.parquet import read_batches
from pipeline.report.tables import read_table, table_files
from schemas.layout import Layout
from schemas.tables import TABLES, arrow_schema


def deal_out(
    layout: Layout, name: str, columns: Sequence[str], ids: Sequence[str], each: int, folder: Path
) -> None:
    """Write the rows of every ``each`` of the prompts to a file of its own, in the order of the table.

    ``columns`` have ``prompt_id`` among them. Rows of other prompts are left out.
    """
    prompts = read_table(layout, name, columns=["prompt_id"]).column("prompt_id")
    found = pc.fill_null(pc.index_in(prompts, value_set=pa.array(ids, pa.string())), -1)
    hands = np.floor_divide(found.to_numpy().astype(np.int64), each)  # -1 stays -1
    with contextlib.ExitStack() as stack:
        schema = _schema(name, columns)
        files = [
            stack.enter_context(_writer(_file(folder, name, number), schema))
            for number in range(-(-len(ids) // each))
        ]
        start = 0
        for batch in _batches(layout, name, columns):
            own = hands[start : start + len(batch)]
            start += len(batch)
            for number in np.unique(own[own >= 0]).tolist():
                rows = batch.take(pa.array(np.flatnonzero(own == number)))
                files[number].write_batch(rows.cast(schema))


def hand(folder: Path, name: str, number: int, columns: Sequence[str]) -> pa.Table:
    """The rows of one file."""
    with pa.ipc.open_stream(_file(folder, name, number).read_bytes()) as file:
        return file.read_all().select(list(columns))


def _batches(layout: Layout, name: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    for path in table_files(layout, name):
        for batch in read_batches(path, columns, TABLES[name][0]):
            yield batch.select(list(columns))


def _schema(name: str, columns: Sequence[str]) -> pa.Schema:
    known = arrow_schema(TABLES[name][0])
    return pa.schema([known.field(column) for column in columns])


def _writer(path: Path, schema: pa.Schema) -> pa.ipc.RecordBatchStreamWriter:
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    return pa.ipc.new_stream(str(path), schema, options=options)


def _file(folder: Path, name: str, number: int) -> Path:
    return folder / f"{name}-{number:05d}.arrow"
