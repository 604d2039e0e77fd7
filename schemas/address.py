"""Files that lie in a store, for code that reads files: a path that is called by its address."""

import errno
import functools
import os
import re
import tempfile
from pathlib import Path
from typing import IO

from schemas.far import STORES, asked, opened
from schemas.options import SetupError

# two slashes, or the one that a plain Path leaves of them
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/{1,2}(?!/)")
_DESCRIPTORS = "/proc/self/fd"  # Linux
_PREFIX = "videoprefer-table-"
_HELD = 32  # copies that a process keeps


class Address(type(Path())):  # type: ignore[misc]
    """``gs://bucket/scores.csv`` and the like. Read only, and a file, never a folder.

    As text it is the address. Whatever opens it (``open``, gzip, pyarrow) gets a copy on this machine,
    made anew when the object changed, and gone with this process, on Linux even if it is killed.
    Opening raises ``FileNotFoundError``, or ``schemas.far.StoreError`` saying what to do.
    """

    def __str__(self) -> str:
        return _ADDRESS.sub(r"\1://", super().__str__(), count=1)

    def __fspath__(self) -> str:
        address = str(self)
        try:
            return path_of(_copy(address, _stamp(address)))
        except (FileNotFoundError, IsADirectoryError) as error:  # a store's own has no number
            raise FileNotFoundError(errno.ENOENT, "no such file", address) from error


def place_of(path: str | Path) -> Path:
    """The path of a file, an :class:`Address` where it lies in a store.

    Raises :class:`SetupError` for ``::``, which fsspec takes for a chain of addresses.
    """
    found = _ADDRESS.match(str(path))
    if found is None or found[1] not in STORES:
        return Path(path)
    if "::" in str(path):
        raise SetupError(f"{path}: holds '::', which stores take for a chain of addresses")
    return Address(str(path))


def _stamp(address: str) -> str:
    """What changes when the object does."""
    fs, path = opened(address)
    facts = asked(address, "cannot be looked up", lambda: fs.info(path))
    if facts["type"] != "file":
        raise IsADirectoryError(address)
    named = ("size", "ETag", "etag", "generation", "md5Hash", "LastModified", "mtime", "created")
    return repr([facts.get(name) for name in named])


@functools.lru_cache(maxsize=_HELD)
def _copy(address: str, stamp: str) -> IO[bytes]:
    """All bytes, in a file for this user alone; one without a name where it can be opened without."""
    fs, path = opened(address)
    file = unnamed(_PREFIX)
    asked(address, "cannot be read", lambda: fs.get_file(path, path_of(file)))
    return file


def unnamed(prefix: str) -> IO[bytes]:
    """A temporary file for this user alone; without a name where it can be opened without one."""
    if os.path.isdir(_DESCRIPTORS):
        return tempfile.TemporaryFile(prefix=prefix)
    return tempfile.NamedTemporaryFile(prefix=prefix)


def path_of(file: IO[bytes]) -> str:
    """With this process's number where it has no name: programs that it starts can open it, too."""
    if isinstance(file.name, str):
        return file.name
    return f"/proc/{os.getpid()}/fd/{file.fileno()}"
