"""Whole files between a working copy and an address."""

import contextlib
import posixpath
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.dataset.afar import reading, writing
from pipeline.dataset.parquet import IMAGES
from schemas import far

T = TypeVar("T")
PICTURES = "frames"  # the table that carries them
AT_ONCE = 16  # requests: each waits for the store most of its time


class Far:
    """The files below an address. What a store does not do the first time is asked again for a minute;
    raises :class:`~schemas.far.StoreError` for what stays."""

    def __init__(self, home: str) -> None:
        self.home = home

    @property
    def _fs(self) -> Any:
        return far.opened(self.home)[0]  # fsspec keeps the instance

    def _path(self, name: str) -> str:
        return far.opened(f"{self.home}/{name}")[1]

    def names(self, folder: str) -> list[str]:
        """Every file below a folder, relative to the address, sorted."""
        fs, root = self._fs, self._path("").rstrip("/")

        def find() -> list[str]:
            fs.invalidate_cache()
            return list(fs.find(self._path(folder)))

        found = self._asked(folder, "cannot be listed", find)
        return sorted(path[len(root) + 1 :] for path in found)

    def put(self, file: Path, name: str) -> None:
        """Put a local file there, all at once, in place of an older one."""
        path = self._path(name)
        self._asked(name, "cannot be written", lambda: self._fs.put_file(str(file), path))

    def get(self, name: str, file: Path) -> None:
        """Bring a file here, whole or not at all; a table of frames without the bytes of its pictures."""

        def bring() -> None:
            with writing(file) as temporary:
                if name.endswith(".parquet") and f"/{PICTURES}/" in name:
                    _without_bytes(f"{self.home}/{name}", temporary)
                else:
                    self._fs.get_file(self._path(name), str(temporary))

        self._asked(name, "cannot be read", bring)

    def text(self, name: str) -> str | None:
        """What a small file says; None where there is none."""
        path = self._path(name)
        try:
            data: bytes = self._asked(name, "cannot be read", lambda: self._fs.cat_file(path))
        except FileNotFoundError:
            return None
        return data.decode()

    def write(self, name: str, text: str) -> None:
        """A small file, in place of an older one."""
        path, data = self._path(name), text.encode()
        self._asked(name, "cannot be written", lambda: self._fs.pipe_file(path, data))

    def copy(self, name: str, to: str) -> None:
        """One file there under another name as well; it does not come by here."""
        one, other = self._path(name), self._path(to)
        self._asked(to, "cannot be written", lambda: self._fs.cp_file(one, other))

    def delete(self, names: Iterable[str]) -> None:
        """Remove files; those that are gone already are no fault."""
        self.each(self._delete, names)

    def _delete(self, name: str) -> None:
        path = self._path(name)
        with contextlib.suppress(FileNotFoundError):
            self._asked(name, "cannot be deleted", lambda: self._fs.rm_file(path))

    def each(self, what: Any, *columns: Iterable[Any]) -> None:
        """Call one of the above for many files, several at a time; the first error ends it."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for _ in pool.map(what, *columns):
                pass

    def _asked(self, name: str, what: str, ask: Callable[[], T]) -> T:
        return far.asked(f"{self.home}/{name}", what, ask)


def _without_bytes(address: str, target: Path) -> None:
    """The same table, each picture with its name alone: gigabytes stay where they are."""
    with reading(address) as place, pq.ParquetFile(place) as file:
        schema = file.schema_arrow
        names = [name for name in schema.names if name != IMAGES]
        with pq.ParquetWriter(target, schema, compression="zstd") as writer:
            for batch in file.iter_batches(columns=names):
                table = pa.Table.from_batches([batch])
                if IMAGES in schema.names:
                    table = table.append_column(schema.field(IMAGES), _named(batch, schema))
                writer.write_table(table.cast(schema))


def _named(batch: pa.RecordBatch, schema: pa.Schema) -> pa.Array:
    digests = batch.column("jpeg_sha256").to_pylist()
    named = [[{"bytes": None, "path": f"{digest}.jpg"} for digest in own] for own in digests]
    return pa.array(named, schema.field(IMAGES).type)


def below(root: Path) -> Iterator[tuple[str, Path]]:
    """Every finished file below a local folder, with its name relative to the folder."""
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_file() and not any(part.startswith(".tmp-") for part in name.split("/")):
            yield name, path


def inside(name: str, folders: Iterable[str]) -> bool:
    """Whether a name lies in one of some folders."""
    return any(posixpath.commonpath([name, folder]) == folder for folder in folders)
