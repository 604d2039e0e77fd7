"""The frames of a clip as arrays: what every measurement starts from."""

import dataclasses
import functools
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from schemas import FrameSet, Reason
from schemas.store import Store, blob_name

Floats = NDArray[np.float32]

WORKING_SIDE_PX = 128  # colour, shape, motion and sharpness: as seen at a fixed display size
NOISE_SIDE_PX = 256  # noise is a matter of single pixels, so it is measured on the full-size centre
_BLOCK_PX = 8
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


class FramesError(ValueError):
    """A frame that cannot be read back from the store; the message says which."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """Pixels in levels 0..255 and when each frame stands in the clip.

    ``rgb`` (T, h, w, 3) has at most ``WORKING_SIDE_PX`` on its long side; ``luma`` (T, h, w) is its
    brightness; ``smooth`` is ``rgb`` averaged with its neighbours by 1-2-1 each way, against
    compression and noise. ``noise`` is a standard deviation in levels, measured at full size.
    ``position`` (T,) runs from 0 (first frame of the clip) upwards, in frames.
    """

    rgb: Floats
    smooth: Floats
    luma: Floats
    noise: float
    position: Floats

    @property
    def side_px(self) -> int:
        """Short side of the working picture."""
        return min(self.rgb.shape[1:3])


def read(store: Store, frames: FrameSet) -> Frames:
    """Decode the JPEGs of a frame set. Raises :class:`FramesError` for one absent or broken."""
    return _read(store.root, frames.jpeg_sha256, frames.indices)


# Both questions about a clip usually reach a process one after the other.
@functools.lru_cache(maxsize=4)
def _read(root: str, digests: tuple[str, ...], indices: tuple[int, ...]) -> Frames:
    store = Store(root)
    found = store.get_many([blob_name(digest, ".jpg") for digest in digests])
    pictures = [_picture(store, *pair) for pair in zip(digests, found)]
    size = pictures[0].size
    full = [p if p.size == size else p.resize(size) for p in pictures]
    rgb = np.stack([np.asarray(_shrink(p), np.float32) for p in full])
    luma = rgb @ LUMA
    full_size = luma if max(size) <= WORKING_SIDE_PX else np.stack([_centre(p) for p in full])
    return Frames(
        rgb=rgb,
        smooth=_smoothed(rgb),
        luma=luma,
        noise=noise(full_size),
        position=np.array(indices, np.float32),
    )


def _smoothed(rgb: Floats) -> Floats:
    for axis in (1, 2):
        before, after = (np.concatenate(parts, axis=axis) for parts in _neighbours(rgb, axis))
        rgb = np.asarray((before + after + 2 * rgb) / 4, np.float32)
    return rgb


def _neighbours(rgb: Floats, axis: int) -> tuple[list[Floats], list[Floats]]:
    """Every pixel's neighbour before and after on an axis; at the border the pixel itself."""
    first, rest = np.split(rgb, [1], axis=axis)
    front, last = np.split(rgb, [rgb.shape[axis] - 1], axis=axis)
    return [first, front], [rest, last]


def noise(luma: Floats) -> float:
    """Standard deviation of white noise, in levels, median over frames.

    Immerkaer (1996), Fast Noise Variance Estimation: mean absolute response to a mask that cancels
    planes, sqrt(pi/2)/6 of it. The block at the 15th percentile speaks for the frame, since noise
    is everywhere and texture is not.
    """
    d = luma[:, 2:] - 2 * luma[:, 1:-1] + luma[:, :-2]
    response = np.abs(d[:, :, 2:] - 2 * d[:, :, 1:-1] + d[:, :, :-2])
    height, width = (side - side % _BLOCK_PX for side in response.shape[1:])
    if height == 0 or width == 0:
        return 0.0
    blocks = (
        response[:, :height, :width]
        .reshape(len(luma), height // _BLOCK_PX, _BLOCK_PX, width // _BLOCK_PX, _BLOCK_PX)
        .mean(axis=(2, 4))
    )
    smooth = np.percentile(blocks.reshape(len(luma), -1), 15, axis=1)
    return float(np.median(smooth) * np.sqrt(np.pi / 2) / 6)


def _picture(store: Store, digest: str, data: bytes | None) -> Image.Image:
    if data is None:
        message = f"frame {digest} is not in the frame store {store.root}; collect again"
        raise FramesError(Reason.NOT_FOUND, message)
    try:
        return Image.open(io.BytesIO(data)).convert("RGB")
    except OSError as error:
        message = (
            f"frame {digest} in the frame store {store.root} is no picture that can be decoded "
            f"({error}); delete it and collect again"
        )
        raise FramesError(Reason.UNDECODABLE, message) from error


def _shrink(picture: Image.Image) -> Image.Image:
    scale = WORKING_SIDE_PX / max(picture.size)
    if scale >= 1:
        return picture
    size = tuple(max(1, round(side * scale)) for side in picture.size)
    return picture.resize((size[0], size[1]), Image.Resampling.BOX)


def _centre(picture: Image.Image) -> Floats:
    left, top = (max(0, side - NOISE_SIDE_PX) // 2 for side in picture.size)
    right, bottom = (
        start + min(side, NOISE_SIDE_PX) for start, side in zip((left, top), picture.size)
    )
    return np.asarray(picture.crop((left, top, right, bottom)), np.float32) @ LUMA
