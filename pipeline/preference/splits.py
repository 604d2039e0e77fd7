"""Which split a prompt belongs to: all clips and pairs of a prompt go together."""

import dataclasses
from collections.abc import Iterable

from pipeline.preference.options import SplitOptions
from schemas import Prompt
from schemas.ids import hash_fraction
from schemas.options import SetupError


def split_of(prompt: Prompt, options: SplitOptions) -> str:
    """The manifest's split, else drawn by hash of (seed, prompt_id): stable when prompts are added."""
    if prompt.split is not None:
        return prompt.split
    place = hash_fraction("split", str(options.seed), prompt.prompt_id)
    if place < options.test:
        return "test"
    return "validation" if place < options.test + options.validation else "train"


def in_one_split(prompts: Iterable[Prompt], options: SplitOptions) -> list[Prompt]:
    """The prompts, those with the same words in one split together, whatever their ids.

    Benchmarks repeat a text under several ids, and two sources may have ids of their own for it: drawn
    by id, they would train and test on the same words. The split is the one stated for any of them,
    else that of the smallest id. Raises :class:`SetupError` where two are stated.
    """
    prompts = list(prompts)
    same: dict[str, list[Prompt]] = {}
    for prompt in sorted(prompts, key=lambda p: p.prompt_id):
        same.setdefault(" ".join(prompt.text.split()), []).append(prompt)
    split = {p.prompt_id: _common(ps, options) for ps in same.values() if len(ps) > 1 for p in ps}
    return [
        dataclasses.replace(prompt, split=split.get(prompt.prompt_id, prompt.split))
        for prompt in prompts
    ]


def _common(prompts: list[Prompt], options: SplitOptions) -> str:
    stated = [prompt for prompt in prompts if prompt.split is not None]
    for one in stated[1:]:
        if one.split != stated[0].split:
            raise SetupError(
                f"sources: prompts {stated[0].prompt_id!r} ({stated[0].source}) and {one.prompt_id!r} "
                f"({one.source}) have the same words, but stand in {stated[0].split!r} and "
                f"{one.split!r}; a prompt belongs to one split"
            )
    return split_of((stated or prompts)[0], options)
