"""What happens in a clip, frame by frame, before any pixel is drawn: places, sizes, colours, light.

All lengths are pixels of a 96 x 96 canvas, origin top left, x to the right, y down.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from pipeline.generators.grammar import BACKGROUNDS, COLOURS, TURNING, Scene

Array = NDArray[np.float32]

FRAMES = 16
FPS = 8
CANVAS = 96
RADII = {"small": 7.0, "large": 12.0}
SPACING = 32.0  # between centres: the largest object is 30 wide, so neighbours never touch
TRAVEL_ONE = 44.0  # way of a single movement
SLACK_MOVING = 6.0  # a movement's middle is at most this far from the centre
SLACK_STAYING = (
    22.0  # as is one who stays in place: jump cuts must not be told from where things are
)
TRAVEL_TWO = 36.0  # way there, and way back
GROWTH = (0.6, 1.2)  # of the named size, from first to last frame
EXPOSURE = (0.75, 1.08)  # gain of a clean clip, constant over it; the brightest colour stays < 255
TURN = (5.0, 10.0)  # frames between which a colour change happens
_TIME = np.linspace(0.0, 1.0, FRAMES, dtype=np.float32)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One clip as numbers; T frames, n objects. The scene's shape is drawn with ``radius``.

    along (T,): common coordinate of all objects on their line of travel; across (n,): each object's
    own on the other axis; horizontal: whether the line of travel is x. radius (T,). colour and
    background (T, 3): RGB levels before exposure. gain (T,): exposure. wave (3,): cycles per canvas
    in x and y, and the phase in radians, of the soft texture that drifts over the background.
    """

    shape: str
    horizontal: bool
    along: Array
    across: Array
    radius: Array
    colour: Array
    background: Array
    gain: Array
    wave: Array


def _along(motion: str, jitter: float) -> Array:
    there_and_back = 1.0 - np.abs(2.0 * _TIME - 1.0)  # 0, up to 1 at mid-clip, 0
    first, _, second = motion.partition("-")
    if first not in ("left", "right", "up", "down"):
        return np.full(FRAMES, CANVAS / 2 + SLACK_STAYING * jitter, np.float32)
    sign = 1.0 if first in ("right", "down") else -1.0
    way = TRAVEL_TWO * (there_and_back - 0.5) if second else TRAVEL_ONE * (_TIME - 0.5)
    return np.asarray(CANVAS / 2 + SLACK_MOVING * jitter + sign * way, np.float32)


def _radius(size: str, motion: str) -> Array:
    low, high = GROWTH
    if motion == "growing":
        scale = low + (high - low) * _TIME
    elif motion == "shrinking":
        scale = high + (low - high) * _TIME
    else:
        scale = np.ones(FRAMES, np.float32)
    return np.asarray(RADII[size] * scale, np.float32)


def _colour(first: str, second: str | None) -> Array:
    start = np.array(COLOURS[first], np.float32)
    end = np.array(COLOURS[second or first], np.float32)
    share = np.clip((np.arange(FRAMES) - TURN[0]) / (TURN[1] - TURN[0]), 0.0, 1.0)[:, None]
    return np.asarray(start + (end - start) * share, np.float32)


def set_stage(scene: Scene, rng: np.random.Generator) -> Stage:
    """A clean clip of the scene: what the prompt leaves open (place, light, texture) is drawn.

    ``rng`` is asked for the same numbers whatever the scene, so that a defect that changes the
    scene changes nothing else.
    """
    across_jitter, along_jitter, either = rng.uniform(-1.0, 1.0, 3)
    gain = rng.uniform(*EXPOSURE)
    angle, cycles, phase = rng.uniform((0.0, 1.6, 0.0), (2 * np.pi, 2.4, 2 * np.pi))
    n = scene.count
    room = {0: 12.0, 1: 12.0, 2: 6.0, 3: 0.0}[n]  # three objects fill the line
    across = CANVAS / 2 + room * across_jitter + SPACING * (np.arange(n) - (n - 1) / 2)
    horizontal = either > 0
    if scene.motion.split("-")[0] in ("left", "right", "up", "down"):
        horizontal = scene.motion.split("-")[0] in ("left", "right")
    return Stage(
        shape=scene.shape,
        horizontal=horizontal,
        along=_along(scene.motion, along_jitter),
        across=np.asarray(across, np.float32),
        radius=_radius(scene.size, scene.motion),
        colour=_colour(scene.colour, scene.turns_to if scene.motion == TURNING else None),
        background=np.tile(np.array(BACKGROUNDS[scene.background], np.float32), (FRAMES, 1)),
        gain=np.full(FRAMES, gain, np.float32),
        wave=np.array([cycles * np.cos(angle), cycles * np.sin(angle), phase], np.float32),
    )
