"""Small clips whose every frame carries its own number in its pixels, made with PyAV."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT, BITS = 128, 64, 8  # one block of 16 x 64 pixels per bit: survives any codec
Rgb = npt.NDArray[np.uint8]


def draw(number: int, width: int = WIDTH, height: int = HEIGHT) -> Rgb:
    """White blocks for the bits that are set, black for the others, highest bit left."""
    bits = [(number >> (BITS - 1 - i)) & 1 for i in range(BITS)]
    row = np.repeat(np.array(bits, np.uint8) * 255, width // BITS)
    return np.broadcast_to(row[None, :, None], (height, width, 3)).copy()


def number_in(rgb: Rgb) -> int:
    """The number that :func:`draw` wrote, whatever the picture's size."""
    height, width = rgb.shape[:2]
    blocks = rgb[: height // BITS * BITS, : width // BITS * BITS].mean(axis=(0, 2))
    levels = blocks.reshape(BITS, -1).mean(axis=1)
    return sum(int(level > 127) << (BITS - 1 - i) for i, level in enumerate(levels))


def write_clip(
    path: Path,
    numbers: Iterable[int],
    *,
    codec: str = "libx264",
    gop: int = 12,
    b_frames: int = 2,
    pts: Sequence[int] | None = None,
    rate: int = 8,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    format: str | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """A clip of the given numbers; ``pts`` in milliseconds make its frame rate variable."""
    with av.open(str(path), "w", format=format, options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
        stream.codec_context.gop_size = gop
        if codec == "libx264":
            stream.codec_context.max_b_frames = b_frames
        if pts is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for position, number in enumerate(numbers):
            frame = av.VideoFrame.from_ndarray(draw(number, *size), format="rgb24")
            if pts is not None:
                frame.pts, frame.time_base = pts[position], Fraction(1, 1000)
            container.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
        container.mux(stream.encode(None))
    return path


def write_sound(path: Path) -> Path:
    """A quarter of a second of silence, without a picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        for _ in range(4):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate = 16000
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def zero_delays(gif: Path) -> Path:
    """Set every delay of a GIF to zero, in place: bytes 4 and 5 of its graphic controls."""
    data = bytearray(gif.read_bytes())
    at = data.find(b"\x21\xf9\x04")
    while at >= 0:
        data[at + 4 : at + 6] = b"\0\0"
        at = data.find(b"\x21\xf9\x04", at + 8)
    gif.write_bytes(data)
    return gif
