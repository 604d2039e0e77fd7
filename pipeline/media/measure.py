"""What is measured on a clip's sampled frames: light, change, bars, and a hash of each picture.

Every frame becomes a small luma picture as soon as it is decoded, and everything is measured on
those: no frame is held, and grain and compression, which average out, do not count. Nothing here
knows a threshold; whether a clip is black or frozen is for the clip checks to say.
"""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.media.decoded import Rgb

Small = npt.NDArray[np.float32]  # (height, width): luma of a reduced frame, 0..255
_Stack = npt.NDArray[np.float32]  # (frames, height, width)
_Bits = npt.NDArray[np.bool_]

SIDE = 64  # a small picture's longer side is at least this, where the frame's is
MOST = 257  # pixels a square's side: as many bytes add up within 16 bits
GRID = 32  # pictures are compared, and hashed, as GRID x GRID
LOW = 8  # frequencies per axis in a hash
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, of R, G, B
# ffmpeg's blackdetect: a pixel is black up to pix_th 0.10 of the range, a picture where pic_th 0.98
# of its pixels are (libavfilter/vf_blackdetect.c). There of the small picture's pixels.
BLACK, BLACK_SHARE = 0.10 * 255, 0.98
EDGE_SHARE = 0.5  # of the line that a bar ends at: so many of its pixels are not black
FLAT = 2.0  # luma: a picture whose low frequencies are all weaker than this shows nothing


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """Of one clip, named and scaled as in :class:`schemas.FrameSet`."""

    luma_mean: float
    black_frames: float
    motion: float | None
    letterbox: float | None
    perceptual_hash: tuple[str, ...]


def reduced(rgb: Rgb) -> Small:
    """The luma (ITU-R BT.601) of a frame (height, width, 3), averaged over squares of pixels.

    The squares are as large as leaves the longer side ``SIDE`` or more; a border narrower than a
    square is cut off. A smaller frame stays as it is.
    """
    height, width = rgb.shape[:2]
    factor = max(1, min(max(height, width) // SIDE, height, width, MOST))
    rows, columns = height // factor, width // factor
    # rows first: numpy adds whole rows faster than Pillow reduces a picture
    tall = rgb[: rows * factor].reshape(rows, factor, 3 * width).sum(axis=1, dtype=np.uint16)
    runs = tall[:, : 3 * columns * factor].reshape(rows * columns, 3 * factor)
    weights = np.tile(np.asarray(LUMA, np.float32) / factor**2, factor)
    small: Small = (runs.astype(np.float32) @ weights).reshape(rows, columns)
    return small


def measure(frames: Sequence[Small]) -> Measures:
    """Everything about one clip, from the small pictures of its frames: at least one, all of a size.

    - ``luma_mean``: mean luma over frames and pixels, 0..255.
    - ``black_frames``: share of the frames that are black as ffmpeg's ``blackdetect`` has it: 98 % of
      the pixels at most at 10 % of the range. Its pixels are those of the video, here they are means.
    - ``motion``: mean absolute difference of luma from frame to frame, over 32 x 32 areas; None for
      a single frame.
    - ``letterbox``: see :func:`bars`.
    - ``perceptual_hash``: see :func:`hashes`.
    """
    stack: _Stack = np.stack(frames)
    rows, columns = _areas(stack.shape[1], GRID), _areas(stack.shape[2], GRID)
    grids = (rows @ stack @ columns.T).astype(np.float32)
    black = (stack <= BLACK).mean(axis=(1, 2)) >= BLACK_SHARE
    return Measures(
        luma_mean=_rounded(stack.mean(dtype=np.float64)),
        black_frames=_rounded(black.mean()),
        motion=_rounded(np.abs(np.diff(grids, axis=0)).mean()) if len(stack) > 1 else None,
        letterbox=bars(stack),
        perceptual_hash=hashes(grids),
    )


def bars(stack: _Stack) -> float | None:
    """Share of the picture's area in black bars at its borders; None where nothing is ever lit.

    Frames (T, height, width) of luma. As ffmpeg's ``cropdetect`` does, lines that are black in every
    frame are taken from each side. Two conditions are added, for a night sky is no bar: bars stand on
    opposite sides, and a bar ends at a straight edge (one of the next two lines is lit over half of its
    length).
    """
    lit: _Bits = stack.max(axis=0) > BLACK
    if lit.mean() <= 1 - BLACK_SHARE:
        return None
    top, bottom = _pair_of_bars(lit)
    inner = lit[top : len(lit) - bottom]
    left, right = _pair_of_bars(inner.T)
    kept = len(inner) * (lit.shape[1] - left - right)
    return _rounded(1 - kept / lit.size)


def _pair_of_bars(lit: _Bits) -> tuple[int, int]:
    """Lines in the bars before the first line and after the last that is lit; (0, 0) unless both."""
    first, last = _bar(lit), _bar(lit[::-1])
    return (first, last) if first and last else (0, 0)


def _bar(lit: _Bits) -> int:
    """How many of the first lines are a bar; some line is not black."""
    shares = lit.mean(axis=1)
    n = int(np.argmax(shares > 1 - BLACK_SHARE))
    edge = shares[n : n + 2].max()  # a line may lie half in the bar
    return n if edge >= EDGE_SHARE else 0


def hashes(grids: _Stack) -> tuple[str, ...]:
    """The perceptual hash of each picture (T, 32, 32) of luma: 64 bits as 16 hexadecimal digits.

    ``pHash`` in the form of the imagehash library (``imagehash.phash``, after C. Zauner,
    Implementation and Benchmarking of Perceptual Image Hash Functions, 2010): of a type II cosine
    transform of the 32 x 32 picture, bit (i, j) says whether coefficient (i, j), 0 <= i, j < 8, lies
    above the median of those 64, the zero frequency among them; written row by row, first bit
    highest. Two deviations: the picture was scaled down by averaging areas, there by a Lanczos filter;
    and a picture without structure (every other coefficient below ``FLAT``, in units in which noise
    of that deviation would give it) has the hash 0, which no other has, for its bits were noise.
    """
    low = _cosines() @ grids @ _cosines().T
    flat = low.reshape(len(grids), -1)
    bits = flat > np.median(flat, axis=1, keepdims=True)
    bits[np.abs(flat[:, 1:]).max(axis=1) < FLAT] = False
    return tuple(row.tobytes().hex() for row in np.packbits(bits, axis=1))


@functools.lru_cache(maxsize=64)
def _areas(n: int, cells: int) -> npt.NDArray[np.float32]:
    """(cells, n): what takes a line of ``n`` pixels to the means over ``cells`` equal lengths of it."""
    edges = np.linspace(0, n, cells + 1)
    starts = np.arange(n)
    overlap = np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts)
    return (np.clip(overlap, 0, None) * cells / n).astype(np.float32)


@functools.cache
def _cosines() -> npt.NDArray[np.float32]:
    """(8, 32): the first rows of a type II cosine transform, all scaled alike."""
    angle = np.pi / GRID * (np.arange(GRID) + 0.5) * np.arange(LOW)[:, None]
    return (np.sqrt(2 / GRID) * np.cos(angle)).astype(np.float32)


def _rounded(value: float) -> float:
    """Without the digits in which the order of adding shows."""
    return round(float(value), 4)
