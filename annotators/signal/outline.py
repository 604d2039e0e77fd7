"""Shapes by name: an outline described by moments that do not depend on place, size or rotation."""

import functools
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Array = NDArray[np.float64]

_ORDERS = (2, 3, 4, 5, 6)
N_FEATURES = 2 + len(_ORDERS)
_DRAWN_PX = 96
_SOFTNESS = 0.035  # distance between outlines of a dozen pixels that are still the same shape


def features(label: NDArray[np.intp], x: Array, y: Array, n: int) -> Array:
    """Outline features (n, N_FEATURES + 1) of n sets of pixels, given each pixel's set and place.

    Compactness area / (2 pi m2) and flatness m4 / m2^2 of the radius about the centroid, then the
    magnitude of the angular moments sum(r^2 exp(i k phi)) / sum(r^2) for k = 2..6, which is large
    for k-fold symmetry (complex moments: Abu-Mostafa and Psaltis, PAMI 6, 1984). The last column
    is the phase of the fourth, which tells a diamond from an upright square.
    """
    area = np.maximum(np.bincount(label, minlength=n), 1.0)
    z = (x - (np.bincount(label, x, n) / area)[label]) + 1j * (
        y - (np.bincount(label, y, n) / area)[label]
    )
    square = np.abs(z) ** 2 + 1 / 6  # + 1/6: second moment of the pixel itself
    m2 = np.bincount(label, square, n) / area
    m4 = np.bincount(label, square**2, n) / area
    unit = z / np.maximum(np.abs(z), 1e-9)
    columns = [area / (2 * np.pi * m2), m4 / m2**2]
    phase = np.zeros(n)
    for order in _ORDERS:
        term = square * unit**order
        moment = np.bincount(label, term.real, n) + 1j * np.bincount(label, term.imag, n)
        columns.append(np.abs(moment) / (area * m2))
        if order == 4:
            phase = np.angle(moment)
    return np.stack([*columns, phase], axis=1)


def _regular(corners: int, *, inner: float = 1.0) -> list[tuple[float, float]]:
    radii = (1.0, inner) if inner < 1 else (1.0,)
    n = corners * len(radii)
    return [
        (
            radii[i % len(radii)] * math.sin(2 * math.pi * i / n),
            -radii[i % len(radii)] * math.cos(2 * math.pi * i / n),
        )
        for i in range(n)
    ]


def _box(width: float, height: float) -> list[tuple[float, float]]:
    return [(-width, -height), (width, -height), (width, height), (-width, height)]


def _cross(arm: float) -> list[tuple[float, float]]:
    quarter = [(arm, -1.0), (arm, -arm), (1.0, -arm)]
    points = []
    for _ in range(4):
        points += quarter
        quarter = [(-py, px) for px, py in quarter]
    return points


# Polygons in a box of -1..1; a name may look more than one way.
POLYGONS: dict[str, tuple[list[tuple[float, float]], ...]] = {
    "circle": (_regular(72),),
    "square": (_box(0.8, 0.8),),
    "triangle": (_regular(3), [(-1.0, 1.0), (-1.0, -0.8), (0.9, 1.0)]),
    "rectangle": (_box(1.0, 0.6), _box(1.0, 0.4), _box(1.0, 0.2)),
    "ellipse": tuple([(x, y * b) for x, y in _regular(72)] for b in (0.75, 0.55)),
    "diamond": (_regular(4), [(0, -1), (0.65, 0), (0, 1), (-0.65, 0)]),
    "pentagon": (_regular(5),),
    "hexagon": (_regular(6),),
    "star": (_regular(5, inner=0.4), _regular(5, inner=0.5), _regular(6, inner=0.5)),
    "cross": (_cross(0.33), _cross(0.2)),
}
RINGS = (0.5, 0.75)  # inner radius of a ring, its outer being 1
NAMES = (*POLYGONS, "ring")


def _drawn(points: list[tuple[float, float]], hole: float = 0.0) -> Array:
    half = _DRAWN_PX / 2
    picture = Image.new("1", (_DRAWN_PX, _DRAWN_PX))
    draw = ImageDraw.Draw(picture)
    draw.polygon([(half + 0.95 * half * x, half + 0.95 * half * y) for x, y in points], fill=1)
    if hole:
        draw.ellipse(
            [
                half - 0.95 * half * hole,
                half - 0.95 * half * hole,
                half + 0.95 * half * hole,
                half + 0.95 * half * hole,
            ],
            fill=0,
        )
    y, x = np.nonzero(np.asarray(picture))
    return features(np.zeros(len(x), np.intp), x.astype(float), y.astype(float), 1)[0]


@functools.lru_cache(maxsize=1)
def _prototypes() -> tuple[tuple[str, ...], Array]:
    drawn = [(name, _drawn(points)) for name, ways in POLYGONS.items() for points in ways]
    drawn += [("ring", _drawn(_regular(72), hole)) for hole in RINGS]
    return tuple(name for name, _ in drawn), np.stack([values for _, values in drawn])


# Flatness varies most between shapes but also with every ragged pixel of the outline.
_WEIGHTS = np.array([1.0, 0.4, 1.0, 1.0, 1.0, 0.7, 0.5])


def _distances(outlines: Array) -> tuple[tuple[str, ...], Array]:
    names, prototypes = _prototypes()
    difference = (outlines[:, None, :N_FEATURES] - prototypes[:, :N_FEATURES]) * _WEIGHTS
    # Angle of the fourth moment, counted as far as both outlines have one.
    turn = np.abs(np.exp(1j * outlines[:, None, -1]) - np.exp(1j * prototypes[:, -1]))
    turn *= np.minimum(outlines[:, None, 4], prototypes[:, 4])
    return names, np.asarray(np.sqrt((difference**2).sum(-1) + turn**2))


def match(outlines: Array, name: str) -> Array:
    """How well each outline (n, N_FEATURES + 1) answers to a name, 0..1 (nothing nearer)."""
    names, distance = _distances(outlines)
    own = distance[:, [n == name for n in names]].min(axis=1)
    return np.asarray(np.exp(-(own - distance.min(axis=1)) / _SOFTNESS))


def name_of(features_of_one: Array) -> str:
    """Name of one outline."""
    names, distance = _distances(np.asarray(features_of_one)[None])
    return names[int(distance[0].argmin())]
