"""Small clips of every kind, and what can go wrong with their bytes."""

import io
import random
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
from coded_clips import draw, write_clip
from PIL import Image

from pipeline.media.avi import avi

# name: what PyAV's muxer is told
KINDS = {
    "h264.mp4": {"codec": "libx264"},  # B-frames: its times begin with an edit list
    "fragments.mp4": {"codec": "libx264", "options": {"movflags": "frag_keyframe+empty_moov"}},
    "hevc.mp4": {"codec": "libx265", "b_frames": 0},
    "av1.mp4": {"codec": "libsvtav1", "b_frames": 0},
    "vp9.webm": {"codec": "libvpx-vp9", "b_frames": 0},
    "vp8.webm": {"codec": "libvpx", "b_frames": 0},
    "h264.mkv": {"codec": "libx264"},
    "gif.gif": {"codec": "gif"},
    "h264.ts": {"codec": "libx264"},
    "mpeg4.avi": {"codec": "mpeg4"},
    "mpeg2.mpeg": {"codec": "mpeg2video", "rate": 25, "format": "mpeg"},
    "h264.flv": {"codec": "libx264", "b_frames": 0},
    "wmv.wmv": {"codec": "wmv2", "format": "asf"},
}
FRAMES = 10
_EXTREME = (
    0,
    1,
    0x7F,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    2**63 - 1,
    2**64 - 1,
)
_FOURCC = re.compile(rb"[a-zA-Z][a-zA-Z0-9 ]{3}")


def seeds(folder: Path) -> dict[str, bytes]:
    """The bytes of one whole clip of every kind that this PyAV can write."""
    made = {}
    for name, how in KINDS.items():
        if how["codec"] in av.codecs_available:
            made[name] = write_clip(folder / name, range(FRAMES), gop=4, **how).read_bytes()
    images = [Image.fromarray(draw(i)) for i in range(FRAMES)]
    images[0].save(folder / "a.webp", save_all=True, append_images=images[1:], duration=125)
    made["webp.webp"] = (folder / "a.webp").read_bytes()
    for kind, codec in (("JPEG", b"MJPG"), ("PNG", b"MPNG")):
        pictures = [picture(image, kind) for image in images]
        made[f"{kind.lower()}.avi"] = avi(pictures, codec, *images[0].size, Fraction(8))
    return made


def picture(image: Image.Image, kind: str) -> bytes:
    """A picture's file."""
    data = io.BytesIO()
    image.save(data, kind)
    return data.getvalue()


def bit_flips(data: bytearray, draws: random.Random, _: bytes) -> None:
    for _ in range(draws.choice((1, 3, 10, 40))):
        data[draws.randrange(len(data))] ^= 1 << draws.randrange(8)


def cut(data: bytearray, draws: random.Random, _: bytes) -> None:
    del data[draws.randrange(1, len(data)) :]


def zeroes(data: bytearray, draws: random.Random, _: bytes) -> None:
    start, end = _range(data, draws)
    data[start:end] = bytes(end - start)


def repeat(data: bytearray, draws: random.Random, _: bytes) -> None:
    start, end = _range(data, draws)
    data[end:end] = data[start:end] * draws.choice((1, 1, 5))


def remove(data: bytearray, draws: random.Random, _: bytes) -> None:
    start, end = _range(data, draws)
    del data[start:end]


def header(data: bytearray, draws: random.Random, _: bytes) -> None:
    """Bytes after the first eight, by which the kind is told, and before the pictures."""
    for _ in range(draws.choice((1, 2, 8))):
        data[draws.randrange(8, min(len(data), 600))] = draws.randrange(256)


def extremes(data: bytearray, draws: random.Random, _: bytes) -> None:
    """Extreme integers in or near what looks like the name of a box, element or chunk."""
    names = [match.start() for match in _FOURCC.finditer(bytes(data))] or [0]
    for _ in range(draws.choice((1, 1, 2, 4))):
        at = draws.choice(names) + draws.choice((-8, -4, 4, 8, 12, 16, 20, 24, 28))
        size = draws.choice((1, 2, 4, 4, 4, 8))
        if 0 <= at <= len(data) - size:
            value = draws.choice(_EXTREME) % 2 ** (8 * size)
            data[at : at + size] = value.to_bytes(size, draws.choice(("big", "little")))


def splice(data: bytearray, draws: random.Random, other: bytes) -> None:
    """The beginning of one kind, the end of another."""
    data[draws.randrange(12, len(data)) :] = other[draws.randrange(len(other)) :]


def shuffle(data: bytearray, draws: random.Random, _: bytes) -> None:
    start, end = _range(data, draws)
    middle = draws.randrange(start, end)
    data[start:end] = data[middle:end] + data[start:middle]


MUTATIONS: tuple[Callable[[bytearray, random.Random, bytes], None], ...] = (
    bit_flips, cut, zeroes, repeat, remove, header, extremes, extremes, splice, shuffle,
)  # fmt: skip


def damaged(made: dict[str, bytes], number: int) -> tuple[str, bytes]:
    """Damaged clip ``number``: its name, and its bytes, the same in every run for the same clips."""
    draws = random.Random(number)
    name = sorted(made)[number % len(made)]
    mutate = MUTATIONS[number // len(made) % len(MUTATIONS)]
    data = bytearray(made[name])
    mutate(data, draws, made[draws.choice(sorted(made))])
    return f"{number:05}-{mutate.__name__}-{name}", bytes(data)


def _range(data: bytearray, draws: random.Random) -> tuple[int, int]:
    length = min(len(data) - 1, draws.choice((4, 16, 64, 256, 1024)))
    start = draws.randrange(len(data) - length)
    return start, start + length


def many_streams(path: Path, n: int) -> Path:
    """A clip and ``n - 1`` silent streams of pictures beside it."""
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("mpeg4", rate=8) for _ in range(n)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        frame = av.VideoFrame(32, 32, "yuv420p")
        for stream in streams:
            frame.pts, frame.time_base = 0, Fraction(1, 8)
            container.mux([*stream.encode(frame), *stream.encode(None)])
    return path
