"""Parts of the clips that an audit looks at on their own.

A slice is a name, ``attribute=value``, and the clips it holds. Numbers fall into three bins of about as
many clips each, with whole bounds where the numbers are whole; the bins are those of every rated
clip, so that a slice means the same for every annotator.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np

from pipeline.formats.facts import ClipFacts

REAL = "real"  # the generator of footage that nobody generated
MAX_VALUES = 40  # a word that has more values is a name, not a group
BINS = 3

Slices = dict[str, frozenset[str]]  # name -> video ids
PairSlices = Mapping[str, frozenset[tuple[str, str]]]  # name -> pairs of sorted video ids

WORDS: dict[str, Callable[[ClipFacts], str | None]] = {
    "generator": lambda clip: clip.generator,
    "source": lambda clip: clip.source,
    "complexity": lambda clip: clip.complexity,
}
NUMBERS: dict[str, Callable[[ClipFacts], float | None]] = {
    "prompt_words": lambda clip: None if clip.prompt is None else len(clip.prompt.split()),
    "duration_s": lambda clip: clip.duration_s,
}


def slices_of(clips: Iterable[ClipFacts]) -> Slices:
    """Every slice of these clips; an attribute with one value, or unknown, gives none.

    Where some of the generators is ``real``, all others are a slice, too: footage is rated higher
    than anything generated, which raises every agreement (the slice is ``generator!=real``).
    """
    clips = sorted(clips, key=lambda clip: clip.video_id)
    found: Slices = {}
    for name, of_clip in WORDS.items():
        found |= _by_word(name, clips, of_clip)
    for name, number in NUMBERS.items():
        found |= _by_number(name, clips, number)
    generated = frozenset(clip.video_id for clip in clips if clip.generator != REAL)
    if 0 < len(generated) < len(clips):
        found[f"generator!={REAL}"] = generated
    return found


def _by_word(
    name: str, clips: list[ClipFacts], of_clip: Callable[[ClipFacts], str | None]
) -> Slices:
    count = Counter(word for clip in clips if (word := of_clip(clip)) is not None)
    if not 1 < len(count) <= MAX_VALUES:
        return {}
    return {
        f"{name}={word}": frozenset(c.video_id for c in clips if of_clip(c) == word)
        for word in sorted(count)
    }


def _by_number(
    name: str, clips: list[ClipFacts], of_clip: Callable[[ClipFacts], float | None]
) -> Slices:
    known = {clip.video_id: value for clip in clips if (value := of_clip(clip)) is not None}
    found: Slices = {}
    for low, high in _bins(known):
        held = frozenset(video for video, value in known.items() if low <= value <= high)
        found[f"{name}={low:g}..{high:g}"] = held
    return found if len(found) > 1 else {}


def _bins(known: Mapping[str, float]) -> Iterator[tuple[float, float]]:
    """Bounds, both included and both values that occur, of up to three bins of like size."""
    values = np.sort(np.asarray(list(known.values())))
    if not len(values):
        return
    levels = np.unique(values)
    if len(levels) <= BINS:
        yield from ((float(level), float(level)) for level in levels)
        return
    last = [values[-(-len(values) * k // BINS) - 1] for k in range(1, BINS + 1)]  # of each bin
    ends = np.unique(np.searchsorted(levels, last)) + 1
    for start, end in itertools.pairwise([0, *ends]):
        yield float(levels[start]), float(levels[end - 1])


def chosen_clips(chosen: Mapping[tuple[str, ...], str]) -> Slices:
    """A slice ``chosen=WHY`` of the clips that people were given for each reason."""
    found: dict[str, set[str]] = {}
    for videos, why in chosen.items():
        if len(videos) == 1:
            found.setdefault(f"chosen={why}", set()).add(videos[0])
    return {where: frozenset(found[where]) for where in sorted(found)}


def chosen_pairs(chosen: Mapping[tuple[str, ...], str]) -> PairSlices:
    """The same of pairs. Only what was chosen at random stands for all that could have been."""
    found: dict[str, set[tuple[str, str]]] = {}
    for videos, why in chosen.items():
        if len(videos) == 2:
            found.setdefault(f"chosen={why}", set()).add((min(videos), max(videos)))
    return {where: frozenset(found[where]) for where in sorted(found)}
