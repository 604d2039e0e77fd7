"""One small store over fsspec: get, put if absent, list, delete. Local folders, gs://, s3://, memory://."""

import functools
import os
import stat
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, BinaryIO, TypeVar

from fsspec.implementations.local import LocalFileSystem

from schemas.far import CONDITIONAL, StoreError, asked, each, opened, read_whole, told, write_new
from schemas.options import SetupError

T = TypeVar("T")

TEMPORARY = ".tmp-"


class Store:
    """Bytes under names below one root folder or URL. Cheap to pickle: it holds only the root.

    Writing is put-if-absent and atomic: a name is either absent or holds all of its bytes, also after
    a kill at any moment. On a local disk that is a temporary file, fsync where asked for, and a link
    that fails if the name exists; elsewhere the object store's own conditional put, and a scheme that
    has none is refused. A local disk is used directly: fsspec costs more processor time than the disk.

    An object store is asked again for a minute after errors that may pass; :class:`StoreError` says
    what stays. Nothing is cached: a listing is of now.
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
            return self._ask(name, "cannot be read", lambda: read_whole(fs, f"{root}/{name}"))
        except FileNotFoundError:
            return None

    def get_many(self, names: Iterable[str]) -> list[bytes | None]:
        """As :meth:`get` for each; from an object store many at a time."""
        return [self.get(n) for n in names] if self.local is not None else each(self.get, names)

    def open(self, name: str) -> BinaryIO:
        """The bytes of a name, to be read in parts. Raises ``FileNotFoundError`` if absent."""
        if self.local is not None:
            return open(f"{self.local}/{name}", "rb")
        fs, root = self._open()
        return self._ask(
            name,
            "cannot be opened",
            lambda: fs.open(
                f"{root}/{name}", "rb", cache_type="none"
            ),  # readers know what they want
        )

    def exists(self, name: str) -> bool:
        """Whether a name holds bytes."""
        if self.local is not None:
            try:
                return stat.S_ISREG(os.stat(f"{self.local}/{name}").st_mode)
            except (FileNotFoundError, NotADirectoryError):
                return False
        fs, root = self._open()
        return self._ask(name, "cannot be looked up", lambda: _is_file(fs, f"{root}/{name}"))

    def put(self, name: str, data: bytes, *, durable: bool = False) -> bool:
        """Write unless the name exists; True if written. ``durable``: on disk before it returns.

        Of several writers one gets True, and its bytes stand. None does where the answer to the one
        that wrote was lost on the way and it had to ask again: who must know reads what stands there.
        """
        if self.local is not None:
            return _put_local(f"{self.local}/{name}", data, durable)
        self._check_scheme()
        fs, root = self._open()
        try:
            self._ask(
                name,
                "cannot be written",
                lambda: write_new(fs, f"{root}/{name}", data),
            )
        except FileExistsError:
            return False
        except FileNotFoundError as error:
            raise told(self.path(name), "cannot be written", error) from error
        return True

    def put_many(self, data: Mapping[str, bytes], *, durable: bool = False) -> None:
        """As :meth:`put` for each; into an object store many at a time."""

        def put(name: str) -> bool:
            return self.put(name, data[name], durable=durable)

        if self.local is None:
            each(put, data)
        else:
            for name in data:
                put(name)

    def delete(self, name: str) -> None:
        """Remove a name; nothing happens if it is absent. Only for what stands elsewhere as well."""
        try:
            if self.local is not None:
                os.unlink(f"{self.local}/{name}")
            else:
                fs, root = self._open()
                self._ask(name, "cannot be deleted", lambda: fs.rm_file(f"{root}/{name}"))
        except FileNotFoundError:
            pass

    def names(self, folder: str = "") -> Iterator[str]:
        """Every name below a folder, sorted; what was there when the call began and still is."""
        names = _names_local(self.local, folder) if self.local is not None else self._listed(folder)
        for name in sorted(names):
            if not name.rsplit("/", 1)[-1].startswith(TEMPORARY):
                yield name

    def check(self) -> None:
        """Raise :class:`SetupError` unless names can be listed, read and written here.

        For before work: writes a name, writes it once more (which must be refused), deletes it.
        """
        name = f"{TEMPORARY}{uuid.uuid4().hex}"
        try:
            next(self.names(), None)
            twice = self.put(name, b"1") and self.put(name, b"2")
            self.delete(name)
        except OSError as error:
            raise SetupError(_unusable(self.root, error)) from error
        # the one emulator of Google's that is at hand takes every put, and is for tests alone
        if twice and "STORAGE_EMULATOR_HOST" not in os.environ:
            raise SetupError(
                f"{self.root}: overwrites a name that is there though asked not to, so workers could "
                "overwrite each other's paid replies; name a store with conditional writes"
            )

    def _listed(self, folder: str) -> list[str]:
        fs, root = self._open()
        below = f"{root}/{folder}".rstrip("/")

        def find() -> list[str]:
            fs.invalidate_cache()  # of a file system whose listings are cached all the same
            found = fs.find(below)
            if not found and self._scheme != "memory":
                fs.ls(root.partition("/")[0])  # a bucket that is not there is not an empty one
            return [path[len(root) + 1 :] for path in found]

        try:
            return self._ask(folder, "cannot be listed", find)
        except FileNotFoundError as error:
            raise told(self.path(folder), "cannot be listed", error) from error

    def _ask(self, name: str, what: str, ask: Callable[[], T]) -> T:
        return asked(self.path(name), what, ask)

    @property
    def _scheme(self) -> str:
        return self.root.partition("://")[0]

    def _check_scheme(self) -> None:
        if self._scheme not in CONDITIONAL:
            raise StoreError(
                f"{self.root}: two writers of one name could overwrite each other in a store of "
                f"{self._scheme}://; write to a local folder, gs:// or s3://"
            )

    def _open(self) -> tuple[Any, str]:
        try:
            return opened(self.root)
        except ImportError as error:
            raise told(self.root, "cannot be opened", error) from error


def _is_file(fs: Any, path: str) -> bool:
    """As fsspec's ``isfile``, which takes every error for an answer."""
    try:
        return fs.info(path)["type"] == "file"
    except FileNotFoundError:
        return False


def _unusable(root: str, error: OSError) -> str:
    return str(error) if isinstance(error, StoreError) else f"{root}: cannot be used: {error}"


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
