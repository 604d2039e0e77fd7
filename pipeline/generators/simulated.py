"""Simulated generators: programs that draw what a prompt says, each with weaknesses of its own.

They need no model, no GPU and no download, and what is wrong with their clips is known.
"""

import json
from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import model_validator

from pipeline.generators import spoil
from pipeline.generators.base import Declared, GenerationError, GeneratorSpec, Tools
from pipeline.generators.defects import DEFECTS, GUIDANCE, Defects, Made, origin, plan
from pipeline.generators.draw import GRAIN_LEVELS, Frames, add_grain, draw, to_pixels
from pipeline.generators.encode import to_mp4
from pipeline.generators.grammar import Scene, parse, random_from
from pipeline.generators.stage import CANVAS, FPS, FRAMES, set_stage
from schemas import Clip

MAIN, OTHER, CLEAN = 0.6, 0.05, 0.02  # chance of a main weakness, of any other, of any in sim-clean


def _profile(*main: str, other: float = OTHER) -> dict[str, float]:
    return {defect: MAIN if defect in main else other for defect in DEFECTS}


# Chosen by name where no weaknesses are given. Of the main weaknesses of quality six in eight are
# temporal (see defects.TEMPORAL).
PROFILES = {
    "sim-clean": _profile(other=CLEAN),
    "sim-colour-flicker": _profile("wrong_colour", "flicker"),
    "sim-colour-jumps": _profile("wrong_colour", "jump_cuts"),
    "sim-motion-frozen": _profile("wrong_motion", "frozen"),
    "sim-motion-noise": _profile("wrong_motion", "noise"),
    "sim-missing-jumps": _profile("missing_object", "jump_cuts"),
    "sim-missing-drift": _profile("missing_object", "late_drift"),
    "sim-frozen-blur": _profile("frozen", "blur"),
}


class SimulatedSpec(GeneratorSpec):
    """A simulated generator: ``{kind: simulated, name: sim-clean}``, or with ``weaknesses``."""

    kept: ClassVar[bool] = False  # drawn again in milliseconds
    anywhere: ClassVar[bool] = True

    kind: Literal["simulated"] = "simulated"
    licence: str | None = "CC0-1.0"
    # Chance of each defect; one left out never happens. None: the profile of this name.
    weaknesses: dict[str, float] | None = None
    guidance_scale: tuple[float, float] | float | None = GUIDANCE

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.weaknesses is None and self.name not in PROFILES:
            raise ValueError(
                f"no profile is named {self.name!r}: give weaknesses, or take one of "
                + ", ".join(PROFILES)
            )
        for defect, chance in (self.weaknesses or {}).items():
            if defect not in DEFECTS:
                raise ValueError(f"weaknesses: {defect!r} is not one of {', '.join(DEFECTS)}")
            if not 0 <= chance <= 1:
                raise ValueError(f"weaknesses: {defect}: {chance} is not a chance in 0..1")
        if self.guidance_scale is None:
            raise ValueError("guidance_scale: a simulated generator needs one")
        return self

    @property
    def simulated(self) -> bool:
        """Always."""
        return True

    @property
    def batch(self) -> int:
        """Some, so that handing them over costs little."""
        return 16

    @property
    def declared(self) -> Declared:
        """All of one kind; 20,000 bytes are the mean of 80 clips."""
        return Declared(width_px=CANVAS, height_px=CANVAS, n_frames=FRAMES, fps=FPS, n_bytes=20_000)

    @property
    def chances(self) -> dict[str, float]:
        """Chance of each defect."""
        return PROFILES[self.name] if self.weaknesses is None else self.weaknesses

    def generate(self, clips: Sequence[Clip], tools: Tools) -> Iterator[bytes | GenerationError]:
        """MP4 files; what the guidance scale does: :func:`pipeline.generators.defects.guided`."""
        for clip in clips:
            try:
                yield drawn(clip, self)
            except GenerationError as error:
                yield error


def drawn(clip: Clip, spec: SimulatedSpec) -> bytes:
    """The clip as an MP4 file of 16 frames of 96 x 96 pixels at 8 per second."""
    scene, defects = scene_and_defects(clip, spec)
    return to_mp4(to_pixels(render(scene, defects, *origin(clip))), FPS)


def scene_and_defects(clip: Made, spec: SimulatedSpec) -> tuple[Scene, Defects]:
    """What the clip should show, and what is wrong with it.

    Raises :class:`GenerationError` for a prompt outside the grammar, another generator's clip, or
    settings without a guidance scale.
    """
    if clip.generator != spec.name:
        raise GenerationError(f"clip of generator {clip.generator!r} given to {spec.name!r}")
    try:
        scene = parse(clip.prompt)
    except ValueError as error:
        raise GenerationError(
            f"{spec.name}: {error}. A simulated generator draws only prompts of the source kind "
            "'simulated'; take another generator for this prompt"
        ) from error
    try:
        guidance = float(json.loads(clip.settings or "{}")["guidance_scale"])
    except (KeyError, TypeError, ValueError) as error:
        raise GenerationError(
            f"{spec.name}: settings {clip.settings!r} hold no number for "
            "guidance_scale; plan the clip again"
        ) from error
    return scene, plan(clip, scene, spec.chances, guidance)


def render(scene: Scene, defects: Defects, *key: str) -> Frames:
    """Frames (T, 3, height, width) of a scene with defects. ``key`` decides all that is left open.

    Each step draws from a generator of its own, so that a defect changes nothing but what it is.
    """

    def rng(step: str) -> np.random.Generator:
        return random_from(*key, step)

    if defects.wrong_colour:
        scene = spoil.wrong_colour(scene, rng("wrong_colour"))
    if defects.wrong_motion:
        scene = spoil.wrong_motion(scene, rng("wrong_motion"))
    if defects.missing_object:
        scene = spoil.missing_object(scene, defects.missing_object)
    stage = set_stage(scene, rng("stage"))
    if defects.jump_cuts:
        stage = spoil.jump_cuts(stage, defects.jump_cuts, rng("jump_cuts"))
    if defects.flicker:
        stage = spoil.flicker(stage, defects.flicker, rng("flicker"))
    if defects.late_drift:
        stage = spoil.late_drift(stage, defects.late_drift, rng("late_drift"))
    frames = draw(stage)
    if defects.blur:
        frames = spoil.blur(frames, defects.blur)
    frames = add_grain(frames, GRAIN_LEVELS, rng("grain"))
    if defects.noise:
        frames = spoil.noise(frames, defects.noise, rng("noise"))
    if defects.frozen:
        frames = spoil.frozen(frames, defects.frozen)
    return frames
