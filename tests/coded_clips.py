"""Small clips whose every frame carries its own number in its pixels, made with PyAV."""

import contextlib
import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import numpy.typing as npt
from PIL import Image

WIDTH, HEIGHT, BITS = 128, 64, 8  # one block of 16 x 64 pixels per bit: survives any codec
Rgb = npt.NDArray[np.uint8]


def draw(number: int, width: int = WIDTH, height: int = HEIGHT) -> Rgb:
    """White blocks for the bits that are set, black for the others, highest bit left."""
    bits = [(number >> (BITS - 1 - i)) & 1 for i in range(BITS)]
    row = np.array(bits, np.uint8)[np.arange(width) * BITS // width] * 255
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
    pix_fmt: str = "",
    coding: dict[str, str] | None = None,
    aspect: Fraction | None = None,
    alpha: int = 255,
) -> Path:
    """A clip of the given numbers; ``pts`` in milliseconds make its frame rate variable.

    ``options`` are the container's, ``coding`` the encoder's; ``aspect`` is that of one pixel, and
    ``alpha`` of all of them, where ``pix_fmt`` has room for it.
    """
    with (
        _as_urgent_as_before(),
        av.open(str(path), "w", format=format, options=options or {}) as container,
    ):
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = pix_fmt or ("rgb8" if codec == "gif" else "yuv420p")
        stream.codec_context.options = coding or {}
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        stream.codec_context.gop_size = gop
        if codec == "libx264":
            stream.codec_context.max_b_frames = b_frames
        if codec.startswith("libvpx"):  # its threads wait for each other with the processor held
            stream.codec_context.thread_count = 1
        if pts is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for position, number in enumerate(numbers):
            opaque = draw(number, *size)
            rgba = np.dstack([opaque, np.full(opaque.shape[:2], alpha, np.uint8)])
            frame = av.VideoFrame.from_ndarray(rgba, format="rgba")
            if pts is not None:
                frame.pts, frame.time_base = pts[position], Fraction(1, 1000)
            container.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
        container.mux(stream.encode(None))
    return path


@contextlib.contextmanager
def _as_urgent_as_before() -> Iterator[None]:
    """SVT-AV1, run by root, makes whoever calls it a real-time thread and leaves it one: it would
    keep the processors from everybody else, and libvpx's threads would wait for each other for ever."""
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)


def remux(source: Path, target: Path, *options: str, after: Sequence[str] = ()) -> Path:
    """Copy the packets of a clip with the ffmpeg program; options stand before the input."""
    program = imageio_ffmpeg.get_ffmpeg_exe()
    command = [program, "-v", "error", *options, "-i", source, "-c", "copy", *after, target]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return target


def hide_tail(clip: Path, milliseconds: int) -> Path:
    """Have the edit list of an MP4 end earlier, in place, as a telephone's trimming does.

    An edit (ISO/IEC 14496-12, section 8.6.6) begins with its duration in the movie's clock, which
    FFmpeg writes in milliseconds.
    """
    data = bytearray(clip.read_bytes())
    at = data.index(b"elst") + 12  # type, version and flags, number of edits
    data[at : at + 4] = milliseconds.to_bytes(4, "big")
    clip.write_bytes(data)
    return clip


def write_streams(path: Path, *numbers: Iterable[int]) -> Path:
    """A clip with several video streams, each twice as large as the one before."""
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("libx264", rate=8) for _ in numbers]
        for i, stream in enumerate(streams):
            stream.width, stream.height, stream.pix_fmt = WIDTH << i, HEIGHT << i, "yuv420p"
        for stream, wanted in zip(streams, numbers, strict=True):
            for number in wanted:
                picture = draw(number, stream.width, stream.height)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode(None))
    return path


def write_growing(path: Path, numbers: Sequence[int]) -> Path:
    """A clip in one stream whose second half is twice as large: VP9 needs no new header for that."""
    half = len(numbers) // 2
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=8)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        larger = av.CodecContext.create("libvpx-vp9", "w")
        larger.thread_count = stream.codec_context.thread_count = 1
        larger.width, larger.height, larger.pix_fmt = 2 * WIDTH, 2 * HEIGHT, "yuv420p"
        larger.time_base = Fraction(1, 8)
        for codec, first, part in ((stream, 0, numbers[:half]), (larger, half, numbers[half:])):
            frames = [
                av.VideoFrame.from_ndarray(draw(n, *sizes_of(codec)), format="rgb24").reformat(
                    format="yuv420p"
                )
                for n in part
            ]
            for i, frame in enumerate([*frames, None]):
                if frame is not None:
                    frame.pts, frame.time_base = first + i, Fraction(1, 8)
                for packet in codec.encode(frame):
                    packet.stream = stream
                    container.mux(packet)
    return path


def sizes_of(codec: object) -> tuple[int, int]:
    return codec.width, codec.height  # type: ignore[attr-defined]


def write_webp(path: Path, numbers: Iterable[int], *, ms: int = 100, alpha: int = 255) -> Path:
    """An animated WebP of the given numbers, without loss; ``alpha`` of all its pixels."""
    first, *others = (
        Image.fromarray(np.dstack([draw(n), np.full((HEIGHT, WIDTH), alpha, np.uint8)]))
        for n in numbers
    )
    first.save(
        path, "WEBP", save_all=True, append_images=others, duration=ms, lossless=True, exact=True
    )
    return path


def write_colour(path: Path, yuv: tuple[int, int, int], tags: str) -> Path:
    """Four frames of one stored colour, without loss; ``tags`` are x264's words for what it means."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=8)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.options = {"qp": "0", "x264-params": tags}
        planes = np.repeat(np.array(yuv, np.uint8), [HEIGHT, HEIGHT // 4, HEIGHT // 4])
        picture = np.repeat(planes[:, None], WIDTH, axis=1)
        for _ in range(4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="yuv420p")))
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


def zero_delays(gif: Path, to: int = 0) -> Path:
    """Set every delay of a GIF to zero, in place: bytes 4 and 5 of its graphic controls."""
    data = bytearray(gif.read_bytes())
    at = data.find(b"\x21\xf9\x04")
    while at >= 0:
        data[at + 4 : at + 6] = to.to_bytes(2, "little")
        at = data.find(b"\x21\xf9\x04", at + 8)
    gif.write_bytes(data)
    return gif
