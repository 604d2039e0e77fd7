"""Objects before a background: who stands where in each frame, in which colour and outline."""

import dataclasses
import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from annotators.signal import outline
from annotators.signal.frames import LUMA, Floats, Frames

Array = NDArray[np.float64]

_FLOOR = 36.0  # RGB distance (Euclidean, levels) below which a pixel counts as background
_NOISY_LEVELS = 5.0  # above what cameras and compression leave
_SMALLEST_SHARE = 0.0015  # of the picture; anything smaller is dirt
_SMALLEST_RELATIVE = 0.3  # of the typical object in the clip; noise breaks off smaller pieces
_MOST_OBJECTS = 12  # per frame; a picture in more pieces is texture, not objects


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Blobs:
    """Connected pieces of foreground, all frames together, n of them; lengths in pixels."""

    frame: NDArray[np.intp]  # (n,)
    area: Array  # (n,)
    place: Array  # (n, 2) x, y of the centroid
    extent: Array  # (n,) longer side of the bounding box
    inside: NDArray[np.bool_]  # (n,) the bounding box does not touch the border
    rgb: Array  # (n, 3)
    outline: Array  # (n, outline.N_FEATURES + 1)

    def __len__(self) -> int:
        return len(self.frame)

    def take(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> "Blobs":
        """The blobs named by a mask or by indices."""
        return Blobs(**{f.name: getattr(self, f.name)[keep] for f in dataclasses.fields(self)})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """``background`` (T, 3) in RGB levels; ``uniform`` is the share of the picture, 0..1, that has
    the background's colour, so it tells a plain scene from a filmed one."""

    background: Array
    uniform: float
    blobs: Blobs


def look(frames: Frames) -> Scene:
    """Split each frame into background (the usual colour of its border) and objects.

    The border between them is put at half the contrast, so that blur does not change areas. In a
    noisy picture brightness says less than colour: it is smoothed more and counts for less.
    """
    noisy = frames.noise > _NOISY_LEVELS
    smooth = ndimage.uniform_filter(frames.smooth, (1, 3, 3, 1)) if noisy else frames.smooth
    background = _border_colour(smooth)
    difference = smooth - background[:, None, None, :]
    if noisy:
        grey = (difference @ LUMA)[..., None]
        difference -= grey * (1 - max(0.25, _NOISY_LEVELS / frames.noise))
    distance = np.sqrt(np.einsum("tyxc,tyxc->tyx", difference, difference))
    far = distance > _FLOOR
    share = far.mean()
    typical = float(np.percentile(distance[far], 75)) if share else _FLOOR
    blobs = _blobs(smooth, distance, max(_FLOOR, typical / 2))
    return Scene(background=background.astype(float), uniform=float(1 - share), blobs=blobs)


def _border_colour(rgb: Floats) -> Floats:
    height, width = rgb.shape[1:3]
    rim = max(2, min(height, width) // 12)
    border = np.ones((height, width), bool)
    border[rim:-rim, rim:-rim] = False
    border[::2, ::2] = border[1::2, 1::2] = False  # half of it is plenty
    return np.asarray(np.median(rgb[:, border], axis=1), np.float32)


def _blobs(smooth: Floats, distance: Floats, threshold: float) -> Blobs:
    label, n = ndimage.label(distance > threshold, _WITHIN_FRAME)
    if n == 0 or n > 20 * _MOST_OBJECTS * len(smooth):
        return _nothing()
    frame, y, x = np.nonzero(label)
    which = label[frame, y, x].astype(np.intp) - 1
    area = np.bincount(which, minlength=n).astype(float)
    keep = area >= max(8, _SMALLEST_SHARE * distance[0].size)
    if keep.any():
        keep &= area >= _SMALLEST_RELATIVE * np.median(area[keep])
    pixels = keep[which]
    frame, y, x = frame[pixels], y[pixels], x[pixels]
    which = (np.cumsum(keep) - 1)[which[pixels]]
    found = _measure(which, int(keep.sum()), frame, y, x, smooth, distance)
    crowded = np.bincount(found.frame, minlength=len(smooth)) > _MOST_OBJECTS
    return found.take(~crowded[found.frame])


_WITHIN_FRAME = np.zeros((3, 3, 3), bool)  # connects the eight neighbours, never two frames
_WITHIN_FRAME[1] = True


def _nothing() -> Blobs:
    none = np.zeros(0)
    return Blobs(
        frame=none.astype(np.intp),
        area=none,
        place=np.zeros((0, 2)),
        extent=none,
        inside=none.astype(bool),
        rgb=np.zeros((0, 3)),
        outline=np.zeros((0, outline.N_FEATURES + 1)),
    )


def _measure(
    which: NDArray[np.intp],
    n: int,
    frame: NDArray[np.intp],
    y: NDArray[np.intp],
    x: NDArray[np.intp],
    smooth: Floats,
    distance: Floats,
) -> Blobs:
    if n == 0:
        return _nothing()
    mean = functools.partial(_weighted_mean, which, n)
    one = np.ones(len(which))
    # The most different pixels carry the colour: at a soft edge it is mixed with the background.
    weight = distance[frame, y, x].astype(float) ** 4
    low, high = _bounds(which, n, x, y)
    size = np.array(smooth.shape[2:0:-1])
    return Blobs(
        frame=np.rint(mean(frame, one)).astype(np.intp),
        area=np.bincount(which, minlength=n).astype(float),
        place=np.stack([mean(x, one), mean(y, one)], axis=1),
        extent=(high - low + 1).max(axis=1).astype(float),
        inside=np.all((low > 0) & (high < size - 1), axis=1),
        rgb=np.stack([mean(smooth[frame, y, x, c], weight) for c in range(3)], axis=1),
        outline=outline.features(which, x.astype(float), y.astype(float), n),
    )


def _weighted_mean(which: NDArray[np.intp], n: int, value: NDArray[Any], weight: Array) -> Array:
    return np.asarray(np.bincount(which, value * weight, n) / np.bincount(which, weight, n))


def _bounds(
    which: NDArray[np.intp], n: int, x: NDArray[np.intp], y: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    low = np.full((n, 2), np.iinfo(np.intp).max)
    high = np.full((n, 2), -1)
    for axis, value in enumerate((x, y)):
        np.minimum.at(low[:, axis], which, value)
        np.maximum.at(high[:, axis], which, value)
    return low, high
