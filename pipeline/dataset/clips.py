"""``media/metadata.parquet``: the clips for ``datasets`` as videos, without a second copy of any.

``load_dataset(DIR, data_dir="media")`` finds this file and reads the folder as a ``videofolder``: each row
has a column ``video`` beside those named here. It works for a local folder and for a repository of the
Hub, streaming too, because a path beside a ``metadata`` file is taken relative to it. A relative path in
the Parquet of a table is not: a Video column there would need the bytes of every clip once more.
"""

import os
import uuid
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from pipeline.report.tables import read_table, table_files
from schemas import Video
from schemas.layout import Layout
from schemas.tables import arrow_schema

FOLDER, FILE = "media", "metadata.parquet"
COLUMNS = (
    "video_id",
    "prompt_id",
    "prompt",
    "generator",
    "sha256",
    "licence",
    "terms",
    "simulated",
)
# what `datasets` takes for a video; another file would not be downloaded from the Hub
SUFFIXES = frozenset((".mkv", ".mp4", ".avi", ".mpeg", ".mov"))
BATCH = 10_000  # rows


def write_clips(layout: Layout) -> int:
    """Write ``media/metadata.parquet`` from the table ``videos``; the number of its rows.

    A clip that lies elsewhere (kept by reference), or whose container ``datasets`` does not take for a
    video, has no row. With no row at all there is no file, and one that was there is removed.
    """
    path = layout.root / FOLDER / FILE
    if layout.home is None and not path.parent.is_dir():
        return 0
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, temporary = 0, path.with_name(f".tmp-{uuid.uuid4().hex}")
    try:
        with pq.ParquetWriter(temporary, _schema(), compression="zstd") as writer:
            for batch in _batches(layout):
                writer.write_batch(batch)
                rows += len(batch)
        if rows:
            os.replace(temporary, path)
        else:
            path.unlink(missing_ok=True)
    finally:
        temporary.unlink(missing_ok=True)
    return rows


def offered(layout: Layout) -> tuple[int, int]:
    """How many rows of ``videos`` are offered as videos, and how many are not."""
    uris = read_table(layout, "videos", columns=["uri"]).column("uri").to_pylist()
    found = sum(_name(uri) is not None for uri in uris)
    return found, len(uris) - found


def _schema() -> pa.Schema:
    own = arrow_schema(Video)
    return pa.schema([pa.field("file_name", pa.string()), *(own.field(name) for name in COLUMNS)])


def _batches(layout: Layout) -> Any:
    files = [str(file) for file in table_files(layout, "videos")]
    if not files:
        return
    table = ds.dataset(files, schema=arrow_schema(Video), format="parquet")
    for batch in table.to_batches(columns=["uri", *COLUMNS], batch_size=BATCH):
        names = [_name(uri) for uri in batch.column("uri").to_pylist()]
        found = pa.RecordBatch.from_arrays(
            [pa.array(names, pa.string()), *(batch.column(name) for name in COLUMNS)],
            schema=_schema(),
        )
        yield found.filter(found.column("file_name").is_valid())


def _name(uri: str) -> str | None:
    """Path below the folder of media; None for a clip that is not offered."""
    path = PurePosixPath(uri)
    if path.parts[:1] != (FOLDER,) or path.suffix.lower() not in SUFFIXES:
        return None
    return path.relative_to(FOLDER).as_posix()
