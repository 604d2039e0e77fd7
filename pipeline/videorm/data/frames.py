"""From the JPEGs of a run to one array of small frames, decoded once."""

import hashlib
import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset as ds
from numpy.typing import NDArray
from PIL import Image

from pipeline.videorm.data.clips import HeldClips
from pipeline.videorm.options import Fit
from schemas.layout import Layout
from schemas.options import SetupError
from schemas.store import Store, blob_name


def decode_frame(jpeg: bytes, size: int, fit: Fit = "squeeze") -> NDArray[np.uint8]:
    """A JPEG as (3, size, size) RGB.

    squeeze: the whole frame whatever its proportions, shrunk while decoding where that is exact, then
    box-averaged. crop: shorter side to ``size``, bicubic, the middle cut out, as CLIP's own processor.
    letterbox: the longer side to ``size``, bicubic, black bars, as HPS v2's.
    """
    with Image.open(io.BytesIO(jpeg)) as image:
        if fit == "squeeze":
            image.draft("RGB", (size, size))  # halves as long as the result is not smaller
            small = image.convert("RGB").resize((size, size), Image.Resampling.BOX)
        else:
            small = _in_proportion(image.convert("RGB"), size, fit)
    return np.asarray(small, np.uint8).transpose(2, 0, 1)


def _in_proportion(image: Image.Image, size: int, fit: Fit) -> Image.Image:
    width, height = image.size
    share = size / (min if fit == "crop" else max)(width, height)
    width, height = max(1, round(width * share)), max(1, round(height * share))
    small = image.resize((width, height), Image.Resampling.BICUBIC)
    square = Image.new("RGB", (size, size))
    square.paste(small, ((size - width) // 2, (size - height) // 2))  # negative: cut off
    return square


def pick(n: int, frames: int) -> list[int]:
    """Which of ``n`` frames a model of ``frames`` frames sees: evenly spaced from end to end."""
    return [round(i) for i in np.linspace(0, n - 1, min(n, frames)).tolist()]


def clip_key(jpegs: Sequence[bytes], frames: int) -> str:
    """64 hex digits over the frames that are picked, in their order."""
    whole = hashlib.sha256()
    for i in pick(len(jpegs), frames):
        whole.update(hashlib.sha256(jpegs[i]).digest())
    return whole.hexdigest()


def stack_clip(
    jpegs: Sequence[bytes], frames: int, size: int, fit: Fit = "squeeze"
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """One clip as (T, 3, S, S) uint8 and (T,) bool, padded with zeros at the end."""
    array = np.zeros((frames, 3, size, size), np.uint8)
    chosen = pick(len(jpegs), frames)
    for t, i in enumerate(chosen):
        array[t] = decode_frame(jpegs[i], size, fit)
    return array, np.arange(frames) < len(chosen)


def read_clips(
    data: Path,
    video_ids: Sequence[str],
    frames: int,
    size: int,
    fit: Fit = "squeeze",
    threads: int = 2,
) -> HeldClips:
    """Frames of the named clips: from the ``frames`` table, or from the store if it has no images.

    Raises SetupError naming the clip whose frames are missing.
    """
    array = np.zeros((len(video_ids), frames, 3, size, size), np.uint8)
    valid = np.zeros((len(video_ids), frames), np.bool_)
    row_of = {video_id: row for row, video_id in enumerate(video_ids)}
    keys = [""] * len(video_ids)
    done: set[int] = set()

    def decode(item: tuple[int, list[bytes]]) -> int:
        row, jpegs = item
        array[row], valid[row] = stack_clip(jpegs, frames, size, fit)
        keys[row] = clip_key(jpegs, frames)
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
    return HeldClips(video_ids=tuple(video_ids), keys=tuple(keys), frames=array, valid=valid)


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
