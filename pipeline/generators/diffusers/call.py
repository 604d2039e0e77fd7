"""One call of a pipeline: what it is told for clips of the same settings, and the noise of each."""

import json
from collections.abc import Sequence
from typing import Any

import torch

from pipeline.generators.base import GenerationError
from pipeline.generators.diffusers.frames import clips_of
from pipeline.generators.diffusers.index import COUNTS, RATES, takes
from pipeline.generators.diffusers.spec import DiffusersSpec
from schemas import Clip


def called(spec: DiffusersSpec, pipe: Any, clips: Sequence[Clip]) -> list[Any]:
    """What the pipeline makes of clips of one kind of settings. What is drawn without a clip's own
    generator is drawn from torch's, which is seeded, too, and put back afterwards."""
    settings = _settings_of(spec, clips[0])
    seeds = [torch.Generator("cpu").manual_seed(_seed_of(clip)) for clip in clips]
    prompts = [clip.prompt for clip in clips]
    how = _call(spec, type(pipe), settings)
    negative = spec.negative_prompt
    if len(clips) == 1:  # what every pipeline takes; not all of them take lists
        how |= {"prompt": prompts[0], "generator": seeds[0]}
        how |= {"negative_prompt": negative} if negative is not None else {}
    else:
        how |= {"prompt": prompts, "generator": seeds}
        how |= {"negative_prompt": [negative] * len(clips)} if negative is not None else {}
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(_seed_of(clips[0]))
        return clips_of(pipe(**how), len(clips))


def _call(spec: DiffusersSpec, pipeline: Any, settings: dict[str, Any]) -> dict[str, Any]:
    """Arguments that clips of these settings share."""
    known = takes(pipeline)
    said = {
        "height": spec.height,
        "width": spec.width,
        "num_inference_steps": spec.steps,
        "guidance_scale": settings.get("guidance_scale"),
        next(name for name in COUNTS if name in known): spec.frames,
        "output_type": "np",
    }
    rates = {name: _number(spec.fps) for name in RATES if name in known}
    return (
        {name: value for name, value in said.items() if value is not None} | rates | spec.arguments
    )


def _number(fps: float) -> int | float:
    return int(fps) if fps == int(fps) else fps


def _settings_of(spec: DiffusersSpec, clip: Clip) -> dict[str, Any]:
    """Of a planned clip, which must be those that the spec stands for here and now: weights included."""
    planned: dict[str, Any] = json.loads(clip.settings or "{}")
    here = spec.fixed_settings()
    for name in sorted({*planned, *here} - {"guidance_scale"}):
        if planned.get(name) != here.get(name):
            raise GenerationError(
                f"planned with {name} {planned.get(name)!r}, and here it is {here.get(name)!r}; give this "
                "machine the model that the run was started with, or start again with --rebuild"
            )
    return planned


def _seed_of(clip: Clip) -> int:
    if clip.seed is None:
        raise GenerationError("planned without a seed; plan the clip again")
    return clip.seed
