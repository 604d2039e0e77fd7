"""Words in a bar at the foot of every frame, encoded as the run encodes its frames."""

import dataclasses
import functools
import io
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from annotators.judge.frames import read_frames
from pipeline.media.jpeg import encode
from pipeline.media.montage import with_jpegs
from pipeline.media.options import FramesOptions
from schemas import FrameSet
from schemas.store import Store

FONT_SHARE = 0.06  # of the shorter side: a subtitle's size
LEAST_FONT_PX = 9  # below it the letters of the font run together
LINE, MARGIN = 1.25, 0.4  # of the font's size
MOST_COVERED = 0.5  # of the picture's height; what is covered beyond it leaves no clip to judge


class TooSmall(ValueError):
    """The words do not fit onto frames of this size."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A bar that holds any of some texts: the same height and letters for all of them."""

    font_px: int
    height_px: int
    lines: dict[str, tuple[str, ...]]  # by text


def bar_of(width_px: int, height_px: int, texts: Iterable[str]) -> Bar:
    """The bar for pictures of that size. Raises :class:`TooSmall`."""
    size = max(LEAST_FONT_PX, round(FONT_SHARE * min(width_px, height_px)))
    room = width_px - 2 * round(MARGIN * size)
    lines = {text: _wrapped(text, size, room) for text in texts}
    most = max(map(len, lines.values()))
    height = math.ceil(most * LINE * size) + 2 * round(MARGIN * size)
    if height > MOST_COVERED * height_px or any(
        _font(size).getlength(line) > room for found in lines.values() for line in found
    ):
        raise TooSmall(
            f"frames of {width_px} x {height_px} px are too small to write on; raise "
            "frames.long_side_px where the clip itself is larger"
        )
    return Bar(font_px=size, height_px=height, lines=lines)


def share_covered(frames: FrameSet, texts: Sequence[str]) -> float:
    """How much of each frame the bar covers."""
    height = frames.frame_height_px
    return bar_of(frames.frame_width_px, height, texts).height_px / height


def draw(picture: Image.Image, bar: Bar, text: str) -> Image.Image:
    """A copy of the picture with the text in white on a black bar at its foot."""
    drawn = picture.convert("RGB")
    drawn.paste((0, 0, 0), (0, drawn.height - bar.height_px, drawn.width, drawn.height))
    pen, margin = ImageDraw.Draw(drawn), round(MARGIN * bar.font_px)
    for n, line in enumerate(bar.lines[text]):
        top = drawn.height - bar.height_px + margin + n * LINE * bar.font_px
        pen.text((margin, top), line, fill=(255, 255, 255), font=_font(bar.font_px))
    return drawn


def captioned(
    frames: FrameSet, words: Mapping[str, str], store: Store, options: FramesOptions
) -> dict[str, FrameSet]:
    """The frames once for each of the ``words``, by their names; JPEGs go to the store.

    Drawn onto the frames as they are sent, so that the rest of the picture stays: encoding a JPEG
    again at its own quality and size moves a pixel by less than one of 255 levels on average.
    Another release of Pillow may draw letters otherwise: then these frames are others, and are judged
    anew.
    Raises :class:`TooSmall`.
    """
    bar = bar_of(frames.frame_width_px, frames.frame_height_px, words.values())
    jpegs = read_frames(store, frames.jpeg_sha256)
    written = {name: _written(jpegs, bar, text, options) for name, text in words.items()}
    return {name: with_jpegs(frames, jpegs, store, options) for name, jpegs in written.items()}


def _written(jpegs: Sequence[bytes], bar: Bar, text: str, options: FramesOptions) -> list[bytes]:
    found = []
    for jpeg in jpegs:
        with Image.open(io.BytesIO(jpeg)) as picture:
            rgb = np.asarray(draw(picture, bar, text))
        found.append(encode(rgb, options.long_side_px, options.jpeg_quality).data)
    return found


def _wrapped(text: str, size: int, room: int) -> tuple[str, ...]:
    """The words in lines as long as there is room; a longer word stands alone."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _font(size).getlength(longer) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return tuple(lines)


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TooSmall("this Pillow has no FreeType, so it cannot write at a chosen size")
    return font
