"""What only this machine can see of a run: workers on other machines could not read it."""

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from annotators.base import AnnotatorSpec
from pipeline.config import HERE, Config
from pipeline.media.fetching.target import is_address
from pipeline.plan import Plan
from schemas.address import Address


def local_only(config: Config, plan: Plan) -> list[str]:
    """A sentence on everything that lies on this machine's disk and is read or written by workers.

    Clips by source (how many, and the first), files and weights of annotators, programs and weights of
    generators, and stores that are shared between runs. Empty: workers anywhere can do the run. What
    only the launcher reads (manifests, human ratings, rubrics, the table of models) is not named.
    """
    return [*_clips(plan), *_annotators(plan), *_generators(config), *_stores(config)]


def _clips(plan: Plan) -> Iterator[str]:
    paths: dict[str, list[str]] = defaultdict(list)
    for clip in plan.clips:
        if clip.path is not None and not is_address(clip.path):
            paths[clip.source].append(clip.path)
    for source, found in sorted(paths.items()):
        n = "1 clip" if len(found) == 1 else f"{len(found):,} clips"
        yield (
            f"{n} of the source {source}, such as {found[0]}: copy them to gs:// or s3:// and name "
            "them there"
        )


def _annotators(plan: Plan) -> Iterator[str]:
    """One sentence a place: a file of scores stands for several annotators."""
    named: dict[str, str] = {}
    for spec in plan.annotators:
        for place in _places_of(spec):
            named.setdefault(place, spec.annotator_id)
    for place, annotator_id in named.items():
        remedy = (
            "a model's name on a hub, or a container that holds the folder at this path, can be read "
            "there"
            if os.path.isdir(place)
            else "copy it to gs:// or s3:// and name it there"
        )
        yield f"{place}, which the annotator {annotator_id} reads: {remedy}"


def _places_of(spec: AnnotatorSpec) -> Iterator[str]:
    folders = [str(f) for f in _folders(spec)]
    yield from folders
    for file in spec.files:
        if not isinstance(file, Address) and not any(Path(f) in file.parents for f in folders):
            yield str(file)


def _folders(spec: object) -> Iterator[str]:
    """Of weights: what a kind may name on a hub, and is a folder here."""
    for key in HERE.get(str(getattr(spec, "kind", "")), ()):
        value = getattr(spec, key, None)
        for place in value.values() if isinstance(value, dict) else (value,):
            if isinstance(place, str) and os.path.exists(place):
                yield place


def _generators(config: Config) -> Iterator[str]:
    for spec in config.generators.pool if config.generators else ():
        for folder in _folders(spec):
            yield (
                f"{folder}, which the generator {spec.name} loads: name the model on a hub, or take a "
                "container that holds the folder at this path"
            )
        for word in getattr(spec, "command", ()):
            if os.path.isabs(word) and os.path.exists(word):
                yield (
                    f"{word}, which the generator {spec.name} starts: take a container that holds it "
                    "at this path"
                )


def _stores(config: Config) -> Iterator[str]:
    stores = {
        "journal": config.journal,
        "generators.store": config.generators.store if config.generators else None,
    }
    for key, place in stores.items():
        if place is not None and not is_address(place):
            yield (
                f"{key}: {place}: every worker would have one of its own; name a place in gs:// or "
                "s3://, or leave the key out"
            )
