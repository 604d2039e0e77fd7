"""Stages as pixels: shapes with soft edges on a background that is never quite at rest."""

import numpy as np
from numpy.typing import NDArray

from pipeline.generators.stage import CANVAS, FRAMES, Array, Stage

Frames = NDArray[np.float32]  # (T, 3, height, width), levels 0..255 before rounding

WAVE_LEVELS = 11.0  # amplitude of the texture: a clean clip never stands still, a frozen one does
WAVE_CYCLES_PER_FRAME = 1.0 / 16.0  # about 3 px per frame
GRAIN_LEVELS = 1.5  # standard deviation of every clip's own grain
_PIXELS = np.arange(CANVAS, dtype=np.float32) + 0.5  # pixel centres


def _distance(shape: str, dx: Array, dy: Array, radius: Array) -> Array:
    """Signed distance to the outline in pixels, negative inside, exact along straight edges."""
    if shape == "circle":
        return np.sqrt(dx * dx + dy * dy) - radius
    if shape == "square":
        return np.maximum(np.abs(dx), np.abs(dy)) - 0.9 * radius
    # Equilateral, apex up, circumradius 1.2 R, so inradius 0.6 R; its box is centred on the place.
    below = dy - 0.3 * radius
    slanted = np.float32(np.sqrt(3) / 2) * np.abs(dx) - 0.5 * below
    return np.maximum(below, slanted) - 0.6 * radius


def _cover(stage: Stage) -> Array:
    """Share of each pixel that an object covers, (T, height, width) in 0..1."""
    cover = np.zeros((FRAMES, CANVAS, CANVAS), np.float32)
    radius = stage.radius[:, None, None]
    along = (_PIXELS[None, :] - stage.along[:, None]).astype(np.float32)
    for place in stage.across:
        across = np.broadcast_to(_PIXELS - place, along.shape)
        x, y = (along, across) if stage.horizontal else (across, along)
        distance = _distance(stage.shape, x[:, None, :], y[:, :, None], radius)
        np.maximum(cover, np.clip(0.5 - distance, 0.0, 1.0), out=cover)
    return cover


def _texture(stage: Stage) -> Array:
    """The drifting wave, (T, height, width) in levels: sin(a + b) from sines of x and of y, t."""
    turn = np.float32(2 * np.pi)
    x = turn * stage.wave[0] * _PIXELS / CANVAS
    y = turn * stage.wave[1] * _PIXELS / CANVAS
    time = stage.wave[2] - turn * WAVE_CYCLES_PER_FRAME * np.arange(FRAMES, dtype=np.float32)
    yt = y[None, :] + time[:, None]
    wave = np.sin(yt)[:, :, None] * np.cos(x) + np.cos(yt)[:, :, None] * np.sin(x)
    return np.asarray(WAVE_LEVELS * wave, np.float32)


def draw(stage: Stage) -> Frames:
    """The frames of a stage, exposure applied, without grain: (T, 3, height, width)."""
    cover = _cover(stage)[:, None]
    ground = stage.background[:, :, None, None] + _texture(stage)[:, None]
    frames = stage.colour[:, :, None, None] - ground
    frames *= cover
    frames += ground
    frames *= stage.gain[:, None, None, None]
    return frames


def add_grain(frames: Frames, levels: float, rng: np.random.Generator) -> Frames:
    """Grey grain of standard deviation ``levels``, fresh in every frame and pixel.

    Uniformly distributed, which is drawn four times as fast as a normal one and looks the same: a
    uniform variable of width w has the standard deviation w / sqrt(12).
    """
    grain = rng.random((len(frames), 1, CANVAS, CANVAS), np.float32)
    grain -= np.float32(0.5)
    grain *= np.float32(levels * np.sqrt(12))
    return frames + grain


def to_pixels(frames: Frames) -> NDArray[np.uint8]:
    """Rounded to levels, as encoders want them: (T, height, width, 3), uint8."""
    rounded = frames + np.float32(0.5)  # the conversion below cuts fractions off
    np.clip(rounded, 0, 255, out=rounded)
    pixels = np.empty((len(frames), CANVAS, CANVAS, 3), np.uint8)
    pixels[...] = rounded.astype(np.uint8).transpose(0, 2, 3, 1)
    return pixels
