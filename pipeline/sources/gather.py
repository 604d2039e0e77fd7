"""All sources of a run together: prompts that agree, every clip once."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from pipeline.sources.base import Found, SourceSpec, limited
from schemas import Clip, Prompt
from schemas.options import SetupError


def gather(sources: Iterable[SourceSpec]) -> Found:
    """What the sources name, in their order; a prompt of several stands once, as the first has it.

    A split that one source states holds for the others, too. Of two runs that put a prompt into different
    splits the first counts, and a note says so. Raises :class:`SetupError` naming the
    sources for a ``prompt_id`` with two texts or two splits and for a clip that two of them name.
    """
    prompts: dict[str, tuple[str, Prompt]] = {}
    clips: dict[str, tuple[str, Clip]] = {}
    settled: dict[str, tuple[str, str | None]] = {}
    moved: list[str] = []
    notes: list[str] = []
    for number, source in enumerate(sources):
        found = limited(source.read(), source.limit)
        name = f"sources.{number}"
        for prompt in found.prompts:
            first, known = prompts.setdefault(prompt.prompt_id, (name, prompt))
            prompts[prompt.prompt_id] = (first, _agreed(first, known, name, prompt))
        for clip in found.clips:
            first, taken = clips.setdefault(clip.video_id, (name, clip))
            if taken is not clip:
                raise SetupError(_twice(first, taken, name, clip))
        for prompt_id, split in found.settled.items():
            other, held = settled.setdefault(prompt_id, (name, split))
            if held != split:
                moved.append(
                    f"{prompt_id!r}, {held or 'left out'} in {other} and {split or 'left out'} in {name}"
                )
        notes += found.notes
    notes += [*_repeated(clips.values()), *_moved(moved)]
    return Found(
        prompts=[prompt for _, prompt in prompts.values()],
        clips=[clip for _, clip in clips.values()],
        notes=notes,
        settled={prompt_id: split for prompt_id, (_, split) in settled.items()},
    )


def _moved(told: Sequence[str]) -> list[str]:
    """Of runs that do not agree where a prompt stands."""
    if not told:
        return []
    n = "1 prompt stands" if len(told) == 1 else f"{len(told):,} prompts stand"
    return [f"sources: {n} where the first of two runs has it, such as {told[0]}"]


def _agreed(first: str, known: Prompt, name: str, prompt: Prompt) -> Prompt:
    if known.text.split() != prompt.text.split():
        raise SetupError(
            f"{name} ({prompt.source}): prompt_id {prompt.prompt_id!r} stands for {prompt.text!r}, in "
            f"{first} ({known.source}) for {known.text!r}; give one of them another prompt_id"
        )
    if known.split is None:
        return dataclasses.replace(known, split=prompt.split)
    if prompt.split not in (None, known.split):
        raise SetupError(
            f"{name} ({prompt.source}): puts prompt {prompt.prompt_id!r} into {prompt.split!r}, "
            f"{first} ({known.source}) into {known.split!r}; a prompt belongs to one split"
        )
    return known


def _twice(first: str, taken: Clip, name: str, clip: Clip) -> str:
    places = f"{clip.path}" if clip.path == taken.path else f"{clip.path}, there {taken.path}"
    return (
        f"{name} ({clip.source}): the clip {clip.video_id} of {clip.generator!r} for {clip.prompt!r} "
        f"is already in {first} ({taken.source}): {places}; take it out of one of the two, or give "
        "them different video_id"
    )


def _repeated(clips: Iterable[tuple[str, Clip]]) -> Iterator[str]:
    """Files that stand under several ids for one prompt and generator: pairs of a clip with itself."""
    by_place: dict[tuple[str, str, str | None], list[str]] = {}
    for name, clip in clips:
        place = clip.prompt_id, clip.generator, clip.path
        by_place.setdefault(place, []).append(f"{name} ({clip.source})")
    again = [(path, names) for (_, _, path), names in by_place.items() if len(names) > 1]
    if again:
        path, names = again[0]
        yield (
            f"{len(again)} files are named more than once for the same prompt and generator, and each "
            f"name is a clip of its own, such as {path} in {' and '.join(names[:2])}"
        )
