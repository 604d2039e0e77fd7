"""One small store over fsspec: get, put if absent, list. Local folders, gs://, s3://, memory://."""

import os
import uuid
from collections.abc import Iterator

import fsspec
from fsspec.implementations.local import LocalFileSystem


class Store:
    """Bytes under names below one root folder or URL. Cheap to pickle: it holds only the root.

    Writing is put-if-absent and atomic: a name is either absent or holds all of its bytes, also after
    a kill at any moment. On a local disk that is a temporary file, fsync where asked for, and a link
    that fails if the name exists; elsewhere the object store's own conditional put.
    """

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")

    def __repr__(self) -> str:
        return f"Store({self.root!r})"

    def __getstate__(self) -> str:
        return self.root

    def __setstate__(self, root: str) -> None:
        self.root = root

    def _open(self) -> tuple[fsspec.AbstractFileSystem, str]:
        fs, path = fsspec.core.url_to_fs(self.root)  # fsspec caches the instance
        return fs, path.rstrip("/")

    def path(self, name: str) -> str:
        """The full path or URL of a name."""
        return f"{self.root}/{name}"

    def get(self, name: str) -> bytes | None:
        """The bytes of a name, None if absent."""
        fs, root = self._open()
        try:
            return fs.cat_file(f"{root}/{name}")
        except FileNotFoundError:
            return None

    def exists(self, name: str) -> bool:
        """Whether a name holds bytes."""
        fs, root = self._open()
        return fs.isfile(f"{root}/{name}")

    def put(self, name: str, data: bytes, *, durable: bool = False) -> bool:
        """Write unless the name exists; True if written. ``durable``: on disk before it returns."""
        fs, root = self._open()
        if isinstance(fs, LocalFileSystem):
            return _put_local(f"{root}/{name}", data, durable)
        try:
            fs.pipe_file(f"{root}/{name}", data, mode="create")
        except FileExistsError:
            return False
        return True

    def names(self, folder: str = "") -> Iterator[str]:
        """Every name below a folder, sorted."""
        fs, root = self._open()
        base = f"{root}/{folder}".rstrip("/")
        if not fs.isdir(base):
            return
        for path in sorted(fs.find(base)):
            name = path[len(root) + 1 :]
            if not name.rsplit("/", 1)[-1].startswith(".tmp-"):
                yield name


def _put_local(path: str, data: bytes, durable: bool) -> bool:
    if os.path.exists(path):
        return False
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    temporary = f"{folder}/.tmp-{uuid.uuid4().hex}"
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.link(temporary, path)  # unlike rename, fails if another writer was first
        if durable:
            _sync_folder(folder)
    except FileExistsError:
        return False
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
    return True


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def blob_name(sha256: str, suffix: str) -> str:
    """Name of content-addressed bytes: ``ab/abcdef...jpg``."""
    return f"{sha256[:2]}/{sha256}{suffix}"
