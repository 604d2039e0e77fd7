"""The clips of a corpus out of the JPEGs of its folders: all in memory, or decoded as they are read."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from pipeline.videorm.data.clips import Clips, HeldClips
from pipeline.videorm.data.decode import decode_frame, pick, stack_clip
from pipeline.videorm.data.frame_index import index_frames
from pipeline.videorm.data.places import Places, forget_row_groups
from pipeline.videorm.options import Fit
from schemas.options import SetupError

__all__ = [
    "StreamedClips",
    "clips_of",
    "content_keys",
    "decode_frame",
    "hold",
    "jpegs_of_clips",
    "pick",
    "stack_clip",
]

CHUNK = 256  # clips whose frames are decoded together into the array that is held


def jpegs_of_clips(
    folders: Sequence[Path], video_ids: Sequence[str]
) -> Iterator[tuple[str, list[bytes]]]:
    """All JPEGs of each of the named clips, each clip once, in the order they lie on disk.

    Memory holds a row group or two. Raises SetupError for a clip or a JPEG that is not there.
    """
    places = index_frames(folders).places(sorted(set(video_ids)))
    for clip in places.order.tolist():
        yield places.video_ids[clip], places.jpegs(clip, store_first=False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class StreamedClips:
    """Pixels decoded anew whenever they are read; the same as those of :class:`HeldClips`.

    Holds names and numbers, so it is cheap to pickle. Clips that lie in a frame store are read file
    by file, the others row group by row group of their table: there clips read in the order of the
    table cost nothing more than themselves, but one read alone costs its whole row group. Eight
    frames of 512 x 288 pixels take 14 ms to decode and a row group of a hundred such clips 32 ms and
    27 MB to read, one of sixteen 7 ms (measured, one core): to train from pixels in random order,
    keep the frame store beside the tables.
    """

    video_ids: tuple[str, ...]
    keys: tuple[str, ...]
    places: Places
    source: NDArray[np.int64]  # (n,) position in ``places``
    damage: tuple[str, ...]  # of each row: a name in DAMAGES, or empty
    frames: int  # T
    image_size: int
    fit: Fit
    workers: int  # threads that decode
    store_first: bool = True  # frame stores before the images of tables

    @property
    def depth(self) -> int | None:
        """Pixels."""
        return None

    def in_order(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The same rows as they lie on disk: the order in which all of them are read fastest."""
        return rows[np.lexsort([key[self.source[rows]] for key in _disk_order(self.places)])]

    def read(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """uint8 (B, T, 3, S, S) and bool (B, T). Raises SetupError for a JPEG that is absent or no
        picture, with its clip and number."""
        wanted, place = np.unique(self.source[rows], return_inverse=True)
        order = np.lexsort([key[wanted] for key in _disk_order(self.places)])
        decoded = np.zeros(
            (len(wanted), self.frames, 3, self.image_size, self.image_size), np.uint8
        )

        def decode(i: int) -> None:
            self._decode(int(wanted[i]), decoded[i])

        # threads, not processes: Pillow decodes without the interpreter lock
        with ThreadPoolExecutor(self.workers) as pool:
            list(pool.map(decode, order.tolist()))
        pixels = decoded[place]
        counts = (self.places.digests[self.source[rows]] != b"").sum(axis=1)
        for i, row in enumerate(rows.tolist()):
            if self.damage[row]:
                n = int(counts[i])
                pixels[i, :n] = _damaged(pixels[i, :n], self.damage[row], self.keys[row])
        valid = np.arange(self.frames) < counts[:, None]
        return torch.from_numpy(pixels), torch.from_numpy(valid)

    def _decode(self, clip: int, into: NDArray[np.uint8]) -> None:
        for t, jpeg in enumerate(self.places.jpegs(clip, self.store_first)):
            try:
                into[t] = decode_frame(jpeg, self.image_size, self.fit)
            except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
                raise SetupError(
                    f"{self.places.where(clip, t)}: is no picture that can be decoded ({error}); "
                    "copy the folder anew, or leave the clip out and run the pipeline again"
                ) from error


def _disk_order(places: Places) -> tuple[NDArray[np.int64], ...]:
    return places.row, places.group, places.file


def _damaged(frames: NDArray[np.uint8], name: str, key: str) -> NDArray[np.uint8]:
    """(n, 3, S, S) both ways; every clip its own draw, the same in every run."""
    from pipeline.videorm.data.damage import DAMAGES

    change: Callable[[NDArray[np.uint8], int], NDArray[np.uint8]] = DAMAGES[name]
    shown = np.ascontiguousarray(frames.transpose(0, 2, 3, 1))
    return change(shown, int(key[:8], 16)).transpose(0, 3, 1, 2)


def content_keys(places: Places) -> tuple[str, ...]:
    """64 hex digits over each clip's frames, in their order: the SHA-256 of their SHA-256s."""
    return tuple(
        hashlib.sha256(b"".join(bytes.fromhex(d.decode()) for d in row if d)).hexdigest()
        for row in places.digests
    )


def hold(clips: StreamedClips, threads: int) -> HeldClips:
    """All of the clips decoded, in the order in which they lie on disk."""
    clips = dataclasses.replace(clips, store_first=False, workers=threads)
    size, n = clips.image_size, len(clips.video_ids)
    frames = np.zeros((n, clips.frames, 3, size, size), np.uint8)
    valid = np.zeros((n, clips.frames), np.bool_)
    order = np.lexsort([key[clips.source] for key in _disk_order(clips.places)])
    for start in range(0, n, CHUNK):
        rows = order[start : start + CHUNK]
        pixels, there = clips.read(rows)
        frames[rows], valid[rows] = pixels.numpy(), there.numpy()
    forget_row_groups()
    return HeldClips(video_ids=clips.video_ids, keys=clips.keys, frames=frames, valid=valid)


def clips_of(
    places: Places,
    copies: Sequence[tuple[str, str]],
    *,
    image_size: int,
    fit: Fit,
    memory_gb: float,
    workers: int,
    threads: int,
) -> Clips:
    """Clips of the places and, behind them, ``copies``: (video_id, name in DAMAGES) of some of them.

    Held where they take at most ``memory_gb`` (of 1e9 bytes), else streamed by ``workers`` threads.
    """
    row_of = {v: row for row, v in enumerate(places.video_ids)}
    keys = content_keys(places)
    of_copies = [hashlib.sha256(f"{keys[row_of[v]]}#{d}".encode()).hexdigest() for v, d in copies]
    clips = StreamedClips(
        video_ids=(*places.video_ids, *(f"{v}#{d}" for v, d in copies)),
        keys=(*keys, *of_copies),
        places=places,
        source=np.array([*range(len(row_of)), *(row_of[v] for v, _ in copies)], np.int64),
        damage=("",) * len(row_of) + tuple(d for _, d in copies),
        frames=places.digests.shape[1],
        image_size=image_size,
        fit=fit,
        workers=workers,
    )
    n_bytes = len(clips.video_ids) * clips.frames * 3 * image_size**2
    return hold(clips, threads) if n_bytes <= memory_gb * 1e9 else clips
