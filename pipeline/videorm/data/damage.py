"""Changes of a clip, as plain functions of its frames at their own size.

Each takes (T, H, W, 3) uint8 RGB, T >= 1, and a seed, and returns a new array of the same height and
width; T is kept but by ``shorter`` and ``first_frame``. The same frames and seed give the same
result; another release of Pillow, of its font or of x264 may change what goes through them.
"""

import functools
import io
from collections.abc import Callable, Mapping

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

from pipeline.generators.encode import FINE, to_mp4

Frames = NDArray[np.uint8]
Damage = Callable[[Frames, int], Frames]

FLICKER = 0.3  # of the brightness, up and down
GAIN = 0.1  # brighter and darker: of the brightness, hardly seen
SATURATION = 2.0  # times the distance from grey
NOISE = (12.0, 36.0)  # standard deviation, of 255 levels
BLUR = (0.01, 0.03)  # standard deviation, of the shorter side
CAST = (0.85, 0.6)  # what is left of green and blue
JPEG = (10, 2)  # quality
CODEC_FPS = 8
CODEC = {**FINE, "crf": "32"}  # a stream of poor but usual quality; x264's own default is 23
PRAISE = "best quality, masterpiece"
IDLE = "recorded on a Wednesday"  # about as long as the praise, and says nothing of the clip
PAINTED = (PRAISE, IDLE)
BAR = 1.6  # its height, of the letters' size
FONT_SHARE = 0.08  # of the shorter side
LEGIBLE_PX = 144  # of the shorter side, so that one line holds the words in letters of 9 pixels


def shuffled(frames: Frames, seed: int = 0) -> Frames:
    """The same frames in an order in which no neighbours stay neighbours, either way round.

    Drawn among random orders, so that from four frames on there is one; of fewer frames none
    exists, and any other order is taken. One frame stays alone.
    """
    n = len(frames)
    if n < 2:
        return frames.copy()
    draw = np.random.default_rng([seed, n])
    while True:
        order = draw.permutation(n)
        apart = (np.abs(np.diff(order)) > 1).all()
        if apart or (n < 4 and (order != np.arange(n)).any()):
            return frames[order]


def reversed_order(frames: Frames, seed: int = 0) -> Frames:
    """Last frame first."""
    return frames[::-1].copy()


def frozen(frames: Frames, seed: int = 0) -> Frames:
    """The first frame, as often as there are frames."""
    return np.repeat(frames[:1], len(frames), axis=0)


def duplicated(frames: Frames, seed: int = 0) -> Frames:
    """Every second frame shown twice, in place of the one behind it: half the frame rate."""
    return frames[np.arange(len(frames)) // 2 * 2]


def shorter(frames: Frames, seed: int = 0) -> Frames:
    """Every second frame alone."""
    return frames[::2].copy()


def first_frame(frames: Frames, seed: int = 0) -> Frames:
    """The first frame alone."""
    return frames[:1].copy()


def black_frame(frames: Frames, seed: int = 0) -> Frames:
    """The middle frame made black."""
    dark = frames.copy()
    dark[len(frames) // 2] = 0
    return dark


def flicker(frames: Frames, seed: int = 0) -> Frames:
    """Frames brighter and darker by turns."""
    return np.stack(
        [_light(f, 1 - FLICKER if i % 2 else 1 + FLICKER) for i, f in enumerate(frames)]
    )


def brighter(frames: Frames, seed: int = 0) -> Frames:
    """Every frame, a little."""
    return _light(frames, 1 + GAIN)


def darker(frames: Frames, seed: int = 0) -> Frames:
    """Every frame, a little."""
    return _light(frames, 1 - GAIN)


def noise(frames: Frames, seed: int = 0, deviation: float = NOISE[0]) -> Frames:
    """Gaussian noise, another draw for every frame; ``deviation`` in levels of 255."""
    draw = np.random.default_rng([seed, len(frames)])
    return _levels(frames + deviation * draw.standard_normal(frames.shape, np.float32))


def blurred(frames: Frames, seed: int = 0, share: float = BLUR[0]) -> Frames:
    """Gaussian blur; ``share`` of the shorter side is its standard deviation."""
    radius = share * min(frames.shape[1:3])
    return _by_frame(frames, lambda image: image.filter(ImageFilter.GaussianBlur(radius)))


def colour_cast(frames: Frames, seed: int = 0, left: float = CAST[0]) -> Frames:
    """Towards red: ``left`` is the share of green and blue that stays."""
    cast = _light(frames, left)
    cast[..., 0] = frames[..., 0]
    return cast


def saturated(frames: Frames, seed: int = 0) -> Frames:
    """Colours driven away from grey."""
    return _by_frame(frames, lambda image: ImageEnhance.Color(image).enhance(SATURATION))


def low_bitrate(frames: Frames, seed: int = 0, quality: int = JPEG[0]) -> Frames:
    """Every frame through JPEG of that quality."""
    return _by_frame(frames, lambda image: _through_jpeg(image, quality))


def half_resolution(frames: Frames, seed: int = 0) -> Frames:
    """Down to half the width and height and up again."""

    def halved(image: Image.Image) -> Image.Image:
        half = (max(1, image.width // 2), max(1, image.height // 2))
        return image.resize(half, Image.Resampling.BOX).resize(image.size, Image.Resampling.BICUBIC)

    return _by_frame(frames, halved)


def codec(frames: Frames, seed: int = 0) -> Frames:
    """Through H.264 at a low bit rate, in memory.

    A side of odd length gets its last line twice for the encoder, and loses it again.
    """
    n, height, width = frames.shape[:3]
    even = np.pad(frames, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), "edge")
    with av.open(io.BytesIO(to_mp4(even, CODEC_FPS, CODEC))) as container:
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    if len(decoded) != n:
        raise RuntimeError(f"the encoder gave back {len(decoded)} of {n} frames")
    return np.stack(decoded)[:, :height, :width]


def painted_praise(frames: Frames, seed: int = 0) -> Frames:
    """Praise written on every frame."""
    return _painted(frames, PRAISE)


def painted_idle(frames: Frames, seed: int = 0) -> Frames:
    """Words of the same size that say nothing of the clip, on a bar that covers as much."""
    return _painted(frames, IDLE)


def _levels(values: NDArray[np.floating]) -> Frames:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _light(frames: Frames, gain: float) -> Frames:
    return np.take(_levels(gain * np.arange(256)), frames)  # one level goes where its like go


def _by_frame(frames: Frames, change: Callable[[Image.Image], Image.Image]) -> Frames:
    return np.stack([np.asarray(change(Image.fromarray(frame)), np.uint8) for frame in frames])


def _through_jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as decoded:
        return decoded.convert("RGB")


def _painted(frames: Frames, text: str) -> Frames:
    """White letters in a black bar at the foot, the same bar for every text of :data:`PAINTED`.

    Where legible letters do not fit, they are written large and shrunk.
    """
    height, width = frames.shape[1:3]
    times = max(1, -(-LEGIBLE_PX // min(height, width)))
    font = _font_for(times * width, times * height)
    high = max(1, round(BAR * font.size / times))  # in pixels of the frame
    bar = Image.new("RGB", (times * width, times * high))
    at = (font.size / 3, times * high - 1.4 * font.size)
    ImageDraw.Draw(bar).text(at, text, fill=(255, 255, 255), font=font)
    painted = frames.copy()
    painted[:, height - high :] = np.asarray(bar.reduce(times))
    return painted


def _font_for(width: int, height: int) -> ImageFont.FreeTypeFont:
    """A subtitle's size, or the largest in which every text fits into one line."""
    size = max(2, round(FONT_SHARE * min(width, height)))
    while size > 2 and max(map(_font(size).getlength, PAINTED)) > width - size:
        size -= 1
    return _font(size)


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("this Pillow has no FreeType, so it cannot write at a chosen size")
    return font


# What chooses among whole frames: the same before and after frames are made small
WHOLE_FRAMES: Mapping[str, Damage] = {
    "shuffled": shuffled,
    "reversed": reversed_order,
    "frozen": frozen,
    "duplicated": duplicated,
    "shorter": shorter,
    "first_frame": first_frame,
    "black_frame": black_frame,
}
DAMAGES: Mapping[str, Damage] = {
    **WHOLE_FRAMES,
    "flicker": flicker,
    "brighter": brighter,
    "darker": darker,
    "noise": noise,
    "noise_strong": functools.partial(noise, deviation=NOISE[1]),
    "blurred": blurred,
    "blurred_strong": functools.partial(blurred, share=BLUR[1]),
    "colour_cast": colour_cast,
    "colour_cast_strong": functools.partial(colour_cast, left=CAST[1]),
    "saturated": saturated,
    "low_bitrate": low_bitrate,
    "low_bitrate_strong": functools.partial(low_bitrate, quality=JPEG[1]),
    "half_resolution": half_resolution,
    "codec": codec,
    "painted_praise": painted_praise,
    "painted_idle": painted_idle,
}
