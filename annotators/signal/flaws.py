"""What can be wrong with pictures and their sequence, each as a number in a readable unit."""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from annotators.signal.frames import Floats, Frames
from annotators.signal.scene import Scene

Array = NDArray[np.float64]

PLAIN = 0.65  # share of the picture in the background's colour from which a scene counts as plain
REPEATED_LEVELS = 2.2  # rms difference below which two frames are one picture coded twice
_LEAP = 0.14  # of the short side; smooth motion over a few frames stays below
_FIELDS = 4  # per side
_REACH_PX = 6  # how far an edge may spread and still be measured


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Flaws:
    """What is measured of a clip; T frames, T - 1 steps.

    ``sharpness`` 0..1, None where the picture has no edge to measure; ``noise`` standard deviation
    in levels; ``flicker`` relative change of brightness to and fro; ``frozen`` share 0..1 of the
    steps that repeat a frame; ``jumps`` number of discontinuities; ``drift`` of the background in
    levels.
    """

    sharpness: float | None
    noise: float
    flicker: float
    frozen: float
    jumps: float
    drift: float


def measure(frames: Frames, scene: Scene) -> Flaws:
    """All flaws of a clip."""
    moving = ~repeats(frames)
    frozen = float(np.mean(~moving)) if len(moving) else 0.0
    return Flaws(
        sharpness=sharpness(frames.rgb, frames.noise),
        noise=frames.noise,
        flicker=flicker(frames.luma),
        frozen=frozen,
        jumps=jumps(frames, scene, moving),
        drift=drift(scene),
    )


def repeats(frames: Frames) -> NDArray[np.bool_]:
    """For each step (T-1,), whether it shows the same picture again.

    Standing objects are no repetition: a camera's noise, or anything else alive in the picture,
    tells a still scene from a still picture.
    """
    rms = np.sqrt((np.diff(frames.luma, axis=0) ** 2).mean(axis=(1, 2)))
    return np.asarray(rms < REPEATED_LEVELS)


def sharpness(rgb: Floats, noise_levels: float) -> float | None:
    """How much of an edge's contrast lies within two pixels, 0..1, median over frames.

    For a step blurred by a Gaussian of s pixels this is erf(1 / (s sqrt 2)): 0.7 for s = 1, 0.4 for
    s = 2. Measured across the strongest edges of every third frame; None where no edge stands
    clear of the noise.
    """
    some = rgb[::3]
    values = [value for frame in some if (value := _edge_ratio(frame, noise_levels)) is not None]
    return float(np.median(values)) if len(values) * 2 >= len(some) else None


def _edge_ratio(rgb: Floats, noise_levels: float) -> float | None:
    if min(rgb.shape[:2]) <= 2 * _REACH_PX:
        return None
    # Averaged along the edge, which keeps the edge and takes noise away.
    across = [
        (rgb[1:-1] + rgb[:-2] + rgb[2:]) / 3,
        ((rgb[:, 1:-1] + rgb[:, :-2] + rgb[:, 2:]) / 3).transpose(1, 0, 2),
    ]
    far = [
        np.einsum("yxc,yxc->yx", d, d)
        for a in across
        for d in [a[:, 2 * _REACH_PX :] - a[:, : -2 * _REACH_PX]]
    ]
    strongest = float(np.sqrt(np.percentile(np.concatenate([f.ravel() for f in far]), 99.7)))
    least = max(40.0, 4 * noise_levels)
    if strongest < least:
        return None
    chosen = [np.nonzero(f > max(least, 0.7 * strongest) ** 2) for f in far]
    near = [_steepest(a, y, x) for a, (y, x) in zip(across, chosen)]
    coarse = [np.sqrt(f[at]) for f, at in zip(far, chosen)]
    return float(np.clip(np.concatenate(near).sum() / np.concatenate(coarse).sum(), 0, 1))


def _steepest(rgb: NDArray[np.floating], y: NDArray[np.intp], x: NDArray[np.intp]) -> Floats:
    """Largest contrast over 2 px within the reach that starts at x, for n places (n,)."""
    run = rgb[y[:, None], x[:, None] + np.arange(2 * _REACH_PX + 1)]  # (n, reach, 3)
    step = run[:, 2:] - run[:, :-2]
    return np.asarray(np.sqrt(np.einsum("nkc,nkc->nk", step, step).max(axis=1)))


def flicker(luma: Floats) -> float:
    """Relative brightness change to and fro from frame to frame, 0.05 = 5 per cent up and down.

    Half the second difference of log brightness over two steps, in each of 4 x 4 fields; the median
    over fields leaves out what moves, the median over frames leaves out cuts. The 4 added levels
    keep black pictures from counting as infinitely unsteady.
    """
    if len(luma) < 3:
        return 0.0
    rows, columns = (min(_FIELDS, side) for side in luma.shape[1:])
    fields = [
        field
        for row in np.array_split(luma, rows, axis=1)
        for field in np.array_split(row, columns, axis=2)
    ]
    bright = np.log(np.stack([field.mean(axis=(1, 2)) for field in fields], axis=1) + 4.0)
    bend = np.abs(np.median(bright[1:-1] - (bright[:-2] + bright[2:]) / 2, axis=1)) / 2
    return float(np.median(bend))


def jumps(frames: Frames, scene: Scene, moving: NDArray[np.bool_]) -> float:
    """Number of discontinuities: objects that leap, or pictures that change at once."""
    if scene.uniform >= PLAIN and len(scene.blobs):
        return _leaps(frames, scene, moving)
    return _cuts(frames)


def _leaps(frames: Frames, scene: Scene, moving: NDArray[np.bool_]) -> float:
    """Steps in which the objects' common centre moves as in no neighbouring step.

    Turning round is no leap: such a step is like the one before or the one after it, or like the
    median step.
    """
    place = centre(scene, len(frames.rgb))
    elapsed = np.diff(frames.position)
    step = np.diff(place, axis=0) / elapsed[:, None]
    seen = np.isfinite(step).all(axis=1) & moving
    step, elapsed = step[seen], elapsed[seen]
    if len(step) < 3:
        return 0.0
    others = [
        np.tile(np.median(step, axis=0), (len(step), 1)),
        np.vstack([step[1:2], step[:-1]]),
        np.vstack([step[1:], step[-2:-1]]),
    ]
    odd = np.min([np.hypot(*(step - other).T) for other in others], axis=0) * elapsed
    return float((odd > _LEAP * frames.side_px).sum())


def centre(scene: Scene, n_frames: int) -> Array:
    """Centre of all objects, weighted by area, per frame (T, 2); NaN where there is none."""
    blobs = scene.blobs
    area = np.bincount(blobs.frame, blobs.area, n_frames)
    sums = [np.bincount(blobs.frame, blobs.area * blobs.place[:, i], n_frames) for i in (0, 1)]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.stack(sums, axis=1) / area[:, None]


def _cuts(frames: Frames) -> float:
    """Steps that change the whole picture, against the median step of the clip."""
    small = np.stack([ndimage.zoom(f, 0.25, order=1) for f in frames.luma])
    if len(small) < 4:
        return 0.0
    difference = np.abs(np.diff(small, axis=0)).mean(axis=(1, 2))
    return float((difference > np.maximum(25.0, 3 * np.median(difference))).sum())


def drift(scene: Scene) -> float:
    """Change of a plain background's colour from the first two to the last two frames."""
    if scene.uniform < PLAIN or len(scene.background) < 4:
        return 0.0
    early, late = scene.background[:2].mean(axis=0), scene.background[-2:].mean(axis=0)
    return float(np.sqrt(((late - early) ** 2).sum()))
