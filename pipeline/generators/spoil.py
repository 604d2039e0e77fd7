"""How each defect is put into a clip: one small function each, strength above 0 to 1.

Defects against the prompt change the scene, those of time change the stage or the order of frames,
those of single frames change the frames.
"""

import dataclasses
import itertools

import numpy as np

from pipeline.generators.draw import Frames, add_grain
from pipeline.generators.grammar import BACKGROUNDS, COLOURS, IN_ORDER, SINGLE, Scene
from pipeline.generators.stage import CANVAS, EXPOSURE, FRAMES, Stage

FLICKER = 0.16  # of the exposure, at most: bright and dark frames stay within clean exposures
# Between the middles of two parts: at least, and times the strength. Less would be hidden by the
# way that objects go between two frames anyway, more would put them where clean clips never do.
JUMP_PX = (20.0, 24.0)
BLUR_PX = 3.5  # standard deviation
NOISE_LEVELS = 36.0  # standard deviation
DRIFT = (8.0, 13.0)  # frames between which the background drifts


def wrong_colour(scene: Scene, rng: np.random.Generator) -> Scene:
    """Objects in a colour that the prompt does not name (of a colour change: the first one)."""
    others = [c for c in COLOURS if c not in (scene.colour, scene.turns_to)]
    return dataclasses.replace(scene, colour=others[rng.integers(len(others))])


def wrong_motion(scene: Scene, rng: np.random.Generator) -> Scene:
    """Another single event, or two events or colours in the wrong order."""
    if scene.turns_to is not None:
        return dataclasses.replace(scene, colour=scene.turns_to, turns_to=scene.colour)
    if scene.motion in IN_ORDER:
        first, second = scene.motion.split("-")
        return dataclasses.replace(scene, motion=f"{second}-{first}")
    others = [m for m in SINGLE if m != scene.motion]
    return dataclasses.replace(scene, motion=others[rng.integers(len(others))])


def missing_object(scene: Scene, share: float) -> Scene:
    """A share of the objects is not there (all of them: an empty picture)."""
    return dataclasses.replace(scene, count=round(scene.count * (1 - share)))


def jump_cuts(stage: Stage, strength: float, rng: np.random.Generator) -> Stage:
    """Two or three times the objects are at once on the other side, and go on from there."""
    cuts = (5, 10) if strength < 0.75 else (4, 8, 12)
    edges = [0, *(cut + int(rng.integers(-1, 2)) for cut in cuts), FRAMES]
    side = rng.choice((-0.5, 0.5))
    along = stage.along.copy()
    for start, end in itertools.pairwise(edges):
        part = stage.along[start:end]
        # The way within a part is halved, so that it stays on its side, and its middle is moved.
        there = CANVAS / 2 + side * (JUMP_PX[0] + JUMP_PX[1] * strength)
        along[start:end] = there + 0.5 * (part - (part.min() + part.max()) / 2)
        side = -side
    return dataclasses.replace(stage, along=along)


def flicker(stage: Stage, strength: float, rng: np.random.Generator) -> Stage:
    """Exposure goes up and down every two frames, within the range of clean exposures.

    Two, not one: whoever takes every second frame would otherwise see no change.
    """
    swing = FLICKER * strength
    centre = np.clip(stage.gain, EXPOSURE[0] + swing, EXPOSURE[1] - swing)
    sign = np.where(np.arange(FRAMES) // 2 % 2 == rng.integers(2), 1.0, -1.0)
    return dataclasses.replace(stage, gain=np.asarray(centre + swing * sign, np.float32))


def late_drift(stage: Stage, strength: float, rng: np.random.Generator) -> Stage:
    """In its second half the background slides towards that of another scene."""
    here = stage.background[0]
    # Far enough to be seen: black against navy would not be.
    far = [b for b in BACKGROUNDS.values() if np.abs(np.array(b) - here).max() > 60]
    there = np.array(far[rng.integers(len(far))], np.float32)
    share = np.clip((np.arange(FRAMES) - DRIFT[0]) / (DRIFT[1] - DRIFT[0]), 0, 1)[:, None]
    background = np.asarray(here + strength * share * (there - here), np.float32)
    return dataclasses.replace(stage, background=background)


def frozen(frames: Frames, strength: float) -> Frames:
    """From some frame on (the first, at strength 1) the picture is held, grain included."""
    last = round((1 - strength) * (FRAMES - 1))
    return frames[np.minimum(np.arange(FRAMES), last)]


def blur(frames: Frames, strength: float) -> Frames:
    """Gaussian blur; beyond the border the picture is taken to be like what is inside."""
    if strength == 0:
        return frames
    pixels = np.arange(CANVAS, dtype=np.float32)
    kernel = np.exp(-0.5 * ((pixels[:, None] - pixels) / (BLUR_PX * strength)) ** 2)
    kernel /= kernel.sum(axis=1, keepdims=True)
    blurred: Frames = kernel @ frames @ kernel.T
    return blurred


def noise(frames: Frames, strength: float, rng: np.random.Generator) -> Frames:
    """Strong grain, fresh in every frame."""
    return add_grain(frames, NOISE_LEVELS * strength, rng)
