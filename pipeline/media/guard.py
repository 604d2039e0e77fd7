"""What a child process that decodes may take: memory, and no longer life than its parent."""

import ctypes
import errno
import logging
import resource
import signal
import sys

from pipeline.media.errors import MediaError
from pipeline.media.options import FramesOptions
from schemas import Reason

LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
# Loaded now: between fork and exec nothing may be imported, another thread may hold the import lock.
_LIBC = ctypes.CDLL(None, use_errno=True) if LINUX else None
_FILES = 2**30  # bytes that one file written by a child may have; its JPEGs are a thousandth of it


def limit_child(options: FramesOptions) -> None:
    """Bound what this process may take from now on; for a child process, once, before it decodes.

    Address space: what the process holds now and ``options.max_memory_bytes`` more, its own child
    processes (the ffmpeg program) included, each for itself; no core files; no file written beyond 1
    GiB, or ``max_bytes`` if that is more. The process ends when its parent does. Only Linux counts
    address space so that it can be limited: elsewhere memory is not, and a warning says so.
    """
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, max(_FILES, options.max_bytes))
    die_with_parent()
    if LINUX:
        _limit(resource.RLIMIT_AS, _address_space() + options.max_memory_bytes)
    else:
        logging.getLogger(__name__).warning(
            "frames.max_memory_bytes is not enforced on %s: memory can be limited on Linux only",
            sys.platform,
        )


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends (Linux; else nothing).

    Fit for ``subprocess``'s ``preexec_fn``: it calls the C library and imports nothing.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def unless_memory(error: Exception) -> None:
    """Raise ``MemoryError`` if that is what happened, to Python or to FFmpeg (its ENOMEM)."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        raise MemoryError from error


def out_of_memory(path: str, options: FramesOptions) -> MediaError:
    """The clip needs more memory than it may have, or a damaged part of it claims to."""
    return MediaError(
        Reason.TOO_LARGE,
        f"{path}: needs more memory than frames.max_memory_bytes = "
        f"{options.max_memory_bytes}; raise it, or scale the clip down or encode it again",
    )


def check_streams(path: str, n: int, options: FramesOptions) -> None:
    """Refuse a file with more streams than ``options.max_streams``, each of which costs memory."""
    if n > options.max_streams:
        raise MediaError(
            Reason.TOO_LARGE,
            f"{path}: {n} streams, and frames.max_streams is {options.max_streams}; raise it or "
            "copy the picture alone into a new file",
        )


def _limit(what: int, most: int) -> None:
    """Lower the soft limit to ``most``, or to the hard limit if that is lower already."""
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(what, (most, hard))


def _address_space() -> int:
    """Bytes of address space that this process holds: proc(5), first number of statm, in pages."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[0]) * resource.getpagesize()
