"""Tables on disk: the same rows give the same file, and a file is there whole or not at all."""

import json
import os
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.dataset.afar import reading, writing
from pipeline.dataset.elsewhere import BESIDE
from schemas import FrameSet
from schemas.store import Store, blob_name
from schemas.tables import arrow_schema, from_table, key_of, to_table
from schemas.versions import TableError, columns_in, completed, record_in

R = TypeVar("R")
_PUBLISHED = re.compile(r"part-\d{5}-of-(\d{5})\.parquet")
Place = TypeVar("Place", bound=Path | str)
IMAGES = "images"  # column of the frames table that carries the JPEGs
ROWS_PER_GROUP = 10_000
IMAGE_ROWS_PER_GROUP = 16  # a reader of one clip reads its group: of eight 512-pixel frames 6 MB


def write_rows(
    record: type, rows: Iterable[Any], path: Place, images: Store | None = None
) -> Place:
    """Write records, sorted by key, to one Parquet file (a path, or an address); replaces an older one
    atomically.

    ``images`` (frames only): the store whose JPEGs go into the column ``images``, a list of Hugging
    Face images. Bytes are read row group by row group, so memory stays flat.
    """
    schema = frames_schema() if images is not None else arrow_schema(record)
    ordered = iter(sorted(rows, key=key_of))
    with (
        writing(path, tell=images is not None) as file,
        pq.ParquetWriter(file, schema, compression="zstd") as writer,
    ):
        while some := list(islice(ordered, ROWS_PER_GROUP)):
            table = to_table(record, some)
            for group in [table] if images is None else _with_images(table, schema, images):
                writer.write_table(group)
    return path


def _with_images(table: pa.Table, schema: pa.Schema, images: Store) -> Iterator[pa.Table]:
    """The rows of a table with their pictures, as many at a time as make a row group."""
    field = schema.field(IMAGES)
    for start in range(0, len(table), IMAGE_ROWS_PER_GROUP):
        rows = table.slice(start, IMAGE_ROWS_PER_GROUP)
        digests = rows.column("jpeg_sha256").to_pylist()
        found = iter(_pictures(images, [sha256 for own in digests for sha256 in own]))
        frames = [list(islice(found, len(own))) for own in digests]
        columns = [*rows.columns, pa.array(frames, field.type)]
        yield pa.Table.from_arrays(columns, schema=schema)


def _pictures(store: Store, digests: Sequence[str]) -> Iterator[dict[str, Any]]:
    """All that a row group needs, asked for together: a far store answers many as fast as one."""
    names = [blob_name(sha256, ".jpg") for sha256 in digests]
    for sha256, name, data in zip(digests, names, store.get_many(names), strict=True):
        if data is None:
            raise FileNotFoundError(
                f"frame {store.path(name)} is gone; delete the run's work folder "
                "and run again to take the frames anew"
            )
        yield {"bytes": data, "path": f"{sha256}.jpg"}


def frames_schema() -> pa.Schema:
    """Schema of the frames table with images, marked so that ``datasets`` decodes them."""
    from datasets import Features, Image, List  # 0.7 s to import: only who writes images pays

    schema = arrow_schema(FrameSet)
    features = Features.from_arrow_schema(schema.remove_metadata())
    features[IMAGES] = List(Image())
    image = pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    metadata = {
        **schema.metadata,
        "huggingface": json.dumps({"info": {"features": features.to_dict()}}),
    }
    return schema.append(pa.field(IMAGES, image)).with_metadata(metadata)


def read_rows(record: type[R], paths: Iterable[Path | str]) -> Iterator[R]:
    """Records of Parquet files, in file order, batch by batch; images are not read.

    Files of older versions are read with the defaults of what they lack; raises
    :class:`~schemas.versions.TableError` for those of newer ones and for what is no such table.
    """
    for path in paths:
        with reading(path) as place, pq.ParquetFile(place) as file:
            names = columns_in(record, file.schema_arrow, path)
            for batch in file.iter_batches(batch_size=1_000, columns=names):
                yield from from_table(record, pa.Table.from_batches([batch]))


def read_columns(paths: Iterable[Path | str], columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Tuples of a few columns: for keys and counts, without building records.

    Older and newer versions as :func:`read_rows`.
    """
    for path in paths:
        for batch in read_batches(path, columns):
            yield from zip(*(batch.column(c).to_pylist() for c in columns), strict=True)


def read_batches(
    path: Path | str,
    columns: Sequence[str],
    record: type[Any] | None = None,
    *,
    rows: int = 10_000,
) -> Iterator[pa.RecordBatch]:
    """A few columns of a file, batch by batch; ``record``: that it has to hold, None for any.

    Older and newer versions as :func:`read_rows`.
    """
    with reading(path) as place, pq.ParquetFile(place) as file:
        schema = file.schema_arrow
        record = record or record_in(schema, path)
        names = columns_in(record, schema, path, columns)
        for batch in file.iter_batches(batch_size=rows, columns=names):
            yield batch if len(names) == len(columns) else completed(record, batch, columns)


def rows_in(paths: Iterable[Path | str]) -> int:
    """How many rows the files have together; only their footers are read."""
    return sum(footer(path).num_rows for path in paths)


def footer(path: Path | str) -> Any:
    """What a file says of itself, at its end."""
    with reading(path) as place:
        return pq.read_metadata(place)


def parts(folder: Path) -> list[Path]:
    """The Parquet files of a table's folder, in order.

    Raises :class:`~schemas.versions.TableError` where a published table is not all there, as in a copy
    that was interrupted: each of its files says how many there are.
    """
    files = sorted(folder.glob("*.parquet"))
    named = [said for file in files if (said := _PUBLISHED.fullmatch(file.name))]
    if named and (len(named), {said[1] for said in named}) != (int(named[0][1]), {named[0][1]}):
        raise TableError(
            f"{folder}: {len(named)} of {int(named[0][1])} files of the table are there; copy it anew"
        )
    return files


def publish(files: Sequence[Path], folder: Path, record: type) -> int:
    """Make ``files`` the table ``folder``, all at once; an empty table is one file without rows.

    Returns the number of rows. Files are hard-linked where the file system allows, else copied.
    """
    staged = folder.with_name(f".tmp-{folder.name}-{uuid.uuid4().hex}")
    staged.mkdir(parents=True)
    full = [file for file in files if rows_in([file])]
    for number, file in enumerate(full):
        part = staged / f"part-{number:05d}-of-{len(full):05d}.parquet"
        _link(file, part)
        if (beside := file.with_name(file.name + BESIDE)).is_file():
            _link(beside, part.with_name(part.name + BESIDE))
    if not full:
        write_rows(record, [], staged / "part-00000-of-00001.parquet")
    _swap(staged, folder)
    return rows_in(parts(folder))


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)


def _swap(staged: Path, folder: Path) -> None:
    """Put a finished folder where the old one was; a reader sees the old, nothing, or the new."""
    old = folder.with_name(f".tmp-old-{uuid.uuid4().hex}")
    if folder.exists():
        os.rename(folder, old)
    os.rename(staged, folder)
    shutil.rmtree(old, ignore_errors=True)
