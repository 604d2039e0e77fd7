"""Which split a prompt belongs to: nothing that is tested on stands, or nearly stands, in training.

Prompts that are related (:mod:`pipeline.preference.related`: the same words, nearly the same words, a clip
of the same content) stand in one split or in none, and no prompt ever changes its split when others
come: first count the prompts that an earlier version of the dataset put somewhere (settled), then
those of which a manifest states it, the stricter split first; then come the newcomers, who join their
relatives or are drawn by hash. Who would tie two splits together is left out of all: his clips are
judged, but there are no pairs of them.
"""

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from pipeline.preference.near_duplicates import Marks
from pipeline.preference.options import SplitOptions
from pipeline.preference.related import NONE, Relations
from schemas import SPLITS, Prompt
from schemas.ids import hash_fraction
from schemas.options import SetupError

STRICTEST = ("test", "validation", "train")
Splits = Mapping[str, str | None]  # by prompt_id; None: left out of all
NOTHING: Mapping[str, Any] = MappingProxyType({})

# why a prompt is left out, and how it is told of several
EARLIER = "left out by an earlier version of this dataset"
STATED = "related to a prompt of another split that comes first"
BRIDGE = "related to prompts of two splits"
GROUP = "related, by way of other new prompts, to prompts of two splits"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """Where every prompt stands.

    ``split``: by prompt_id, None for one that is left out of all splits; ``why``: of those. ``contents``:
    SHA-256 of clips under prompts of several splits, with the split in whose pairs they count, or None
    for none. ``notes``: a sentence on each kind of thing left out.
    """

    split: Splits
    why: Mapping[str, str]
    contents: Mapping[str, str | None]
    notes: tuple[str, ...] = ()

    def prompts(self, prompts: Iterable[Prompt]) -> list[Prompt]:
        """The prompts with the split that was assigned."""
        return [dataclasses.replace(p, split=self.split[p.prompt_id]) for p in prompts]


def split_of(prompt: Prompt, options: SplitOptions) -> str:
    """The split that is stated, else drawn by hash of (seed, prompt_id): of a prompt that nothing is
    related to."""
    return prompt.split or drawn(prompt.prompt_id, options)


def drawn(prompt_id: str, options: SplitOptions) -> str:
    """The split by hash: it depends on the id and the options alone."""
    place = hash_fraction("split", str(options.seed), prompt_id)
    if place < options.test:
        return "test"
    return "validation" if place < options.test + options.validation else "train"


def refuse_two_splits(prompts: Iterable[Prompt], settled: Collection[str] = ()) -> None:
    """Raise :class:`SetupError` where manifests put equal words, white space apart, into two splits.

    Benchmarks repeat a text under several ids, and two sources may have ids of their own for it.
    Prompts whose split is settled are not asked what was stated.
    """
    stated: dict[str, Prompt] = {}
    for one in prompts:
        if one.split is None or one.prompt_id in settled:
            continue
        other = stated.setdefault(" ".join(one.text.split()), one)
        if other.split != one.split:
            raise SetupError(
                f"sources: prompts {other.prompt_id!r} ({other.source}) and {one.prompt_id!r} "
                f"({one.source}) have the same words, but stand in {other.split!r} and "
                f"{one.split!r}; a prompt belongs to one split"
            )


def assign(
    prompts: Sequence[Prompt],
    contents: Mapping[str, Collection[str]],
    options: SplitOptions,
    settled: Splits = NOTHING,
    paired: Mapping[str, str] = NOTHING,
) -> Assigned:
    """The split of every prompt.

    Args:
        prompts: each once, with the split that a manifest states, or None; their order changes nothing.
        contents: by prompt_id, the SHA-256 of its clips' bytes.
        options: shares and seed, and the similarity from which prompts count as one.
        settled: what an earlier version of the dataset assigned, None being left out; it stays.
        paired: SHA-256 of clips in an earlier version's pairs, with their split; it stays, too.

    Of prompts in different splits with nearly the same words, settled before stated and then test before
    validation before train, the first stays and the others are left out. Prompts in different splits
    that a clip relates all stay: the clip counts in one of them at most (``contents``).

    A newcomer related to prompts of two splits is left out; so is a group of newcomers, related to each
    other, whose members are. Any other group joins the split of its relatives, or that which the hash of
    its smallest id draws. Raises :class:`SetupError` as :func:`refuse_two_splits`.
    """
    refuse_two_splits(prompts, settled)
    prompts = sorted(prompts, key=lambda p: p.prompt_id)
    earlier = [p for p in prompts if settled.get(p.prompt_id, "") is None]
    here = [p for p in prompts if settled.get(p.prompt_id, "") is not None]
    work = _Assignment(here, contents, options, settled, paired)
    split: dict[str, str | None] = {p.prompt_id: None for p in earlier}
    why = dict.fromkeys(split, EARLIER)
    for i, prompt in enumerate(here):
        at = int(work.split[i])
        split[prompt.prompt_id] = SPLITS[at] if at >= 0 else None
        if at < 0:
            why[prompt.prompt_id] = work.why[i]
    return Assigned(
        split=split,
        why=why,
        contents=work.contents(),
        notes=(*_moved(prompts, settled), *work.notes(), *_told_earlier(earlier)),
    )


class _Assignment:
    """The steps of :func:`assign` over prompts that nobody left out before, sorted by id."""

    def __init__(
        self,
        prompts: Sequence[Prompt],
        contents: Mapping[str, Collection[str]],
        options: SplitOptions,
        settled: Splits,
        paired: Mapping[str, str],
    ) -> None:
        self._prompts, self._options, self._paired = prompts, options, paired
        self._relations = Relations(prompts, contents, options.near_duplicates)
        places = [_place(p, settled) for p in prompts]
        self.split, self.level = np.array(places, np.int64).reshape(-1, 2).T.copy()
        self.why: dict[int, str] = {}
        self._said: list[str] = []
        self._new: Marks = self.split < 0
        self._fixed_first()
        self._fixed = self.split.copy()  # those that newcomers meet
        self._newcomers()

    def _fixed_first(self) -> None:
        """Of related prompts that stand in different splits, those of higher levels go."""
        near = self._relations.near(self.split, self.level)
        own = np.arange(len(SPLITS)) == self.split[:, None]
        out = ~self._new & (np.where(own, NONE, near).min(1) < self.level)
        self._leave_out(
            out, STATED, "their source, or an earlier version, put what is nearly the same into two"
        )
        self.split[out] = -1

    def _newcomers(self) -> None:
        split, level = self.split, self.level
        near = self._relations.near(split, level)
        met = np.minimum(near, self._relations.by_clips(split, level)) < NONE
        bridge = self._new & (met.sum(1) > 1)
        self._leave_out(bridge, BRIDGE, "they would tie two splits together")
        free = self._new & ~bridge
        group = self._relations.groups(free)
        joins = np.zeros((int(group.max(initial=-1)) + 1, len(SPLITS)), bool)
        np.logical_or.at(joins, group[free], met[free])
        several = joins.sum(1) > 1
        out = free.copy()
        out[free] = several[group[free]]
        self._leave_out(out, GROUP, "together they would tie two splits together")
        first = np.full(len(joins), len(self._prompts))
        np.minimum.at(first, group[free], np.flatnonzero(free))
        into = np.where(joins.any(1), joins.argmax(1), -1)
        for number in np.flatnonzero((into < 0) & (first < len(self._prompts))):
            prompt = self._prompts[first[number]]  # of the smallest id
            into[number] = SPLITS.index(drawn(prompt.prompt_id, self._options))
        kept = free & ~out
        self.split[kept] = into[group[kept]]

    def _leave_out(self, rows: Marks, why: str, reason: str) -> None:
        places = np.flatnonzero(rows).tolist()
        self.why |= dict.fromkeys(places, why)
        if places:
            n = "1 prompt is" if len(places) == 1 else f"{len(places):,} prompts are"
            self._said.append(
                f"splits: {n} left out of all splits: {reason}{self._such_as(places[0])}"
            )

    def _such_as(self, place: int) -> str:
        """The prompt, and what it is related to, from the first split on."""
        told: dict[int, str] = {}
        for other in np.flatnonzero(self.split >= 0).tolist():
            at = int(self.split[other])
            if at in told or at == self.split[place]:
                continue
            if shared := self._relations.why(place, other):
                told[at] = f"{shared} as {self._named(other)} in {SPLITS[at]}"
        own = f" in {SPLITS[self.split[place]]}" if self.split[place] >= 0 else ""
        return f", such as {self._named(place)}{own}" + "".join(f", {one}" for one in told.values())

    def _named(self, place: int) -> str:
        prompt = self._prompts[place]
        text = " ".join(prompt.text.split())
        shown = text if len(text) <= 80 else text[:79] + "…"
        return f"{shown!r} ({prompt.prompt_id} of {prompt.source})"

    def contents(self) -> dict[str, str | None]:
        """Clips under prompts of several splits: of two settled ones in none, unless pairs hold them."""
        table = self._relations.of_contents(self._fixed, self.level)
        found: dict[str, str | None] = {}
        for i in np.flatnonzero((table < NONE).sum(1) > 1).tolist():
            content, levels = self._relations.contents[i], table[i]
            known = self._paired.get(content)
            if known is not None and levels[SPLITS.index(known)] < NONE:
                found[content] = known
            else:
                several = (levels < len(SPLITS)).sum() > 1  # settled in two
                found[content] = None if several else SPLITS[int(levels.argmin())]
        return found

    def notes(self) -> list[str]:
        """What was left out, kind by kind."""
        contents = self.contents()
        if not contents:
            return self._said
        example = min(contents)
        at = contents[example]
        clips = "1 clip stands" if len(contents) == 1 else f"{len(contents):,} clips stand"
        counted = f"in pairs of {at} alone" if at else "in no pair"
        places = self._relations.holders(example)
        first = {int(self._fixed[i]): i for i in reversed(places) if self._fixed[i] >= 0}
        held = " and ".join(f"{self._named(i)} in {SPLITS[s]}" for s, i in sorted(first.items()))
        return [
            *self._said,
            f"splits: {clips} under prompts of several splits, such as one of {held}, which counts {counted}",
        ]


def _place(prompt: Prompt, settled: Splits) -> tuple[int, int]:
    """Its split, -1 for a newcomer, and its level: settled before stated, then the strictest."""
    at = settled.get(prompt.prompt_id)
    split = at or prompt.split
    if split is None:
        return -1, NONE - 1
    return SPLITS.index(split), STRICTEST.index(split) + (0 if at else len(STRICTEST))


def _moved(prompts: Iterable[Prompt], settled: Splits) -> list[str]:
    """Prompts whose manifest says another split now than they have."""
    stays = [p for p in prompts if p.split and p.split != settled.get(p.prompt_id, p.split)]
    if not stays:
        return []
    one = stays[0]
    n = "1 prompt stays" if len(stays) == 1 else f"{len(stays):,} prompts stay"
    return [
        f"splits: {n} where an earlier version of this dataset put them, whatever their source states "
        f"now, such as {one.prompt_id!r} ({one.source}), stated {one.split}, "
        f"{settled[one.prompt_id] or 'left out'} before"
    ]


def _told_earlier(earlier: Sequence[Prompt]) -> list[str]:
    if not earlier:
        return []
    n = "1 prompt stays" if len(earlier) == 1 else f"{len(earlier):,} prompts stay"
    return [f"splits: {n} {EARLIER.replace('left out', 'left out of all splits, as')}"]
