"""Frames of an animated WebP by Pillow: FFmpeg's libraries in PyAV's wheels do not read them."""

import dataclasses
import io
import itertools
import struct
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from PIL import Image

from pipeline.media.decoded import Choose, Decoded, FrameList, Rgb, Take, Taken
from pipeline.media.errors import MediaError
from pipeline.media.options import FramesOptions
from pipeline.media.timeline import Timeline, no_times
from schemas import Reason

PILLOW = "pillow"
_ANIMATED, _ALPHA = 0x02, 0x10  # flags of the VP8X chunk (RFC 9649, section 2.7)
# What Pillow raises on damaged files.
_BROKEN = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    struct.error,
    Image.DecompressionBombError,
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WebpHeader:
    """What the chunks of an animated WebP say: canvas, and milliseconds that each frame is shown."""

    width_px: int
    height_px: int
    durations_ms: tuple[int, ...]
    alpha: bool

    @property
    def timeline(self) -> Timeline:
        """Without times if a frame is shown for no time."""
        if 0 in self.durations_ms:
            return no_times(len(self.durations_ms))
        ends = list(itertools.accumulate(self.durations_ms, initial=0))
        return Timeline(pts=ends[:-1], tick_s=Fraction(1, 1000), last_ticks=self.durations_ms[-1])


def webp_header(path: str, data: bytes, options: FramesOptions) -> WebpHeader:
    """The header of the WebP file with these bytes, within the limits of ``options``.

    Raises :class:`MediaError` for a still picture, a file that is cut short, or a broken limit;
    nothing is decoded.
    """
    chunks = list(_chunks(data))
    canvas = next((body for name, body in chunks if name == b"VP8X" and len(body) >= 10), None)
    if canvas is None or not canvas[0] & _ANIMATED:
        raise _undecodable(path, "it is a still WebP picture")
    frames = [body for name, body in chunks if name == b"ANMF" and len(body) >= 16]
    if not frames:
        raise _undecodable(path, "it is a WebP animation without frames")
    width, height = _number(canvas[4:7]) + 1, _number(canvas[7:10]) + 1
    _check_limits(path, width, height, len(frames), options)
    return WebpHeader(
        width_px=width,
        height_px=height,
        durations_ms=tuple(_number(frame[12:15]) for frame in frames),
        alpha=bool(canvas[0] & _ALPHA),
    )


def decode_webp(
    path: str, data: bytes, header: WebpHeader, choose: Choose, take: Take[Taken]
) -> Decoded[Taken]:
    """The frames that ``choose`` names; transparency is ignored, the colours under it are shown.

    Which frames are keyframes the format does not say. Raises :class:`MediaError`.
    """
    timeline = header.timeline
    indices = choose(FrameList(timeline=timeline, keys=None))
    return Decoded(
        decoder=PILLOW,
        indices=indices,
        taken=tuple(take(rgb) for rgb in _frames(path, data, header, indices)),
        timeline=timeline,
        width_px=header.width_px,
        height_px=header.height_px,
        notes=("alpha",) if header.alpha else (),
    )


def _frames(path: str, data: bytes, header: WebpHeader, indices: tuple[int, ...]) -> Iterator[Rgb]:
    try:
        with Image.open(io.BytesIO(data), formats=("WEBP",)) as image:
            if getattr(image, "n_frames", 1) != len(header.durations_ms):
                raise ValueError("Pillow counts other frames than the file has")
            for index in indices:
                image.seek(index)
                yield np.asarray(image.convert("RGB"))
    except _BROKEN as error:
        raise _undecodable(path, f"a damaged WebP: {error}") from error


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of each RIFF chunk; one that is cut short ends them."""
    position = 12  # after "RIFF", the size, "WEBP"
    while position + 8 <= len(data):
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        body = data[position + 8 : position + 8 + size]
        if len(body) < size:
            return
        yield data[position : position + 4], body
        position += 8 + size + size % 2


def _number(three: bytes) -> int:
    return int.from_bytes(three, "little")


def _check_limits(path: str, width: int, height: int, n: int, options: FramesOptions) -> None:
    if width * height > options.max_pixels:
        raise MediaError(
            Reason.TOO_LARGE,
            f"{path}: frames of {width} x {height} pixels, and "
            f"frames.max_pixels is {options.max_pixels}; raise it or scale the clip down",
        )
    if n > options.max_frames:
        raise MediaError(
            Reason.TOO_LARGE,
            f"{path}: more than {options.max_frames} frames "
            "(frames.max_frames); raise it or shorten the clip",
        )


def _undecodable(path: str, why: str) -> MediaError:
    return MediaError(
        Reason.UNDECODABLE, f"{path}: no decoder could read it ({why}); name a video file"
    )
