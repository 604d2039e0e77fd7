"""The bytes of a clip, wherever it lies: on this machine, in a store, or at an https address."""

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.media.errors import MediaError, too_many_bytes
from pipeline.media.fetching import https
from pipeline.media.fetching.store_file import from_store
from pipeline.media.fetching.target import is_address
from pipeline.media.options import FramesOptions
from pipeline.media.sniff import unreadable
from schemas import Reason
from schemas.address import path_of, unnamed

_PIECE = 2**16  # bytes read at a time where a file does not say how many it has
_DESCRIPTORS = "/proc/self/fd"  # Linux
_PREFIX = "videoprefer-clip-"  # of temporary files
# FIFOs do not wait, terminals do not take over, and the last part of the path may not be a link.
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def read_clip(place: str, max_bytes: int, timeout_s: float) -> bytes:
    """All bytes of a clip.

    ``place`` is a real local path (no part of it a link), an address in a store (gs://, s3://, hf://,
    memory://) or an https address. ``max_bytes`` holds for what is read, whatever was announced.
    ``timeout_s`` bounds the reading from elsewhere.

    Raises :class:`MediaError`: NOT_FOUND, TOO_LARGE, TIMEOUT, or FETCH for what else fails on the way.
    """
    if place.startswith("https://"):
        return https.fetch(place, max_bytes, timeout_s)
    if is_address(place):
        return from_store(place, max_bytes, timeout_s)
    return _from_disk(place, max_bytes)


@contextmanager
def at_hand(place: str, options: FramesOptions) -> Iterator[str]:
    """A local path to decode the clip from: its own, or that of a copy of what lies elsewhere.

    A local ``place`` is a real path, as for :func:`read_clip`.

    The copy is gone afterwards, on Linux even if this process is killed. Raises as :func:`read_clip`.
    """
    if not is_address(place):
        os.close(_open(place))
        yield os.path.abspath(place)
        return
    data = read_clip(place, options.max_bytes, options.timeout_s)
    with unnamed(_PREFIX) as file:
        file.write(data)
        file.flush()
        del data
        yield path_of(file)


def _from_disk(path: str, max_bytes: int) -> bytes:
    with open(_open(path), "rb", buffering=0) as file:
        try:
            data = _bounded(file, max_bytes + 1)
        except OSError as error:
            raise unreadable(path, error) from error
    if not data:
        raise MediaError(Reason.UNDECODABLE, f"{path}: the file is empty; fetch it again")
    if len(data) > max_bytes:
        raise too_many_bytes(path, max_bytes)
    return data


def _bounded(file: io.FileIO, most: int) -> bytes:
    """What there is, ``most`` bytes at most. The size that the file states is only where it begins:
    that much memory is asked for at a time."""
    size = max(os.fstat(file.fileno()).st_size + 1, _PIECE)
    pieces: list[bytes] = []
    while most and (piece := file.read(min(size, most))):
        pieces.append(piece)
        most -= len(piece)
    return b"".join(pieces)


def _open(path: str) -> int:
    """A descriptor of a regular file that no link leads to."""
    try:
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise unreadable(path, error) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise MediaError(Reason.NOT_FOUND, f"{path}: not a regular file; name a video file")
        _refuse_detour(path, descriptor)
    except MediaError:
        os.close(descriptor)
        raise
    return descriptor


def _refuse_detour(path: str, descriptor: int) -> None:
    """Links were resolved when the clip was listed: one that is met now was put there since."""
    if not os.path.isdir(_DESCRIPTORS):
        return
    real = os.readlink(f"{_DESCRIPTORS}/{descriptor}")
    if real != os.path.abspath(path):
        raise MediaError(
            Reason.NOT_FOUND,
            f"{path}: leads to {real} by a link, which it did not when it was listed; put the file "
            "itself there",
        )
