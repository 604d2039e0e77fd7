"""Which defects a simulated clip has, and what they cost it: the known truth behind a clip.

Two of three defects of quality are temporal: their single frames look like those of a clean clip,
and only the order of frames gives them away. That is what a reward model must see in time to learn.
"""

import dataclasses
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from pipeline.generators.grammar import TURNING, Scene
from schemas.ids import hash_fraction

AGAINST_PROMPT = ("wrong_colour", "wrong_motion", "missing_object")
TEMPORAL = ("frozen", "jump_cuts", "flicker", "late_drift")
PER_FRAME = ("blur", "noise")
DEFECTS = (*AGAINST_PROMPT, *TEMPORAL, *PER_FRAME)

WEAKEST = 0.55  # a defect is there or not: its strength is at least this, so that it can be seen
STOPPED_EARLY = 0.85  # a clip more frozen than this stops before one can see where things move
GUIDANCE = (3.0, 12.0)  # guidance scales between which the chances below move

# Points of five that a defect of strength 1 costs. Chosen, not measured: each is worth one to
# nearly three points, so that any visible defect changes a rounded score.
QUALITY_COST = {
    "frozen": 2.6,
    "jump_cuts": 2.6,
    "flicker": 2.3,
    "late_drift": 2.0,
    "blur": 2.3,
    "noise": 2.0,
}
WRONG_COLOUR_COST = 1.9
WRONG_MOTION_COST = 1.7
STOPPED_COST = 1.2  # of a frozen clip whose prompt asks for a change: part of it never happens
MISSING_COST = (0.8, 2.2)  # for any missing object, and times the share that is missing
DRIFT_COST = 0.5  # the background is no longer the one that was asked for


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Defects:
    """Strength of each defect, 0.0 (absent) or ``WEAKEST`` to 1.0.

    ``wrong_colour`` and ``wrong_motion`` are 0 or 1; ``missing_object`` is the share of the objects
    that are not there.
    """

    wrong_colour: float = 0.0
    wrong_motion: float = 0.0
    missing_object: float = 0.0
    frozen: float = 0.0
    jump_cuts: float = 0.0
    flicker: float = 0.0
    late_drift: float = 0.0
    blur: float = 0.0
    noise: float = 0.0

    def present(self) -> tuple[str, ...]:
        """Names of the defects that are there."""
        return tuple(name for name in DEFECTS if getattr(self, name) > 0)


class Made(Protocol):
    """What a clip was made from: planned (``schemas.Clip``) or made (``schemas.Video``)."""

    @property
    def prompt(self) -> str: ...
    @property
    def generator(self) -> str: ...
    @property
    def settings(self) -> str | None: ...
    @property
    def seed(self) -> int | None: ...


def origin(clip: Made) -> tuple[str, ...]:
    """Everything that a generated clip depends on beside its generator's profile."""
    return clip.prompt, clip.generator, str(clip.settings), str(clip.seed)


def guided(chance: float, defect: str, guidance_scale: float) -> float:
    """Chance of a defect under a guidance scale.

    More guidance follows the prompt better and looks worse, as with real generators: from scale 3
    to 12, defects against the prompt go from 1.2 to 0.8 of their chance, flicker and noise from 0.8
    to 1.2; other defects stay.
    """
    low, high = GUIDANCE
    tilt = 0.4 * (float(np.clip((guidance_scale - low) / (high - low), 0, 1)) - 0.5)
    if defect in AGAINST_PROMPT:
        return min(1.0, chance * (1 - tilt))
    if defect in ("flicker", "noise"):
        return min(1.0, chance * (1 + tilt))
    return chance


def plan(clip: Made, scene: Scene, chances: Mapping[str, float], guidance_scale: float) -> Defects:
    """The defects of a clip: a function of its origin and its generator's ``chances`` alone."""

    def draw(defect: str) -> float:
        chance = guided(chances.get(defect, 0.0), defect, guidance_scale)
        if hash_fraction(*origin(clip), defect, "occurs") >= chance:
            return 0.0
        return WEAKEST + (1 - WEAKEST) * hash_fraction(*origin(clip), defect, "strength")

    drawn = {defect: draw(defect) for defect in DEFECTS}
    return _that_can_be_seen(drawn, scene)


def _that_can_be_seen(drawn: dict[str, float], scene: Scene) -> Defects:
    """Leave out what another defect would hide, so that the truth is what a viewer can see."""
    seen = drawn | {name: float(drawn[name] > 0) for name in ("wrong_colour", "wrong_motion")}
    if drawn["missing_object"] > 0:
        gone = 1 if scene.count < 3 or drawn["missing_object"] < (1 + WEAKEST) / 2 else 2
        seen["missing_object"] = gone / scene.count
        if gone == scene.count:  # an empty picture has no colour, no motion and nothing that jumps
            seen |= {"wrong_colour": 0.0, "wrong_motion": 0.0, "jump_cuts": 0.0}
    # A picture that stands still neither jumps nor flickers nor drifts: the stronger stays.
    moving = ("jump_cuts", "flicker", "late_drift")
    if seen["frozen"] > max(seen[name] for name in moving):
        seen |= dict.fromkeys(moving, 0.0)
    else:
        seen["frozen"] = 0.0
    if seen["frozen"] > STOPPED_EARLY and scene.motion != TURNING:
        seen["wrong_motion"] = 0.0
    return Defects(**seen)


def truth(scene: Scene, defects: Defects) -> dict[str, float]:
    """What the clip deserves on each dimension, 1.0 to 5.0, not rounded: 5 minus what defects cost.

    Of wrong motion and a picture that stops before the asked change is over, the dearer counts.
    """
    missing, per_share = MISSING_COST
    stopped = STOPPED_COST * defects.frozen if scene.motion != "still" else 0.0
    prompt = (
        WRONG_COLOUR_COST * defects.wrong_colour
        + max(WRONG_MOTION_COST * defects.wrong_motion, stopped)
        + (missing + per_share * defects.missing_object if defects.missing_object else 0.0)
        + DRIFT_COST * defects.late_drift
    )
    if defects.missing_object == 1:
        prompt = 4.0  # nothing of what was asked for is there but the background
    quality = sum(cost * getattr(defects, name) for name, cost in QUALITY_COST.items())
    return {"prompt_following": max(1.0, 5.0 - prompt), "video_quality": max(1.0, 5.0 - quality)}
