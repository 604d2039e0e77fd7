"""Parquet files that lie elsewhere: read where they lie, written here and put there whole."""

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.dataset.elsewhere import BESIDE, told
from pipeline.media.fetching.target import is_address
from schemas import far

READ_BYTES = 2**20  # asked for at least, at a time: a request takes longer than a megabyte


@contextmanager
def reading(path: Path | str) -> Iterator[Any]:
    """What pyarrow reads a file from: its path, or an open file where ``path`` is an address."""
    if isinstance(path, Path) or not is_address(path):
        yield path
        return
    fs, there = far.opened(path)
    fs.invalidate_cache(there)  # a listing of long ago says nothing about now
    with fs.open(there, "rb", cache_type="readahead", block_size=READ_BYTES) as file:
        yield file


@contextmanager
def writing(path: Path | str, *, tell: bool = False) -> Iterator[Path]:
    """A local file to write. When the block ends it is at ``path``, all of it, in place of an older one;
    nothing is there where the block raises. ``tell``: what it is like goes beside it at an address, for
    those who will not read all of it."""
    if isinstance(path, str) and is_address(path):
        with tempfile.TemporaryDirectory(prefix="videoprefer-") as folder:
            yield (local := Path(folder) / "part.parquet")
            fs, there = far.opened(path)
            # an object store shows an object when all of it is there
            far.asked(path, "cannot be written", lambda: fs.put_file(str(local), there))
            if tell:
                said = told(local)
                far.asked(path, "cannot be written", lambda: fs.pipe_file(there + BESIDE, said))
        return
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp-{uuid.uuid4().hex}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def below(folder: Path | str, name: str) -> str:
    """The path or address of a name below a folder."""
    return f"{str(folder).rstrip('/')}/{name}"


def place_of(folder: Path | str, name: str) -> Path | str:
    """The same, a path as such."""
    return below(folder, name) if is_address(str(folder)) else Path(folder) / name
