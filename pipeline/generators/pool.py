"""The pool of generators: which of them make a prompt's clips, with which settings and seeds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from pipeline.generators.base import GeneratorSpec
from pipeline.generators.grammar import random_from
from pipeline.generators.kinds import AnyGenerator
from schemas import Clip, Prompt
from schemas.ids import canonical_json, video_id
from schemas.options import Options


class PoolOptions(Options):
    """The ``generators`` block: the pool, and how many clips a prompt gets from it."""

    clips_per_prompt: int = Field(default=4, ge=1)  # VideoPrefer has four
    # what is made for a prompt that a source gives clips for: nothing, or as many as it lacks (one
    # real clip of a captioned prompt and three generated, as VideoPrefer mixes them)
    top_up: bool = False
    seed: int = 0  # of the draw; another seed is another set of clips
    # where made clips are kept for other runs, too: a folder or an address; None: this run's alone
    store: str | None = None
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

    @property
    def by_name(self) -> Mapping[str, GeneratorSpec]:
        """The generators of the pool."""
        return {spec.name: spec for spec in self.pool}


def plan_clips(
    prompts: Sequence[Prompt], options: PoolOptions, supplied: Sequence[Clip] = ()
) -> list[Clip]:
    """The clips that ought to be generated, in prompt order.

    ``clips_per_prompt`` for a prompt that none of the ``supplied`` clips belongs to; for the others
    none, or with ``top_up`` as many as they lack. Generators, settings and seeds are drawn per
    prompt from (``options.seed``, prompt_id) alone, so a prompt gets the same clips in whatever
    company. Generators are drawn without replacement, each with a chance according to its ``share``
    among those that are left; where the pool is smaller than the number of clips they come again,
    with another seed. The draw is one of the whole pool: with a generator more it is another one.
    """
    there = Counter(clip.prompt_id for clip in supplied)
    clips = []
    for prompt in prompts:
        has = there[prompt.prompt_id]
        wanted = options.clips_per_prompt - has if options.top_up or not has else 0
        clips += _clips_of(prompt, options, wanted)
    return clips


def _clips_of(prompt: Prompt, options: PoolOptions, wanted: int) -> list[Clip]:
    rng = random_from("pool", str(options.seed), prompt.prompt_id)
    order = _order(rng, options)
    first_seed = int(rng.integers(2**31))
    clips = []
    for i in range(wanted):
        spec = options.pool[order[i % len(order)]]
        # Successive seeds differ, so that a generator drawn again makes another clip.
        clips.append(_clip(prompt, spec, canonical_json(spec.draw_settings(rng)), first_seed + i))
    return clips


def _order(rng: np.random.Generator, options: PoolOptions) -> list[int]:
    shares = np.array([spec.share for spec in options.pool])
    if (shares == shares[0]).all():
        return list(rng.permutation(len(shares)))
    return list(rng.choice(len(shares), len(shares), replace=False, p=shares / shares.sum()))


def _clip(prompt: Prompt, spec: GeneratorSpec, settings: str, seed: int) -> Clip:
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
