"""Near-duplicate prompts: every pair whose sets of tokens are similar enough, found exactly.

Similar is a Jaccard similarity ``|x & y| / |x | y|`` of at least a threshold t. Two sets of sizes n >= s
reach it if and only if they share at least ``a = ceil(t / (1 + t) * (n + s))`` tokens. With all tokens in
one order, rarest first, two sets that share a tokens share one among the first ``n - a + 1`` of the
larger and the first ``s - a + 1`` of the smaller: the prefix filter of Chaudhuri, Ganti and Kaushik (2006),
as a join of all pairs by Bayardo, Ma and Srikant (2007) and, with the bound above, PPJoin by Xiao et
al. (2008). Here it is worked out for one pair of sizes at a time, so that prefixes are of one length and
whole blocks of candidates are compared at once. Every candidate is compared in full: nothing is missed
and nothing is guessed, which hashing (MinHash) could not promise.

Two sets of the same colour need not be compared: of prompts that stand in one split already, or that
belong together by a chain of others, nobody asks. That keeps a hundred thousand prompts made from one
template from being compared each with each.

Why t = 0.85 of unordered words: on the prompts of VBench (944), FETV (619), the votes of GenAI-Bench
(214) and 900 of the simulated world's grammar it joins "moving left ..., on a black background" with "on a
black background, ... moving to the left", "A person is washing dishes" with "a person washing the dishes",
one long scene with its variants "zoom in" and "oil painting", and in all prompts together groups of at
most 15. At 0.8 one colour or background instead of another joins prompts of the grammar, and groups of 91
arise; at 0.75, of 390, and "a sheep bending down to drink" is "a zebra bending down to drink". One word
exchanged joins two prompts of 13 and more words that count, one word added two of 6 and more.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Marks = NDArray[np.bool_]
Table = tuple[Ints, NDArray[np.int32]]  # places of sets (m,), their tokens as numbers (m, size)
Tables = dict[int, Table]  # by size
CANDIDATES = 1 << 18  # compared at once: some 50 MB for sets of 20 tokens
EXACT = 1e-9  # of a bound: t / (1 + t) * (n + s) is a whole number where floating point is not


def similar(
    sets: Sequence[frozenset[str]],
    threshold: float,
    colour: Ints,
    ends: tuple[Marks, Marks] | None = None,
) -> Iterator[tuple[Ints, Ints]]:
    """Blocks of pairs of sets whose Jaccard similarity is at least ``threshold``, by their places.

    ``sets``: distinct and not empty. ``colour`` (n,): pairs of one colour are left out; whoever takes a
    block may change it in place before asking for the next. Every other similar pair comes at least
    once, in an order that depends on the sets' order alone. ``ends``: only pairs of one of the first and
    one of the second are looked for, in this order. Raises ValueError for a set named twice.
    """
    if len(set(sets)) != len(sets) or frozenset() in sets:
        raise ValueError("similar() compares distinct sets that are not empty")
    tables = _by_size(sets)
    if ends is None:
        yield from _joined(tables, tables, threshold, colour)
        return
    left, right = (_of(tables, marks) for marks in ends)
    yield from _joined(left, right, threshold, colour)
    for b, a in _joined(right, left, threshold, colour, equal=False):
        yield a, b


def _joined(
    larger: Tables, smaller: Tables, threshold: float, colour: Ints, *, equal: bool = True
) -> Iterator[tuple[Ints, Ints]]:
    """Pairs of a set and one that is smaller, or of the same size where ``equal``."""
    for n in larger:
        for s in range(math.ceil(threshold * n - EXACT), n + equal):
            shared = max(1, math.ceil(threshold / (1 + threshold) * (n + s) - EXACT))
            if s in smaller and shared <= s and shared < n:  # n shared of n: the same set
                yield from _Join(larger[n], smaller[s], shared, colour).pairs()


def _of(tables: Tables, marks: Marks) -> Tables:
    """Those sets alone that are marked."""
    found = {n: (rows[marks[rows]], tokens[marks[rows]]) for n, (rows, tokens) in tables.items()}
    return {n: table for n, table in found.items() if len(table[0])}


def _by_size(sets: Sequence[frozenset[str]]) -> Tables:
    """Tokens are numbered from the rarest on, and stand in this order."""
    times = Counter(token for one in sets for token in one)
    number = {t: i for i, t in enumerate(sorted(times, key=lambda t: (times[t], t)))}
    rows: dict[int, list[int]] = {}
    for place, one in enumerate(sets):
        rows.setdefault(len(one), []).append(place)
    return {
        n: (
            np.array(rows[n], np.int64),
            np.array([sorted(number[t] for t in sets[i]) for i in rows[n]], np.int32),
        )
        for n in sorted(rows)
    }


class _Join:
    """The sets of one size against those of another (or of the same): candidates by their prefixes."""

    def __init__(self, one: Table, other: Table, shared: int, colour: Ints) -> None:
        (self._rows, larger), (self._others, smaller) = one, other
        self._larger, self._smaller, self._itself = larger, smaller, larger is smaller
        self._shared, self._colour = shared, colour
        own, their = larger.shape[1] - shared + 1, smaller.shape[1] - shared + 1
        self._several = own * their > 1  # a pair may meet in more than one token
        postings = smaller[:, :their].ravel()
        order = np.argsort(postings, kind="stable")
        self._postings = order // their  # rows of `smaller`, by token
        entries = larger[:, :own].ravel()
        self._start = np.searchsorted(postings[order], entries, "left")
        self._n = np.searchsorted(postings[order], entries, "right") - self._start
        self._entry = np.flatnonzero(self._n)
        self._own = own

    def pairs(self) -> Iterator[tuple[Ints, Ints]]:
        """Blocks of similar pairs of different colours."""
        at, lively = 0, self._lively()
        while at < len(self._entry):
            ahead = self._entry[at : at + (1 << 12)]
            wanted = np.flatnonzero(lively[at : at + (1 << 12)])
            if not len(wanted):
                at += len(ahead)
                continue
            room = np.searchsorted(np.cumsum(self._n[ahead[wanted]]), CANDIDATES, "right")
            taken = wanted[: max(1, int(room))]
            at += int(taken[-1]) + 1
            a, b = self._similar(*self._candidates(ahead[taken]))
            if len(a):
                yield self._rows[a], self._others[b]
                lively = self._lively()  # colours may be others now

    def _lively(self) -> Marks:
        """Of each entry, whether anything it meets has another colour."""
        if not len(self._entry):
            return np.zeros(0, bool)
        # one more at the end, so that a range may end there
        colour = np.append(self._colour[self._others[self._postings]], 0)
        starts, first, place = np.unique(
            self._start[self._entry], return_index=True, return_inverse=True
        )
        bounds = np.stack([starts, starts + self._n[self._entry][first]], 1).ravel()
        low = np.minimum.reduceat(colour, bounds)[::2]
        high = np.maximum.reduceat(colour, bounds)[::2]
        own = self._colour[self._rows[self._entry // self._own]]
        found: Marks = (low[place] != own) | (high[place] != own)
        return found

    def _candidates(self, entries: Ints) -> tuple[Ints, Ints]:
        """Rows of the larger and of the smaller sets that meet in these entries."""
        n = self._n[entries]
        within = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
        a = np.repeat(entries // self._own, n)
        b = self._postings[np.repeat(self._start[entries], n) + within]
        kept = self._colour[self._rows[a]] != self._colour[self._others[b]]
        if self._itself:
            kept &= a < b
        a, b = a[kept], b[kept]
        if self._several:
            key = np.unique(a * len(self._smaller) + b)
            a, b = key // len(self._smaller), key % len(self._smaller)
        return a, b

    def _similar(self, a: Ints, b: Ints) -> tuple[Ints, Ints]:
        both = np.concatenate([self._larger[a], self._smaller[b]], axis=1)
        both.sort(axis=1)  # a token of both stands twice, side by side
        kept = (both[:, 1:] == both[:, :-1]).sum(axis=1) >= self._shared
        return a[kept], b[kept]
