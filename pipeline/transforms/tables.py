"""Reading and writing tables in a pipeline."""

import bisect
import dataclasses
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam

from pipeline.dataset.afar import below, place_of
from pipeline.dataset.parquet import read_rows, write_rows
from schemas.store import Store
from schemas.tables import key_of, table_of


@dataclasses.dataclass
class ReadTable(beam.PTransform):
    """Parquet files -> records, spread over the workers; not ``spread`` where they are grouped next."""

    record: type
    paths: tuple[str, ...]
    spread: bool = True

    def expand(self, root: beam.Pipeline) -> beam.PCollection:
        rows = (
            root
            | "Paths" >> beam.Create(self.paths, reshuffle=False)
            | "Rows" >> beam.FlatMap(_read, self.record)
        )
        # a fusion break between the cheap read and slow work
        return rows | "Spread" >> beam.Reshuffle() if self.spread else rows


def _read(path: str, record: type) -> Iterator[Any]:
    yield from read_rows(record, [path])


@dataclasses.dataclass
class WriteTable(beam.PTransform):
    """Records -> ``folder/TABLE/part-N.parquet``, the same bytes on every engine.

    Beam's own Parquet sink starts at a random shard; here a row's shard follows from its prompt (of a
    failure, from its key), so that a file holds a range of prompts, and a shard's rows are sorted.
    JPEGs (``images``) are read by the writer and never cross the shuffle. ``folder``: a path, or an
    address; ``cuts``: the first prompt of every shard but the first.
    """

    record: type
    folder: str
    cuts: tuple[str, ...] = ()
    images: Store | None = None

    def expand(self, rows: beam.PCollection) -> beam.PCollection:
        table = below(self.folder, table_of(self.record))
        return (
            rows
            | "Shard" >> beam.Map(_shard, self.cuts)
            | "Group" >> beam.GroupByKey()
            | "Write" >> beam.Map(_write, self.record, table, self.images)
        )


def _shard(row: Any, cuts: Sequence[str]) -> tuple[int, Any]:
    prompt = getattr(row, "prompt_id", None)
    if prompt is None:
        return zlib.crc32(key_of(row).encode()) % (len(cuts) + 1), row
    return bisect.bisect_right(cuts, prompt), row


def _write(shard: tuple[int, Iterable[Any]], record: type, table: str, images: Store | None) -> str:
    number, rows = shard
    return str(write_rows(record, rows, place_of(table, f"part-{number:05d}.parquet"), images))
