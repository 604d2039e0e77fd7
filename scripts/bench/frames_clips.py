"""Clips as text-to-video models make them, whose every frame carries its number in its pixels.

H.264 with B-frames (libx264's own settings) in mp4, and GIF: a soft background that pans, with discs
that go their own ways, and a little grain. Ten blocks along the top are the bits of the number.
"""

import dataclasses
import io
import os
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

BITS, BAR = 10, 8  # blocks of one bit; the bar takes an eighth of the height
VERSION = 3  # of what is drawn: another number makes the clips anew
Rgb = npt.NDArray[np.uint8]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Clips of one class."""

    name: str
    width: int
    height: int
    frames: int
    rate: int
    clips: int
    suffix: str = ".mp4"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """A clip, and how many frames it has. ``coded``: they carry their numbers."""

    path: str
    frames: int
    coded: bool = True


KINDS = {
    kind.name: kind
    for kind in (
        Kind(name="256p", width=256, height=256, frames=16, rate=8, clips=6),
        Kind(name="320p", width=576, height=320, frames=72, rate=24, clips=4),
        Kind(name="480p-long", width=854, height=480, frames=480, rate=30, clips=2),
        Kind(name="1080p", width=1920, height=1080, frames=120, rate=24, clips=2),
        Kind(name="gif", width=256, height=256, frames=24, rate=8, clips=4, suffix=".gif"),
    )
}


def clips_of(kind: Kind, folder: Path) -> list[Coded]:
    """The clips of a kind, made where they are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for seed in range(kind.clips):
        path = folder / f"{kind.name}-{VERSION}-{seed}{kind.suffix}"
        if not path.exists():
            unfinished = path.with_name(f"unfinished-{os.getpid()}{kind.suffix}")
            _write(unfinished, kind, seed)
            unfinished.replace(path)
        made.append(Coded(path=str(path), frames=kind.frames))
    return made


def clips_in(folder: Path) -> list[Coded]:
    """Somebody's clips; those that cannot be counted are left out."""
    found = []
    for path in sorted(p for p in folder.iterdir() if p.is_file()):
        try:
            with av.open(str(path), metadata_errors="ignore") as opened:
                frames = sum(1 for _ in opened.decode(video=0))
            found.append(Coded(path=str(path), frames=frames, coded=False))
        except (av.FFmpegError, ValueError, IndexError):
            continue
    return found


def number_in(jpeg: bytes) -> int:
    """The number that a frame carries."""
    grey = np.asarray(Image.open(io.BytesIO(jpeg)).convert("L"), np.float32)
    bar = grey[: max(1, grey.shape[0] // BAR)]
    # The middle of each block: scaling and JPEG blur its edges.
    centres = ((np.arange(BITS) + 0.5) * bar.shape[1] / BITS).astype(int)
    return sum(int(bar[:, c - 1 : c + 2].mean() > 127) << i for i, c in enumerate(centres))


def _write(path: Path, kind: Kind, seed: int) -> None:
    with av.open(str(path), "w") as container:
        gif = kind.suffix == ".gif"
        stream = container.add_stream("gif" if gif else "libx264", rate=kind.rate)
        stream.width, stream.height = kind.width, kind.height
        stream.pix_fmt = "rgb8" if gif else "yuv420p"
        if not gif:
            stream.codec_context.max_b_frames = 3
            stream.codec_context.gop_size = 250
            # Half of the frames are B-frames that nothing refers to; in FETV's clips it is 44 %.
            stream.options = {"b-adapt": "0"}
        for rgb in _pictures(kind, seed):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            container.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
        container.mux(stream.encode(None))


def _pictures(kind: Kind, seed: int) -> Iterator[Rgb]:
    rng = np.random.default_rng(seed)
    width, height = kind.width, kind.height
    coarse = rng.integers(30, 226, (6, 8, 3), dtype=np.uint8)
    room = (2 * width, 2 * height)
    background = np.asarray(Image.fromarray(coarse).resize(room, Image.Resampling.BICUBIC))
    background = np.clip(background + rng.normal(0, 4, background.shape), 0, 255).astype(np.uint8)
    discs = [_disc(rng, height) for _ in range(6)]
    for number in range(kind.frames):
        seconds = number / kind.rate
        left = int((0.5 + 0.4 * np.sin(0.12 * seconds)) * width)
        top = int((0.5 + 0.4 * np.cos(0.08 * seconds)) * height)
        picture = background[top : top + height, left : left + width].copy()
        for mask, colour, (phase, speed, tilt, slow) in discs:
            across = 0.5 + 0.5 * np.sin(3 * phase + speed * seconds)
            down = 0.5 + 0.5 * np.sin(3 * tilt + slow * seconds)
            y, x = int(down * (height - len(mask))), int(across * (width - len(mask)))
            under = picture[y : y + len(mask), x : x + len(mask)]
            under[mask] = under[mask] // 3 + colour
        edges = np.linspace(0, width, BITS + 1).astype(int)
        for bit in range(BITS):
            picture[: height // BAR, edges[bit] : edges[bit + 1]] = 255 * (number >> bit & 1)
        yield picture


def _disc(rng: np.random.Generator, height: int) -> tuple[npt.NDArray[np.bool_], Rgb, list[float]]:
    """Which pixels of a square it covers, its colour, and how it moves."""
    radius = int(rng.uniform(0.05, 0.2) * height)
    rows, columns = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    colour = rng.integers(0, 170, 3).astype(np.uint8)
    return rows**2 + columns**2 <= radius**2, colour, list(rng.uniform(0, 2, 4))
