"""Colours by name: which of the named prototypes a measured colour is nearest to."""

import functools

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# A name covers its usual shades, so it has more than one prototype (sRGB levels).
PROTOTYPES: dict[str, tuple[tuple[int, int, int], ...]] = {
    "red": ((220, 30, 30), (160, 20, 25), (235, 70, 65)),
    "orange": ((245, 140, 20), (225, 110, 30)),
    "yellow": ((235, 215, 35), (175, 160, 35), (250, 240, 110)),
    "green": ((45, 180, 60), (25, 110, 40), (120, 210, 60), (90, 200, 120)),
    "cyan": ((45, 205, 220), (35, 150, 165), (120, 225, 235)),
    "teal": ((20, 90, 92), (20, 65, 70)),
    "blue": ((45, 80, 235), (35, 60, 175), (90, 150, 240)),
    "navy": ((26, 32, 92), (20, 26, 66)),
    "purple": ((130, 50, 190), (95, 40, 130), (170, 110, 220)),
    "magenta": ((215, 55, 200), (160, 40, 150)),
    "pink": ((250, 160, 190), (245, 110, 165)),
    "brown": ((110, 70, 40), (70, 46, 27), (140, 95, 60)),
    "beige": ((225, 205, 170),),
    "black": ((8, 8, 8), (22, 22, 24)),
    "grey": ((125, 125, 125), (90, 90, 90), (170, 170, 170), (62, 62, 62)),
    "white": ((250, 250, 250), (222, 222, 222)),
}

_NAMES = tuple(name for name, shades in PROTOTYPES.items() for _ in shades)
_SOFTNESS = 8.0  # CIELAB units; about the difference people begin to call another shade

_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_WHITE = np.array([0.95047, 1.0, 1.08883])  # D65


def to_lab(rgb: Array) -> Array:
    """CIELAB (CIE 15:2004, white point D65) of sRGB levels 0..255 (IEC 61966-2-1); (..., 3)."""
    value = np.clip(rgb, 0, 255) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    ratio = linear @ _TO_XYZ.T / _WHITE
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])],
        axis=-1,
    )


@functools.lru_cache(maxsize=1)
def _prototypes() -> Array:
    return to_lab(np.array([shade for shades in PROTOTYPES.values() for shade in shades], float))


def _distances(rgb: Array) -> Array:
    """Distance of each colour (n, 3) to each prototype (n, p). Lightness counts half: exposure
    changes it, hue and chroma name the colour."""
    difference = to_lab(np.asarray(rgb, float))[:, None, :] - _prototypes()
    return np.asarray(np.sqrt((difference**2 * (0.25, 1.0, 1.0)).sum(-1)))


def match(rgb: Array, name: str) -> Array:
    """How well each colour (n, 3) answers to a name, 0..1: 1 where no other name is nearer."""
    distance = _distances(rgb)
    own = distance[:, [n == name for n in _NAMES]].min(axis=1)
    return np.asarray(np.exp(-(own - distance.min(axis=1)) / _SOFTNESS))


def name_of(rgb: Array) -> str:
    """Name of one colour (3,)."""
    return _NAMES[int(_distances(np.asarray(rgb, float)[None])[0].argmin())]
