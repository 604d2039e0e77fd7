"""Clips of random pixels whose frames are real JPEGs, for judges that look at them."""

import dataclasses
import io
import zlib

import numpy as np
from PIL import Image
from questions import frame_set

from schemas import FrameSet
from schemas.ids import sha256_hex
from schemas.store import Store, blob_name


def picture(name: str, *, size: tuple[int, int] = (64, 36)) -> bytes:
    """A JPEG that follows from its name."""
    pixels = np.random.default_rng(zlib.crc32(name.encode())).integers(
        0, 255, (size[1], size[0], 3)
    )
    data = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(data, "JPEG")
    return data.getvalue()


def clip(
    video_id: str,
    store: Store,
    *,
    n_frames: int = 2,
    prompt: str = "a red ball rolls",
    size: tuple[int, int] = (64, 36),
) -> FrameSet:
    """A clip whose frames lie in the store."""
    jpegs = [picture(f"{video_id} {i}", size=size) for i in range(n_frames)]
    for jpeg in jpegs:
        store.put(blob_name(sha256_hex(jpeg), ".jpg"), jpeg)
    frames = frame_set(video_id, n_frames=n_frames, prompt=prompt)
    return dataclasses.replace(frames, jpeg_sha256=tuple(map(sha256_hex, jpegs)))
