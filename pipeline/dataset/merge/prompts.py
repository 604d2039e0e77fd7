"""The prompts of several runs, and the split of each: what a run settled before stays where it is."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.dataset.digests import batches
from pipeline.dataset.merge.sources import Source
from pipeline.dataset.merge.union import Counts, Part
from pipeline.dataset.parquet import read_rows
from pipeline.preference.decision import Decision, decision, read_decision
from pipeline.preference.options import SplitOptions
from pipeline.preference.settled import paired_contents, published_splits
from pipeline.preference.splits import Splits, assign
from schemas import Prompt
from schemas.options import SetupError
from schemas.tables import TABLES

OTHER_FIELDS = "an earlier run's row of the same prompt stays"

Clip = tuple[str, str, str]  # video_id, prompt_id, sha256


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """The merged prompts, each with the split it is in (None: left out of all), and what is said of it."""

    rows: Sequence[Prompt]
    counts: Sequence[Counts]
    decision: Decision
    notes: Sequence[str]


def merged_prompts(
    sources: Sequence[Source], videos: Sequence[Part], options: SplitOptions
) -> Prompts:
    """Every prompt once. Of one that several runs have, the earliest run's row stays, and its split.

    A prompt of a later run keeps the split it had there, unless it is related to one of another split
    that comes first (:func:`pipeline.preference.splits.assign`). Raises :class:`SetupError` where one
    prompt_id has two texts (white space apart).
    """
    known: dict[str, Prompt] = {}
    whose: dict[str, str] = {}
    counts: list[Counts] = []
    for source in sources:
        rows = list(read_rows(Prompt, source.files("prompts")))
        other = _check(rows, known, whose, source)
        new = [prompt for prompt in rows if prompt.prompt_id not in known]
        known |= {prompt.prompt_id: prompt for prompt in new}
        whose |= {prompt.prompt_id: source.name for prompt in new}
        counts.append(_counts(len(rows), len(new), other))
    clips = clips_of(sources, videos)
    split, found, notes = _split(sources, known, whose, clips, options)
    kept = [dataclasses.replace(p, split=split[i]) for i, p in known.items()]
    return Prompts(
        rows=sorted(kept, key=lambda p: p.prompt_id), counts=counts, decision=found, notes=notes
    )


def _split(
    sources: Sequence[Source],
    known: Mapping[str, Prompt],
    whose: Mapping[str, str],
    clips: Sequence[Clip],
    options: SplitOptions,
) -> tuple[Splits, Decision, list[str]]:
    """Run by run: what the runs before it settled stays, what it settled itself is stated, and so comes
    before what nobody settled."""
    contents: dict[str, set[str]] = {}
    for _, prompt, sha256 in clips:
        contents.setdefault(prompt, set()).add(sha256)
    shared = {c for c, n in Counter(c for own in contents.values() for c in own).items() if n > 1}
    split: dict[str, str | None] = {}
    why: dict[str, str] = {}
    paired: dict[str, str] = {}
    notes: list[str] = []
    for number, source in enumerate(sources):
        own = {p: s for p, s in published_splits(source.layout).items() if whose[p] == source.name}
        split |= own if number == 0 else {p: s for p, s in own.items() if s is None}
        paired = paired_contents(source.layout, shared) | paired
        said = read_decision(source.layout)
        why = {**(said.left_out if said else {}), **why}
        last = number == len(sources) - 1
        if not last and (number == 0 or not own):
            continue  # nothing of it can move, and those after it are asked together with it
        reached = [
            dataclasses.replace(prompt, split=split.get(i) or own.get(i))
            for i, prompt in known.items()
            if i in split or i in own or last or whose[i] == source.name
        ]
        found = assign(reached, contents, options, split, paired)
        why = {**found.why, **why}
        notes += [note for note in found.notes if note not in notes]
        notes += _lost(sources[0], split, found.split, known)
        split = dict(found.split)
    left_out = {p: why[p] for p, s in split.items() if s is None}
    return split, dataclasses.replace(decision(found, options, clips), left_out=left_out), notes


def _lost(first: Source, before: Splits, after: Splits, known: Mapping[str, Prompt]) -> list[str]:
    """A note on prompts that stood in a split and stand in none now: earlier versions of this program
    did not look for nearly the same words."""
    lost = [p for p, split in before.items() if split is not None and after[p] is None]
    if not lost:
        return []
    return [
        f"{len(lost)} prompts that {first.name} or a run after it had in a split are left out of all of "
        f"them now, such as {known[lost[0]].text!r}, for what is nearly the same stands in another; "
        "--set splits.near_duplicates=null keeps them where they were"
    ]


def _counts(rows: int, new: int, other: int) -> Counts:
    left_out = {OTHER_FIELDS: other} if other else {}
    return Counts(rows=rows, added=new, same=rows - new - other, left_out=left_out)


def _check(
    rows: Sequence[Prompt], known: Mapping[str, Prompt], whose: Mapping[str, str], source: Source
) -> int:
    """How many rows of known prompts differ in something else than the split."""
    other = 0
    for prompt in rows:
        mine = known.get(prompt.prompt_id)
        if mine is None:
            continue
        if mine.text.split() != prompt.text.split():
            raise SetupError(
                f"table prompts: prompt_id {prompt.prompt_id!r} is {mine.text!r} in "
                f"{whose[prompt.prompt_id]} and {prompt.text!r} in {source.name}; give one of them an id "
                "of its own (column prompt_id of its manifest) and run it again"
            )
        other += dataclasses.replace(prompt, split=mine.split) != mine
    return other


def clips_of(sources: Sequence[Source], videos: Sequence[Part]) -> list[Clip]:
    """The kept clips, each with its prompt and its content."""
    columns = ("video_id", "prompt_id", "sha256")
    found: list[Clip] = []
    for source, part in zip(sources, videos, strict=True):
        at = 0
        for batch in batches(source.files("videos"), TABLES["videos"][0], columns):
            kept = batch.take(np.flatnonzero(part.keep[at : at + len(batch)]))
            at += len(batch)
            found += zip(*(column.to_pylist() for column in kept.columns), strict=True)
    return found
