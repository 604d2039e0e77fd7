"""The pool of generators: which of them make a prompt's clips, with which settings and seeds."""

from collections.abc import Sequence
from typing import Self

from pydantic import Field, model_validator

from pipeline.generators.base import GenerationError, GeneratorSpec
from pipeline.generators.grammar import random_from
from pipeline.generators.simulated import PROFILES, SimulatedSpec
from schemas import Clip, Prompt
from schemas.ids import canonical_json, video_id
from schemas.options import Options

AnyGenerator = SimulatedSpec  # further kinds join here: A | B, told apart by `kind`


class PoolOptions(Options):
    """The ``generators`` block: the pool, and how many clips a prompt gets from it."""

    clips_per_prompt: int = Field(default=4, ge=1)  # VideoPrefer has four
    seed: int = 0  # of the draw; another seed is another set of clips
    # No default: what stands in a dataset is never simulated unless somebody says so.
    pool: list[AnyGenerator] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [spec.name for spec in self.pool]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"pool: several generators are named {', '.join(twice)}; "
                "names go into ids, so give each one its own"
            )
        return self


def simulated_pool() -> list[AnyGenerator]:
    """One simulated generator of each built-in profile."""
    return [SimulatedSpec(name=name) for name in PROFILES]


def plan_clips(prompts: Sequence[Prompt], options: PoolOptions) -> list[Clip]:
    """The clips that ought to be generated: ``clips_per_prompt`` for each prompt, in prompt order.

    Generators, settings and seeds are drawn per prompt from (``options.seed``, prompt_id) alone, so
    a prompt gets the same clips in whatever company. Generators are drawn without replacement;
    where the pool is smaller than ``clips_per_prompt`` they come again, with another seed.
    """
    return [clip for prompt in prompts for clip in _clips_of(prompt, options)]


def _clips_of(prompt: Prompt, options: PoolOptions) -> list[Clip]:
    rng = random_from("pool", str(options.seed), prompt.prompt_id)
    order = rng.permutation(len(options.pool))
    first_seed = int(rng.integers(2**31))
    clips = []
    for i in range(options.clips_per_prompt):
        spec = options.pool[order[i % len(order)]]
        # Successive seeds differ, so that a generator drawn again makes another clip.
        clips.append(_clip(prompt, spec, canonical_json(spec.draw_settings(rng)), first_seed + i))
    return clips


def _clip(prompt: Prompt, spec: AnyGenerator, settings: str, seed: int) -> Clip:
    what = f'{{"seed":{seed},"settings":{settings}}}'
    return Clip(
        video_id=video_id(prompt.prompt_id, spec.name, what),
        prompt_id=prompt.prompt_id,
        prompt=prompt.text,
        generator=spec.name,
        source=prompt.source,
        settings=settings,
        seed=seed,
        simulated=spec.simulated or prompt.simulated,
        licence=spec.licence,
    )


def generate(clip: Clip, spec: GeneratorSpec) -> bytes:
    """The clip as the bytes of a video file. Raises :class:`GenerationError`, naming the clip."""
    try:
        return spec.generate(clip)
    except GenerationError as error:
        raise GenerationError(f"clip {clip.video_id}: {error}") from error
