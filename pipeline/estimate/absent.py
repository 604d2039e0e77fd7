"""Stands in for what is not here yet, so that a recipe can be counted before its data is fetched.

A source whose file is absent counts as many prompts and clips as its ``expects:`` (or ``limit:``) says;
a generator whose model is absent makes clips as its block declares; a judge whose key is unset is
counted all the same (see ``make_plan``). Each is told in a note, and only an estimate does so: a run
refuses them.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from annotators.chat.spec import ChatSpec
from pipeline.config import Config
from pipeline.generators.base import Declared, GeneratorSpec
from pipeline.generators.pool import PoolOptions
from pipeline.sources.base import Found, SourceSpec
from schemas import Clip, Prompt, ids
from schemas.options import SetupError

PROMPT_CHARACTERS = 100  # of a prompt that nobody has read yet


class StandInSource(SourceSpec):
    """As many prompts and clips as are expected, of which nothing else is known."""

    kind: Literal["stand-in"] = "stand-in"
    name: str
    place: int  # among the sources: two files of one name are two sources
    n_prompts: int
    n_clips: int

    def read(self) -> Found:
        """Prompts of a usual length; the clips spread over them, the first ones having one more."""
        prompts = [self._prompt(number) for number in range(self.n_prompts)]
        clips = [self._clip(prompts[n % self.n_prompts], n) for n in range(self.n_clips)]
        return Found(prompts=prompts, clips=clips)

    def _prompt(self, number: int) -> Prompt:
        text = f"{number} of source {self.place} ".ljust(PROMPT_CHARACTERS, "x")
        return Prompt(prompt_id=ids.prompt_id(text), text=text, source=self.name)

    def _clip(self, prompt: Prompt, number: int) -> Clip:
        return Clip(
            video_id=ids.video_id(prompt.prompt_id, self.name, str(number)),
            prompt_id=prompt.prompt_id,
            prompt=prompt.text,
            generator="unknown",
            source=self.name,
            path=f"absent://{number}",
        )


class StandInGenerator(GeneratorSpec):
    """A generator whose model is not here: its share, and what its clips will be like."""

    kind: Literal["stand-in"] = "stand-in"
    of: GeneratorSpec

    @property
    def worst_usd(self) -> float | None:
        """As of the generator itself."""
        return self.of.worst_usd

    @property
    def declared(self) -> Declared | None:
        """As of the generator itself."""
        return self.of.declared


def without_absent(config: Config) -> tuple[Config, tuple[str, ...]]:
    """The configuration with stand-ins for what is not here, and a note on each.

    Where nothing is absent it is the very same object.
    """
    notes: list[str] = []
    changes: dict[str, Any] = {
        "sources": [_source(one, place, notes) for place, one in enumerate(config.sources)]
    }
    if config.generators is not None:
        changes["generators"] = _pool(config.generators, notes)
    if config.videorm is not None and (trunk := config.videorm.trunk) and _is_absent(trunk):
        notes.append(
            f"videorm.trunk: {trunk} is no folder here; a run takes it from the hub, if it can"
        )
        changes["videorm"] = None
    if config.audit is not None and (absent := list(_absent_tables(config))):
        notes.append(f"audit.ratings: {', '.join(absent)} not here yet, and not checked")
        changes["audit"] = None
    unset = tuple(_unset_keys(config))
    return (config.model_copy(update=changes), (*notes, *unset)) if notes else (config, unset)


def _source(source: SourceSpec, place: int, notes: list[str]) -> SourceSpec:
    path, expects = getattr(source, "path", None), source.expects
    if path is None or not _is_absent(path):
        return source
    if source.kind == "huggingface" and expects is None:
        return source  # no folder: a name on the hub, which is asked as a run would ask it
    n_prompts = (expects and expects.prompts) or source.limit
    if n_prompts is None:
        return source  # refused when it is read, as ever
    n_clips = (expects and expects.clips) or 0
    if source.limit is not None and source.limit < n_prompts:  # with their clips alone
        n_clips = -(-n_clips * source.limit // n_prompts)
        n_prompts = source.limit
    notes.append(
        f"{path} is not here yet: counted as {n_prompts:,} prompts"
        + (f" and {n_clips:,} clips" if n_clips else "")
        + f"; a prompt as {PROMPT_CHARACTERS} characters"
    )
    name = "/".join(Path(path).parts[-2:])
    return StandInSource(name=name, place=place, n_prompts=n_prompts, n_clips=n_clips)


def _is_absent(path: str) -> bool:
    """Whether a path on this machine leads nowhere. A pattern names no file: whoever reads it looks."""
    is_pattern = any(sign in path for sign in "*?[{")
    return not is_pattern and "://" not in path and not Path(path).exists()


def _pool(options: PoolOptions, notes: list[str]) -> PoolOptions:
    def here(spec: GeneratorSpec) -> GeneratorSpec:
        try:
            spec.check()
        except SetupError as error:
            notes.append(f"a run would be refused: {error}")
            return StandInGenerator(name=spec.name, share=spec.share, of=spec)
        return spec

    return options.model_copy(update={"pool": [here(spec) for spec in options.pool]})


def _unset_keys(config: Config) -> Iterator[str]:
    for spec in config.annotators:
        for way in spec.ways if isinstance(spec, ChatSpec) else ():
            if way.api_key_env and not os.environ.get(way.api_key_env, "").strip():
                yield f"annotator {spec.annotator_id}: {way.api_key_env} is not set; a run needs it"


def _absent_tables(config: Config) -> Iterator[str]:
    for table in config.audit.ratings if config.audit else ():
        path = getattr(table, "path", None)
        if path is not None and _is_absent(path):
            yield path
