"""From the JPEGs of a run to one array of small frames, decoded once."""

import dataclasses
import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset as ds
from numpy.typing import NDArray
from PIL import Image

from schemas.layout import Layout
from schemas.options import SetupError
from schemas.store import Store, blob_name


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Clips:
    """Frames of many clips. A clip with fewer than T frames is padded at its end with zeros.

    ``valid`` is False there: padding takes no part in shift, attention or mean.
    """

    video_ids: tuple[str, ...]
    frames: NDArray[np.uint8]  # (n, T, 3, S, S)
    valid: NDArray[np.bool_]  # (n, T)


def decode_frame(jpeg: bytes, size: int) -> NDArray[np.uint8]:
    """A JPEG as (3, size, size) RGB: shrunk while decoding where that is exact, then box-averaged.

    The aspect ratio is not kept: the whole frame is seen, squeezed into the square.
    """
    with Image.open(io.BytesIO(jpeg)) as image:
        image.draft("RGB", (size, size))  # the decoder halves as long as the result is not smaller
        small = image.convert("RGB").resize((size, size), Image.Resampling.BOX)
    return np.asarray(small, np.uint8).transpose(2, 0, 1)


def pick(n: int, frames: int) -> list[int]:
    """Which of ``n`` frames a model of ``frames`` frames sees: evenly spaced from end to end."""
    return [round(i) for i in np.linspace(0, n - 1, min(n, frames)).tolist()]


def stack_clip(
    jpegs: Sequence[bytes], frames: int, size: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """One clip as (T, 3, S, S) uint8 and (T,) bool, padded with zeros at the end."""
    array = np.zeros((frames, 3, size, size), np.uint8)
    chosen = pick(len(jpegs), frames)
    for t, i in enumerate(chosen):
        array[t] = decode_frame(jpegs[i], size)
    return array, np.arange(frames) < len(chosen)


def read_clips(
    data: Path, video_ids: Sequence[str], frames: int, size: int, threads: int = 2
) -> Clips:
    """Frames of the named clips: from the ``frames`` table, or from the store if it has no images.

    Raises SetupError naming the clip whose frames are missing.
    """
    array = np.zeros((len(video_ids), frames, 3, size, size), np.uint8)
    valid = np.zeros((len(video_ids), frames), np.bool_)
    row_of = {video_id: row for row, video_id in enumerate(video_ids)}
    done: set[int] = set()

    def decode(item: tuple[int, list[bytes]]) -> int:
        row, jpegs = item
        array[row], valid[row] = stack_clip(jpegs, frames, size)
        return row

    # threads, not processes: Pillow decodes without the interpreter lock
    with ThreadPoolExecutor(threads) as pool:
        for batch in _jpegs(data, row_of):
            done.update(pool.map(decode, batch))
    absent = [v for v, row in row_of.items() if row not in done]
    if absent:
        raise SetupError(
            f"{Layout(data).table('frames')}: no frames of clip {absent[0]} "
            f"({len(absent)} of {len(video_ids)} clips); name the folder of a complete run"
        )
    return Clips(video_ids=tuple(video_ids), frames=array, valid=valid)


def _jpegs(data: Path, row_of: dict[str, int]) -> Iterator[list[tuple[int, list[bytes]]]]:
    layout = Layout(data)
    files = sorted(layout.table("frames").glob("*.parquet"))
    if not files:
        raise SetupError(f"{layout.table('frames')}: no frames table; name the folder of a run")
    table = ds.dataset(files)
    column = "images" if "images" in table.schema.names else "jpeg_sha256"
    for batch in table.to_batches(columns=["video_id", column], batch_size=64):
        rows = [row for row in batch.to_pylist() if row["video_id"] in row_of]
        yield [(row_of[row["video_id"]], _blobs(layout.frames, row)) for row in rows]


def _blobs(store: Store, row: dict[str, Any]) -> list[bytes]:
    if "images" in row:
        return [image["bytes"] for image in row["images"]]
    blobs = []
    for digest in row["jpeg_sha256"]:
        blob = store.get(blob_name(digest, ".jpg"))
        if blob is None:
            raise SetupError(
                f"clip {row['video_id']}: frame {digest[:12]} is not in the store {store.root}"
            )
        blobs.append(blob)
    return blobs
