"""From the JPEGs of a clip to small square frames."""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.videorm.options import Fit

# A frame is halved while it is decoded as long as it stays this many times larger than asked for:
# Pillow's own measure for results close to fair resampling (Image.resize, reducing_gap).
GAP = 2


def decode_frame(jpeg: bytes, size: int, fit: Fit = "squeeze") -> NDArray[np.uint8]:
    """A JPEG as (3, size, size) RGB, see :func:`square`. Raises ``OSError`` for bytes that are no
    picture."""
    with Image.open(io.BytesIO(jpeg)) as image:
        return square(image, size, fit)


def square(image: Image.Image, size: int, fit: Fit) -> NDArray[np.uint8]:
    """A picture as (3, size, size) RGB.

    squeeze: the whole frame whatever its proportions, shrunk while decoding where that is exact, then
    box-averaged. crop: shorter side to ``size``, bicubic, the middle cut out, as CLIP's own processor.
    letterbox: the longer side to ``size``, bicubic, black bars, as HPS v2's. A picture that is decoded
    already is not shrunk before.
    """
    if fit == "squeeze":
        image.draft("RGB", (size, size))  # halves as long as the result is not smaller
        small = image.convert("RGB").resize((size, size), Image.Resampling.BOX)
    else:
        small = _in_proportion(image, size, fit)
    return np.asarray(small, np.uint8).transpose(2, 0, 1)


def _in_proportion(image: Image.Image, size: int, fit: Fit) -> Image.Image:
    width, height = image.size
    share = size / (min if fit == "crop" else max)(width, height)
    width, height = max(1, round(width * share)), max(1, round(height * share))
    image.draft("RGB", (GAP * width, GAP * height))
    small = image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
    whole = Image.new("RGB", (size, size))
    whole.paste(small, ((size - width) // 2, (size - height) // 2))  # negative: cut off
    return whole


def pick(n: int, frames: int) -> list[int]:
    """Which of ``n`` frames a model of ``frames`` frames sees: evenly spaced from end to end."""
    return [round(i) for i in np.linspace(0, n - 1, min(n, frames)).tolist()]


def stack_clip(
    jpegs: Sequence[bytes], frames: int, size: int, fit: Fit = "squeeze"
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """One clip as (T, 3, S, S) uint8 and (T,) bool, padded with zeros at the end."""
    array = np.zeros((frames, 3, size, size), np.uint8)
    chosen = pick(len(jpegs), frames)
    for t, i in enumerate(chosen):
        array[t] = decode_frame(jpegs[i], size, fit)
    return array, np.arange(frames) < len(chosen)
