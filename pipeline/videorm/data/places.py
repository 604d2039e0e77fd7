"""Where the JPEGs of clips lie, without holding them: rows of frames tables, blobs of frame stores."""

import dataclasses
import functools
import hashlib
import os
import threading

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from schemas.options import SetupError
from schemas.store import Store, blob_name

IMAGES = "images"  # the column of a frames table that carries the JPEGs
Ints = NDArray[np.int64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the JPEGs of each of n clips lie. Cheap to pickle: names and numbers.

    A clip lies in a row of a frames table that carries images, in the frame store beside the
    table, or in both; ``group`` is -1 where its table carries none.
    """

    video_ids: tuple[str, ...]
    digests: NDArray[np.bytes_]  # (n, T) SHA-256 of each JPEG, 64 hex digits; empty beyond the last
    files: tuple[str, ...]  # of the frames tables
    stores: tuple[str, ...]  # the frame store beside each file
    file: Ints  # (n,) position in ``files``
    group: Ints  # (n,) row group
    row: Ints  # (n,) within the row group

    @property
    def counts(self) -> Ints:
        """(n,) JPEGs of each clip."""
        return (self.digests != b"").sum(axis=1)

    @property
    def order(self) -> Ints:
        """The clips as they follow one another on disk."""
        return np.lexsort((self.row, self.group, self.file))

    def jpegs(self, clip: int, store_first: bool) -> list[bytes]:
        """The JPEGs of one clip, each with the SHA-256 its table names. Raises SetupError."""
        found = self._from_store(clip) if store_first or self.group[clip] < 0 else None
        return self._from_table(clip) if found is None else found

    def where(self, clip: int, frame: int) -> str:
        """A frame of a clip, and where it lies, in words; ``frame`` from 0."""
        digest, at = self.digests[clip, frame].decode(), self.file[clip]
        place = self.files[at] if self.group[clip] >= 0 else self.stores[at]
        return (
            f"clip {self.video_ids[clip]}, frame {frame + 1} of {self.counts[clip]} "
            f"({digest[:12]}; {place})"
        )

    def _wanted(self, clip: int) -> list[str]:
        return [d.decode() for d in self.digests[clip] if d]

    def _from_store(self, clip: int) -> list[bytes] | None:
        store = Store(self.stores[self.file[clip]])
        found = []
        for frame, digest in enumerate(self._wanted(clip)):
            data = store.get(blob_name(digest, ".jpg"))
            if data is None and self.group[clip] >= 0:
                return None
            found.append(self._checked(clip, frame, digest, data, f"the frame store {store.root}"))
        return found

    def _from_table(self, clip: int) -> list[bytes]:
        path, group = self.files[self.file[clip]], int(self.group[clip])
        with _reading(path, group):  # who comes second finds it read
            images = _row_group(path, group, _changed_ns(path))
        by_digest: dict[str, bytes | None] = {}
        for image in images[int(self.row[clip])].as_py() or ():
            data = image["bytes"]
            by_digest[hashlib.sha256(data or b"").hexdigest()] = data
        return [
            self._checked(clip, frame, digest, by_digest.get(digest), "the table's images")
            for frame, digest in enumerate(self._wanted(clip))
        ]

    def _checked(self, clip: int, frame: int, digest: str, data: bytes | None, where: str) -> bytes:
        if data is None:
            raise SetupError(
                f"{self.where(clip, frame)}: is not in {where}; copy the folder anew, or run the "
                "pipeline on it again"
            )
        if hashlib.sha256(data).hexdigest() != digest:
            raise SetupError(
                f"{self.where(clip, frame)}: {where} holds other bytes than its digest names; copy "
                "the folder anew, or delete the file and run the pipeline on it again"
            )
        return data


def _changed_ns(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError as error:
        raise SetupError(f"{path}: is gone ({error}); name the folder of a complete run") from error


@functools.lru_cache(maxsize=64)
def _reading(path: str, group: int) -> threading.Lock:
    return threading.Lock()


# Two, so that clips read in the order of the table find their row group open, and no more: a hundred
# clips of eight frames of 512 x 288 pixels hold some 30 MB.
@functools.lru_cache(maxsize=2)
def _row_group(path: str, group: int, changed_ns: int) -> pa.ChunkedArray:
    try:
        with pq.ParquetFile(path, memory_map=True) as parquet:
            return parquet.read_row_group(group, columns=[IMAGES], use_threads=False)[IMAGES]
    except (pa.ArrowException, OSError) as error:
        raise SetupError(f"{path}: cannot be read ({error}); copy the folder anew") from error


def forget_row_groups() -> None:
    """Give back the memory of the row groups that were read last."""
    _row_group.cache_clear()
