"""A clip given as pictures becomes a video file of the pictures' own bytes, none encoded again."""

import io
from collections.abc import Sequence
from fractions import Fraction
from typing import cast

import av
import numpy as np
import numpy.typing as npt
from av.video.codeccontext import VideoCodecContext
from PIL import Image

from pipeline.media.avi import MOST_BYTES, avi
from pipeline.media.decoded import Rgb
from pipeline.media.decoders.mjpeg import has_picture
from pipeline.media.errors import MediaError, too_many_bytes
from pipeline.media.fetching.clock import Clock
from pipeline.media.fetching.fetch import read_clip
from pipeline.media.options import FramesOptions
from schemas import Reason

SUFFIX = ".avi"
_KINDS = (
    (b"\xff\xd8\xff", "JPEG", b"MJPG"),
    (b"\x89PNG\r\n\x1a\n", "PNG", b"MPNG"),
)
_MODES = {
    "JPEG": ("L", "RGB"),  # CMYK: decoders differ in what they make of it
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA"),  # 16 bits of grey: Pillow clips them
}
_CODECS = {b"MJPG": "mjpeg", b"MPNG": "png"}  # FFmpeg's names
_TILE = 32  # pixels: decoders interpolate colours differently, which evens out over a tile
_FAR = 8.0  # difference of the mean colour of a tile, of 255; 1.3 was the most, on coloured noise
_ORIENTATION = 0x0112  # EXIF
_MOST_STEPS = 100_000  # denominator of a frame rate: 29.97 and 24000/1001 are exact


def read_pictures(
    folder: str, names: Sequence[str], frame_rate: float, options: FramesOptions
) -> bytes:
    """The video file (AVI) of pictures named in the order of time; picture i at i / frame_rate s.

    ``frame_rate`` is from 0.001 to 1000.

    All are JPEG or all are PNG, by their first bytes, and of one size. Each is decoded by Pillow and
    by PyAV, and both must see the same: either patches up some of what is damaged, and the frame
    would be missing or another one later. ``max_bytes`` bounds them together, ``max_frames`` their
    number, ``max_pixels`` each.

    Raises :class:`MediaError` naming the file: NOT_FOUND, UNDECODABLE, TOO_LARGE, or as
    ``fetch.read_clip`` does.
    """
    if len(names) > options.max_frames:
        raise MediaError(
            Reason.TOO_LARGE,
            f"{folder}: {len(names)} pictures, and frames.max_frames is {options.max_frames}; "
            "raise it or take some out",
        )
    pictures, first, clock = [], None, Clock(options.timeout_s)
    left = min(options.max_bytes, MOST_BYTES - 2**20)
    for name in names:
        place = f"{folder.rstrip('/')}/{name}"
        picture = _Picture(place, _read(place, left, clock, folder, options), options.max_pixels)
        first = first or picture
        picture.refuse_unless_like(first)
        pictures.append(picture.data)
        left -= len(picture.data)
    if first is None:
        raise ValueError(f"{folder}: no picture is named")
    rate = Fraction(frame_rate).limit_denominator(_MOST_STEPS)
    return avi(pictures, first.codec, first.width, first.height, rate)


def _read(place: str, left: int, clock: Clock, folder: str, options: FramesOptions) -> bytes:
    try:
        return read_clip(place, left, clock.left())
    except TimeoutError as error:
        raise MediaError(
            Reason.TIMEOUT,
            f"{folder}: its pictures could not be read within frames.timeout_s = "
            f"{options.timeout_s:g} s; raise it",
        ) from error
    except MediaError as error:
        if error.reason != Reason.TOO_LARGE:
            raise
        raise too_many_bytes(f"{folder}: its pictures together", options.max_bytes) from error


class _Picture:
    """One picture file, looked through: what it is, and that it is whole."""

    def __init__(self, place: str, data: bytes, max_pixels: int) -> None:
        self.place, self.data = place, data
        self.kind, self.codec = _kind(place, data)
        if self.kind == "JPEG" and not has_picture(data):
            raise self._broken("its segments do not lead to a picture; it is truncated or damaged")
        try:
            with Image.open(io.BytesIO(data), formats=[self.kind]) as image:
                self.width, self.height = image.size
                self._check_size(max_pixels)
                self._check_form(image)
                whole = np.asarray(image.convert("RGB"))
            if np.abs(_tiles(whole) - _tiles(self._by_pyav())).max() > _FAR:
                raise ValueError("it is damaged: decoders do not agree on what it shows")
        except MediaError:
            raise
        except (MemoryError, Image.DecompressionBombError) as error:
            raise MediaError(Reason.TOO_LARGE, f"{place}: {error or 'out of memory'}") from error
        except Exception as error:  # Pillow's readers let through whatever a damaged file leads to
            raise self._broken(str(error) or type(error).__name__) from error

    def _by_pyav(self) -> Rgb:
        codec = cast(VideoCodecContext, av.CodecContext.create(_CODECS[self.codec], "r"))
        codec.thread_count = 1
        frames = [*codec.decode(av.Packet(self.data)), *codec.decode(None)]
        if len(frames) != 1 or frames[0].is_corrupt:
            raise ValueError("it is damaged")
        return cast(Rgb, frames[0].to_ndarray(format="rgb24"))

    def refuse_unless_like(self, first: "_Picture") -> None:
        """Pictures of one clip are of one kind and size."""
        if (self.kind, self.width, self.height) != (first.kind, first.width, first.height):
            raise self._broken(
                f"{self.kind}, {self.width} x {self.height}, while {first.place} is "
                f"{first.kind}, {first.width} x {first.height}"
            )

    def _check_size(self, max_pixels: int) -> None:
        if self.width * self.height > max_pixels:
            raise MediaError(
                Reason.TOO_LARGE,
                f"{self.place}: {self.width} x {self.height} pixels, and frames.max_pixels is "
                f"{max_pixels}; raise it or scale the pictures down",
            )

    def _check_form(self, image: Image.Image) -> None:
        if image.mode not in _MODES[self.kind]:
            raise self._broken(f"colours of kind {image.mode}; save it as RGB")
        # Decoders differ in whether they turn such a picture.
        if image.getexif().get(_ORIENTATION, 1) not in (0, 1):
            raise self._broken("its EXIF data ask to turn it; save it turned")

    def _broken(self, what: str) -> MediaError:
        return MediaError(
            Reason.UNDECODABLE, f"{self.place}: cannot be a picture of the clip: {what}"
        )


def _tiles(rgb: Rgb) -> npt.NDArray[np.float64]:
    """Mean colours of the tiles of a picture; what is left at the right and below is no tile."""
    height, width = rgb.shape[:2]
    rows, columns = max(1, height // _TILE), max(1, width // _TILE)
    whole = rgb[: height // rows * rows, : width // columns * columns]
    parts = whole.reshape(rows, height // rows, columns, width // columns, 3)
    return parts.mean(axis=(1, 3), dtype=np.float64)


def _kind(place: str, data: bytes) -> tuple[str, bytes]:
    for magic, kind, codec in _KINDS:
        if data.startswith(magic):
            return kind, codec
    raise MediaError(
        Reason.UNDECODABLE,
        f"{place}: neither a JPEG nor a PNG picture (it begins with {data[:8].hex(' ')}); save it as one",
    )
