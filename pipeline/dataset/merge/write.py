"""The chosen rows of several runs as the tables of one: streamed file by file, in flat memory."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.dataset.digests import batches
from pipeline.dataset.merge.failures import failure_key
from pipeline.dataset.merge.sources import Source
from pipeline.dataset.merge.tables import Chosen
from pipeline.dataset.merge.union import Mask
from pipeline.dataset.parquet import ROWS_PER_GROUP, publish, write_rows
from schemas import FrameSet
from schemas.layout import Layout
from schemas.tables import TABLES, arrow_schema, from_table

FRAMES_PER_FILE = 10_000  # rows of the frames table, whose pictures are read for it


def write_tables(
    sources: Sequence[Source],
    chosen: Chosen,
    layout: Layout,
    staged: Path,
    *,
    images: bool,
    say: Callable[[str], None],
) -> dict[str, int]:
    """Publish every table that was chosen from; its rows. ``images``: the frames carry their pictures,
    which lie in the output's store already.

    A file of a run becomes a file of the output, so that what a run kept together stays together.
    """
    written = {}
    for table in chosen.parts:
        say(f"merge: writing {table}")
        if table == "frames":
            files = list(_frames(sources, chosen, layout, staged, images))
        else:
            files = list(_files(sources, chosen, table, staged))
        written[table] = publish(files, layout.table(table), TABLES[table][0])
    return written


def chosen_batches(
    source: Source, table: str, keep: Mask, renamed: Mapping[str, str], files: Sequence[Path]
) -> Iterator[pa.RecordBatch]:
    """The kept rows of some files of a run's table; ``keep`` is about those files alone."""
    at = 0
    for batch in batches(files, TABLES[table][0], renamed=renamed):
        mine = keep[at : at + len(batch)]
        at += len(batch)
        kept = batch if mine.all() else batch.filter(pa.array(mine))
        if len(kept):
            yield _failures_renamed(kept, renamed) if table == "failures" else kept


def _failures_renamed(batch: pa.RecordBatch, renamed: Mapping[str, str]) -> pa.RecordBatch:
    if not renamed:
        return batch
    stages, keys = batch.column("stage").to_pylist(), batch.column("key").to_pylist()
    new = [failure_key(stage, key, renamed) for stage, key in zip(stages, keys, strict=True)]
    at = batch.schema.get_field_index("key")
    return batch.set_column(at, batch.schema.field(at), pa.array(new, pa.string()))


def _by_file(source: Source, table: str, keep: Mask) -> Iterator[tuple[Path, Mask]]:
    at = 0
    for file in source.files(table):
        n = pq.read_metadata(file).num_rows
        yield file, keep[at : at + n]
        at += n


def _files(sources: Sequence[Source], chosen: Chosen, table: str, staged: Path) -> Iterator[Path]:
    schema = arrow_schema(TABLES[table][0])
    parts = zip(sources, chosen.parts[table], chosen.renamed, strict=True)
    for number, (source, part, renamed) in enumerate(parts):
        for file, keep in _by_file(source, table, part.keep):
            if not keep.any():
                continue
            path = staged / table / f"{number:03d}-{file.name}"
            path.parent.mkdir(parents=True, exist_ok=True)
            with pq.ParquetWriter(path, schema, compression="zstd") as writer:
                for batch in chosen_batches(source, table, keep, renamed, [file]):
                    writer.write_batch(batch, row_group_size=ROWS_PER_GROUP)
            yield path


def _frames(
    sources: Sequence[Source], chosen: Chosen, layout: Layout, staged: Path, images: bool
) -> Iterator[Path]:
    for number, (source, part) in enumerate(zip(sources, chosen.parts["frames"], strict=True)):
        rows = (
            row
            for batch in chosen_batches(source, "frames", part.keep, {}, source.files("frames"))
            for row in from_table(FrameSet, pa.Table.from_batches([batch]))
        )
        for n, group in enumerate(_groups(rows)):
            path = staged / "frames" / f"{number:03d}-{n:05d}.parquet"
            yield write_rows(FrameSet, group, path, layout.frames if images else None)


def _groups(rows: Iterator[FrameSet]) -> Iterator[list[FrameSet]]:
    group: list[FrameSet] = []
    for row in rows:
        group.append(row)
        if len(group) == FRAMES_PER_FILE:
            yield group
            group = []
    if group:
        yield group
