"""A few rows of numbers that every process of a machine shares: a mapped file under a lock.

What limits apply to (requests in flight, money spent) belongs to an account, not to a process, and an
engine may start several processes on one machine. A mapped file survives ``kill -9`` of them all, and
an update costs microseconds, so it can be made for every request.
"""

import fcntl
import mmap
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np


def cores() -> int:
    """Of the machine on which it is called, as far as this process may use them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def started(pid: int) -> int | None:
    """When a process started, in ticks of this boot; None: it is dead; 0: cannot be told here."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None if Path("/proc/self/stat").exists() else _signalled(pid)
    fields = stat[stat.rindex(")") + 2 :].split()  # the name before may hold blanks and brackets
    return None if fields[0] in "ZX" else int(fields[19])  # proc(5): fields 3 and 22


def _signalled(pid: int) -> int | None:
    """The same where there is no /proc: whether a signal would reach it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass  # another user's
    return 0


class SharedRows:
    """A structured array in a file, all zeros at first. Pickles by path."""

    def __init__(self, path: Path, dtype: np.dtype, n_rows: int) -> None:
        self.path, self._dtype, self._n_rows = path, dtype, n_rows
        self._lock = threading.Lock()  # a file lock does not keep threads of one process apart
        path.parent.mkdir(parents=True, exist_ok=True)
        size = dtype.itemsize * n_rows
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            if os.fstat(self._file).st_size not in (0, size):
                raise ValueError(
                    f"{path}: not a file of this version of the program; delete it while nothing runs"
                )
            os.ftruncate(self._file, size)
            if hasattr(
                os, "posix_fallocate"
            ):  # a hole filled on a full disk would kill the process
                os.posix_fallocate(self._file, 0, size)
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self._rows = np.frombuffer(mmap.mmap(self._file, size), dtype=dtype)

    @contextmanager
    def locked(self) -> Iterator[np.ndarray]:
        """The rows, this process's alone while the block runs. Keep the block short."""
        with self._lock:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                yield self._rows
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def __del__(self) -> None:
        with suppress(AttributeError, OSError):  # opening it failed, or the interpreter ends
            os.close(self._file)  # the mapping holds a descriptor of its own

    def __reduce__(self) -> tuple[object, ...]:
        return SharedRows, (self.path, self._dtype, self._n_rows)


def own_folder() -> Path:
    """A folder below the temporary one that is this user's own, and can be written.

    Raises RuntimeError where there is none to be had.
    """
    try:
        folder = Path(tempfile.gettempdir()) / f"videoprefer-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            raise RuntimeError(
                f"{folder} belongs to somebody else; set TMPDIR to a folder of your own"
            )
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise RuntimeError(
            f"no folder for what all processes must know: {error}; set TMPDIR to a folder of your own"
        ) from error
    return folder
