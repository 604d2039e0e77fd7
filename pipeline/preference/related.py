"""Which prompts must not stand in different splits: same words, nearly the same words, the same clip."""

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline.preference.near_duplicates import EXACT, Ints, Marks, similar
from pipeline.preference.wording import tokens_of, words_of
from schemas import SPLITS, Prompt

NONE = 1 << 30  # a level that nothing has


class Relations:
    """The prompts of a dataset, by what they share.

    Args:
        prompts: each once; a prompt is known by its place in them.
        contents: prompt_id -> SHA-256 of its clips' bytes; of prompts that are not there nothing counts.
        threshold: Jaccard similarity of tokens from which prompts are near duplicates, or None.
    """

    def __init__(
        self,
        prompts: Sequence[Prompt],
        contents: Mapping[str, Collection[str]],
        threshold: float | None,
    ) -> None:
        self.n = len(prompts)
        self.threshold = threshold
        self.words = _numbered(words_of(p.text) for p in prompts)
        self._sets: list[frozenset[str]] = []
        self.tokens: Ints | None = None  # of each prompt, the number of its set
        if threshold is not None:
            known: dict[frozenset[str], int] = {}
            self.tokens = np.array(
                [known.setdefault(tokens_of(p.text), len(known)) for p in prompts], np.int64
            )
            self._sets = list(known)
        self._clips(prompts, contents)

    def _clips(self, prompts: Sequence[Prompt], contents: Mapping[str, Collection[str]]) -> None:
        """Only contents of two prompts relate anything."""
        first: dict[str, int] = {}
        shared: dict[str, list[int]] = {}
        for place, prompt in enumerate(prompts):
            for content in set(contents.get(prompt.prompt_id, ())):
                if first.setdefault(content, place) != place:
                    shared.setdefault(content, [first[content]]).append(place)
        self.contents = sorted(shared)
        ends = [(place, i) for i, c in enumerate(self.contents) for place in shared[c]]
        self.holder, self.held = np.array(ends, np.int64).reshape(-1, 2).T

    def _keys(self) -> Iterator[tuple[Ints, Ints]]:
        """(places, key) for each kind of thing that prompts share; near duplicates apart."""
        yield np.arange(self.n), self.words
        if self.tokens is not None:
            yield np.arange(self.n), self.tokens
        yield self.holder, self.held

    def groups(self, rows: Marks) -> Ints:
        """The group of each prompt of ``rows``, by everything that relates two of them, also by way of a
        third; -1 for the others."""
        ends: list[tuple[Ints, Ints]] = []
        offset = self.n
        for places, key in self._keys():
            ends.append((places[rows[places]], key[rows[places]] + offset))
            offset += int(key.max(initial=-1)) + 1
        a, b = (np.concatenate(one) for one in zip(*ends, strict=True))
        labels = _components(a, b, offset)[: self.n]
        if self.tokens is not None:
            labels = self._joined(labels, rows)
        return np.where(rows, labels, -1)

    def _joined(self, labels: Ints, rows: Marks) -> Ints:
        """Groups whose sets of tokens are similar are one."""
        assert self.tokens is not None
        assert self.threshold is not None
        used, first = np.unique(self.tokens[rows], return_index=True)
        colour = labels[rows][first]  # prompts of one set are in one group already
        sets = [self._sets[i] for i in used]
        into = np.arange(int(labels.max(initial=-1)) + 1)
        for a, b in similar(sets, self.threshold, colour):
            merged = _components(colour[a], colour[b], len(into))
            into, colour[:] = merged[into], merged[colour]
        return into[labels]

    def near(self, split: Ints, level: Ints) -> Ints:
        """The lowest ``level`` found in each split among a prompt and what has its words, or nearly:
        (n, 3), in the order of ``SPLITS``, :data:`NONE` where nothing stands.

        ``split`` of each prompt, -1 for those that stand in none: these are no neighbours. ``level`` is
        0 and more.
        """
        found = self._shared(self.words, np.arange(self.n), split, level)
        if self.tokens is not None:
            table = _lowest(self.tokens, split, level)
            for at, this in sorted(set(zip(split.tolist(), level.tolist(), strict=True))):
                if at >= 0:
                    self._meet(table, at, this, split, level)
            found = np.minimum(found, table[self.tokens])
        return found

    def by_clips(self, split: Ints, level: Ints) -> Ints:
        """As :meth:`near`, among a prompt and what has a clip of the same content."""
        return self._shared(self.held, self.holder, split, level)

    def of_contents(self, split: Ints, level: Ints) -> Ints:
        """(contents, 3) the lowest level in each split among the prompts of ``contents``."""
        return _lowest(self.held, split[self.holder], level[self.holder], len(self.contents))

    def holders(self, content: str) -> list[int]:
        """The prompts that have a clip of one of the ``contents``, in order."""
        return sorted(self.holder[self.held == self.contents.index(content)].tolist())

    def why(self, one: int, other: int) -> str | None:
        """What two prompts share, in words; None where they are not related."""
        if self.words[one] == self.words[other]:
            return "the same words"
        if self.tokens is not None and self.threshold is not None:
            a, b = (self._sets[self.tokens[i]] for i in (one, other))
            if len(a & b) >= self.threshold * len(a | b) - EXACT:
                return "nearly the same words"
        if one not in self.holder:
            return None
        own, their = (set(self.held[self.holder == i].tolist()) for i in (one, other))
        return "the same clip" if own & their else None

    def _shared(self, key: Ints, places: Ints, split: Ints, level: Ints) -> Ints:
        found = np.full((self.n, len(SPLITS)), NONE)
        np.minimum.at(found, places, _lowest(key, split[places], level[places])[key])
        return found

    def _meet(self, table: Ints, at: int, this: int, split: Ints, level: Ints) -> None:
        """Enter ``this`` level of a split for every set that is similar to one that stands there; no
        set is compared any more when it has met one."""
        assert self.tokens is not None
        assert self.threshold is not None
        theirs, others = np.zeros((2, len(self._sets)), bool)
        theirs[self.tokens[(split == at) & (level == this)]] = True
        others[self.tokens[split != at]] = True
        unmet = others.astype(np.int64)
        unmet[theirs] = 0
        # one that stands there and elsewhere has met itself
        for one, _ in similar(self._sets, self.threshold, unmet, (others & ~theirs, theirs)):
            unmet[one] = 0
            table[one, at] = np.minimum(table[one, at], this)


def _numbered(values: Iterator[str]) -> Ints:
    known: dict[str, int] = {}
    return np.array([known.setdefault(value, len(known)) for value in values], np.int64)


def _components(a: Ints, b: Ints, n: int) -> Ints:
    graph = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(n, n))
    labels: Ints = connected_components(graph, directed=False)[1].astype(np.int64)
    return labels


def _lowest(key: Ints, split: Ints, level: Ints, n: int | None = None) -> Ints:
    """(keys, 3) the lowest level of those that stand in a split."""
    table = np.full((int(key.max(initial=-1)) + 1 if n is None else n, len(SPLITS)), NONE)
    stands = split >= 0
    np.minimum.at(table, (key[stands], split[stands]), level[stands])
    return table
