"""One small store over fsspec: get, put if absent, list, delete. Local folders, gs://, s3://, memory://."""

import functools
import os
import stat
import uuid
from collections.abc import Iterator
from typing import Any, BinaryIO

import fsspec
from fsspec.implementations.local import LocalFileSystem

TEMPORARY = ".tmp-"


class Store:
    """Bytes under names below one root folder or URL. Cheap to pickle: it holds only the root.

    Writing is put-if-absent and atomic: a name is either absent or holds all of its bytes, also after
    a kill at any moment. On a local disk that is a temporary file, fsync where asked for, and a link
    that fails if the name exists; elsewhere the object store's own conditional put. A local disk is
    used directly: fsspec costs more processor time than the disk does.
    """

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")

    def __repr__(self) -> str:
        return f"Store({self.root!r})"

    def __getstate__(self) -> str:
        return self.root

    def __setstate__(self, root: str) -> None:
        self.root = root

    @functools.cached_property
    def local(self) -> str | None:
        """The folder on a local disk, None where the store lies elsewhere."""
        fs, root = self._open()
        return root if isinstance(fs, LocalFileSystem) else None

    def path(self, name: str) -> str:
        """The full path or URL of a name."""
        return f"{self.root}/{name}"

    def get(self, name: str) -> bytes | None:
        """The bytes of a name, None if absent."""
        try:
            if self.local is not None:
                with open(f"{self.local}/{name}", "rb", buffering=0) as file:
                    return file.read()
            fs, root = self._open()
            return fs.cat_file(f"{root}/{name}")
        except FileNotFoundError:
            return None

    def open(self, name: str) -> BinaryIO:
        """The bytes of a name, to be read in parts. Raises ``FileNotFoundError`` if absent."""
        if self.local is not None:
            return open(f"{self.local}/{name}", "rb")
        fs, root = self._open()
        return fs.open(f"{root}/{name}", "rb", cache_type="none")  # its readers know what they want

    def exists(self, name: str) -> bool:
        """Whether a name holds bytes."""
        if self.local is not None:
            try:
                return stat.S_ISREG(os.stat(f"{self.local}/{name}").st_mode)
            except (FileNotFoundError, NotADirectoryError):
                return False
        fs, root = self._open()
        fs.invalidate_cache()  # a listing of long ago says nothing about now
        return fs.isfile(f"{root}/{name}")

    def put(self, name: str, data: bytes, *, durable: bool = False) -> bool:
        """Write unless the name exists; True if written. ``durable``: on disk before it returns."""
        if self.local is not None:
            return _put_local(f"{self.local}/{name}", data, durable)
        fs, root = self._open()
        try:
            fs.pipe_file(f"{root}/{name}", data, mode="create")
        except FileExistsError:
            return False
        return True

    def delete(self, name: str) -> None:
        """Remove a name; nothing happens if it is absent. Only for what stands elsewhere as well."""
        try:
            if self.local is not None:
                os.unlink(f"{self.local}/{name}")
            else:
                fs, root = self._open()
                fs.rm_file(f"{root}/{name}")
        except FileNotFoundError:
            pass

    def names(self, folder: str = "") -> Iterator[str]:
        """Every name below a folder, sorted; what was there when the call began and still is."""
        if self.local is not None:
            names = _names_local(self.local, folder)
        else:
            fs, root = self._open()
            fs.invalidate_cache()
            names = [p[len(root) + 1 :] for p in fs.find(f"{root}/{folder}".rstrip("/"))]
        for name in sorted(names):
            if not name.rsplit("/", 1)[-1].startswith(TEMPORARY):
                yield name

    def _open(self) -> tuple[Any, str]:
        fs, path = fsspec.core.url_to_fs(self.root)  # fsspec caches the instance
        return fs, path.rstrip("/")


def _names_local(root: str, folder: str) -> list[str]:
    base = f"{root}/{folder}".rstrip("/")
    return [
        f"{at}/{file}"[len(root) + 1 :]
        for at, _, files in os.walk(base, followlinks=True, onerror=_unless_absent)
        for file in files
    ]


def _unless_absent(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error  # a folder that may not be read is not an empty one


def _put_local(path: str, data: bytes, durable: bool) -> bool:
    if os.path.exists(path):
        return False
    folder = os.path.dirname(path)
    temporary = f"{folder}/{TEMPORARY}{uuid.uuid4().hex}"
    try:
        _write(temporary, data, durable)
    except FileNotFoundError:
        _make_folder(folder, durable)
        _write(temporary, data, durable)
    try:
        os.link(temporary, path)  # unlike rename, fails if another writer was first
    except FileExistsError:
        return False
    finally:
        os.unlink(temporary)
    if durable:
        _sync_folder(folder)
    return True


def _write(path: str, data: bytes, durable: bool) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(descriptor, left) :]
        if durable:
            os.fsync(descriptor)
    except BaseException:
        os.unlink(path)
        raise
    finally:
        os.close(descriptor)


def _make_folder(folder: str, durable: bool) -> None:
    """A new folder is durable when the one that holds it is: all that are made, outermost first."""
    parent = os.path.dirname(folder)
    if parent and not os.path.isdir(parent):
        _make_folder(parent, durable)
    os.makedirs(folder, exist_ok=True)
    if durable:
        _sync_folder(parent or ".")


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def blob_name(sha256: str, suffix: str) -> str:
    """Name of content-addressed bytes: ``ab/abcdef...jpg``."""
    return f"{sha256[:2]}/{sha256}{suffix}"
