"""A frame as the JPEG that a judge is sent."""

import dataclasses
import io

from PIL import Image

from pipeline.media.decoded import Rgb

HALVED = (
    2.5  # 1280 to 512 pixels: what is left for the bicubic filter is 1.25 times too large, or more
)


@dataclasses.dataclass(frozen=True, slots=True)
class Jpeg:
    """Encoded bytes and the size of the picture in them."""

    data: bytes
    width_px: int
    height_px: int


def fit(width: int, height: int, long_side: int) -> tuple[int, int]:
    """The size with the longer side at most ``long_side``; the shape is kept, nothing enlarged."""
    longer = max(width, height)
    if longer <= long_side:
        return width, height
    return max(1, round(width * long_side / longer)), max(1, round(height * long_side / longer))


def encode(rgb: Rgb, long_side: int, quality: int) -> Jpeg:
    """JPEG (4:2:0) of an array (height, width, 3), scaled down by Pillow's bicubic filter.

    A frame that is more than ``HALVED`` times too large is first averaged over squares of 2 x 2 pixels
    or more, for half of the time: the mean difference, below 0.5 of 255, is that between two good
    filters (bicubic and Lanczos), and a third of what JPEG at quality 85 loses.
    """
    image = Image.fromarray(rgb)
    size = fit(image.width, image.height, long_side)
    if size != image.size:
        image = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=HALVED / 2)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Jpeg(buffer.getvalue(), *size)
