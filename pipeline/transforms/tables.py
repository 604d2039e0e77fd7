"""Reading and writing tables in a pipeline."""

import dataclasses
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam

from pipeline.dataset.parquet import read_rows, write_rows
from schemas.store import Store
from schemas.tables import key_of, table_of


@dataclasses.dataclass
class ReadTable(beam.PTransform):
    """Parquet files -> records, spread over the workers."""

    record: type
    paths: tuple[str, ...]

    def expand(self, root: beam.Pipeline) -> beam.PCollection:
        return (
            root
            | "Paths" >> beam.Create(self.paths, reshuffle=False)
            | "Rows" >> beam.FlatMap(_read, self.record)
            | "Spread" >> beam.Reshuffle()  # a fusion break between the cheap read and slow work
        )


def _read(path: str, record: type) -> Iterator[Any]:
    yield from read_rows(record, [path])


@dataclasses.dataclass
class WriteTable(beam.PTransform):
    """Records -> ``folder/TABLE/part-N.parquet``, the same bytes on every engine.

    Beam's own Parquet sink starts at a random shard; here the shard is the key's checksum and a
    shard's rows are sorted. JPEGs (``images``) are read by the writer and never cross the shuffle.
    """

    record: type
    folder: str
    shards: int = 1
    images: Store | None = None

    def expand(self, rows: beam.PCollection) -> beam.PCollection:
        table = Path(self.folder) / table_of(self.record)
        return (
            rows
            | "Shard" >> beam.Map(_shard, self.shards)
            | "Group" >> beam.GroupByKey()
            | "Write" >> beam.Map(_write, self.record, str(table), self.images)
        )


def _shard(row: Any, shards: int) -> tuple[int, Any]:
    return zlib.crc32(key_of(row).encode()) % shards, row


def _write(shard: tuple[int, Iterable[Any]], record: type, table: str, images: Store | None) -> str:
    number, rows = shard
    return str(write_rows(record, rows, Path(table) / f"part-{number:05d}.parquet", images))
