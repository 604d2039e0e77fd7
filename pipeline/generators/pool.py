"""The pool of generators: which of them make a prompt's clips, with which settings and seeds."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Self

from pydantic import Field, model_validator

from pipeline.generators.base import GeneratorSpec
from pipeline.generators.grammar import random_from
from pipeline.generators.kinds import AnyGenerator
from schemas import Clip, Prompt
from schemas.ids import canonical_json, hash_fraction, video_id
from schemas.options import Options

SEEDS = 2**31  # whatever takes a seed takes a signed one of 32 bits


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
    none, or with ``top_up`` as many as they lack. A prompt gets the same clips in whatever company.

    Generators are drawn without replacement, each with a chance according to its ``share`` among
    those that are left, by a race: every generator takes an exponentially distributed time with its
    share as the rate, and the first ones win (Efraimidis and Spirakis, "Weighted random sampling
    with a reservoir", Information Processing Letters 97, 2006; their largest u^(1/share) is the
    smallest -log(u) / share). Where the pool is smaller than the number of clips all come again, in
    the same order and with other seeds. A generator's time, settings and seeds depend on
    (``options.seed``, prompt_id, its name) alone. So the pool may grow, shrink or be reordered: only
    clips that a new generator displaces go, only those that fill a lost one's place come, and
    whatever was made of the others stays good.
    """
    there = Counter(clip.prompt_id for clip in supplied)
    clips = []
    for prompt in prompts:
        has = there[prompt.prompt_id]
        wanted = options.clips_per_prompt - has if options.top_up or not has else 0
        clips += _clips_of(prompt, options, wanted)
    return clips


def _clips_of(prompt: Prompt, options: PoolOptions, wanted: int) -> list[Clip]:
    if wanted <= 0:  # before the race: most prompts of a mixed source have clips enough
        return []
    draw = ("pool", str(options.seed), prompt.prompt_id)
    times = {spec.name: _race_time(spec, draw) for spec in options.pool}
    order = sorted(options.pool, key=lambda spec: (times[spec.name], spec.name))
    return [_drawn(prompt, order[i % len(order)], draw, i // len(order)) for i in range(wanted)]


def _race_time(spec: GeneratorSpec, draw: tuple[str, ...]) -> float:
    # u in [0, 1), and 1 - u is as uniform and never zero
    return -math.log1p(-hash_fraction(*draw, spec.name)) / spec.share


def _drawn(prompt: Prompt, spec: GeneratorSpec, draw: tuple[str, ...], turn: int) -> Clip:
    """The generator's clip of its ``turn``, from 0."""
    first = int(hash_fraction(*draw, spec.name, "first seed") * SEEDS)
    settings = canonical_json(spec.draw_settings(random_from(*draw, spec.name, str(turn))))
    # Successive seeds differ, so that a generator drawn again makes another clip.
    return _clip(prompt, spec, settings, (first + turn) % SEEDS)


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
        terms=spec.terms,
    )
