"""Near-duplicate prompts: every pair whose sets of tokens are similar enough, found exactly.

Similar is a Jaccard similarity ``|x & y| / |x | y|`` of at least a threshold t. Two sets of sizes n >= s
reach it if and only if they share at least ``a = ceil(t / (1 + t) * (n + s))`` tokens. With all tokens in
one order, rarest first, two sets that share a tokens share one among the first ``n - a + 1`` of the
larger and the first ``s - a + 1`` of the smaller: the prefix filter of Chaudhuri, Ganti and Kaushik (2006),
as a join of all pairs by Bayardo, Ma and Srikant (2007) and, with the bound above, PPJoin by Xiao et
al. (2008). Here it is worked out for one pair of sizes at a time, so that prefixes are of one length and
whole blocks of candidates are compared at once. Every candidate is compared in full: nothing is missed
and nothing is guessed, which hashing (MinHash) could not promise.

Prompts made from one long template share its words, and what is left differs in a few tokens that are
all frequent: too many meet in one token. The first k tokens that two sets share stand among the first
``n - a + k`` and ``s - a + k``, so that both have the same k of them in their prefixes (the k-prefixes of
Wang, Li and Feng, 2012, Can we beat the prefix filtering?). Where single tokens make too many
candidates, two, three or more together do, as long as they make fewer.

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

import functools
import itertools
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
MANY = 1 << 20  # candidates from which longer keys are tried
ENTRIES = 1 << 22  # of keys made at most for one table: 32 MB each array of them
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


class _Meetings:
    """Who meets whom: rows that have the same ``together`` tokens among their first ones.

    Args:
        tables: the tokens of the larger sets (m, n) and of the smaller (l, s), each row in order.
        shared: how many tokens two sets must share.
        together: how many of them, the first ones, make a key.
    """

    def __init__(
        self, tables: tuple[NDArray[np.int32], NDArray[np.int32]], shared: int, together: int
    ) -> None:
        larger, smaller = tables
        base = _base(tables)
        own, their = (table.shape[1] - shared + together for table in tables)
        keys = _keys(smaller, their, together, base)
        self.own, per = math.comb(own, together), math.comb(their, together)
        self.several = self.own * per > 1  # a pair may meet in more than one key
        order = np.argsort(keys, kind="stable")
        self.postings = order // per  # rows of `smaller`, by key
        entries = _keys(larger, own, together, base)
        sorted_keys = keys[order]
        self.start = np.searchsorted(sorted_keys, entries, "left")
        self.n = np.searchsorted(sorted_keys, entries, "right") - self.start
        self.entry = np.flatnonzero(self.n)
        starts, first, self.range = np.unique(
            self.start[self.entry], return_index=True, return_inverse=True
        )
        self.bounds = np.stack([starts, starts + self.n[self.entry][first]], 1).ravel()
        self.candidates = int(self.n.sum())


def _meetings(tables: tuple[NDArray[np.int32], NDArray[np.int32]], shared: int) -> _Meetings:
    """With keys of one token, or of as many as make the fewest candidates."""
    found = _Meetings(tables, shared, 1)
    for together in range(2, shared + 1):
        made = (len(t) * math.comb(t.shape[1] - shared + together, together) for t in tables)
        worth = found.candidates > MANY and max(made) <= min(ENTRIES, found.candidates)
        if not worth or _base(tables) ** together >= 1 << 63:
            break
        other = _Meetings(tables, shared, together)
        if other.candidates >= found.candidates:
            break
        found = other
    return found


def _base(tables: tuple[NDArray[np.int32], NDArray[np.int32]]) -> int:
    return 1 + max(int(table.max()) for table in tables)


def _keys(table: NDArray[np.int32], prefix: int, together: int, base: int) -> Ints:
    """Every choice of so many of a row's first tokens as one number, row by row."""
    columns = table[:, :prefix].astype(np.int64)
    choices = itertools.combinations(range(prefix), together)
    keys = [
        functools.reduce(
            lambda key, at: key * base + columns[:, at], chosen[1:], columns[:, chosen[0]]
        )
        for chosen in choices
    ]
    return np.stack(keys, axis=1).ravel()


class _Join:
    """The sets of one size against those of another (or of the same): candidates by their prefixes."""

    def __init__(self, one: Table, other: Table, shared: int, colour: Ints) -> None:
        (self._rows, larger), (self._others, smaller) = one, other
        self._larger, self._smaller, self._itself = larger, smaller, larger is smaller
        self._shared, self._colour = shared, colour
        self._met = _meetings((larger, smaller), shared)

    def pairs(self) -> Iterator[tuple[Ints, Ints]]:
        """Blocks of similar pairs of different colours."""
        met, at, lively, since = self._met, 0, self._lively(), 0
        look = max(len(met.postings), len(met.entry))  # what a look at all colours costs
        while at < len(met.entry):
            ahead = met.entry[at : at + (1 << 12)]
            wanted = np.flatnonzero(lively[at : at + (1 << 12)])
            if not len(wanted):
                at += len(ahead)
                continue
            room = np.searchsorted(np.cumsum(met.n[ahead[wanted]]), CANDIDATES, "right")
            taken = wanted[: max(1, int(room))]
            at += int(taken[-1]) + 1
            since += int(met.n[ahead[taken]].sum())
            a, b = self._similar(*self._candidates(ahead[taken]))
            if len(a):
                yield self._rows[a], self._others[b]
                if since >= look:
                    lively, since = self._lively(), 0  # colours may be others now

    def _lively(self) -> Marks:
        """Of each entry, whether anything it meets has another colour."""
        met = self._met
        if not len(met.entry):
            return np.zeros(0, bool)
        # one more at the end, so that a range may end there
        colour = np.append(self._colour[self._others[met.postings]], 0)
        low = np.minimum.reduceat(colour, met.bounds)[::2]
        high = np.maximum.reduceat(colour, met.bounds)[::2]
        own = self._colour[self._rows[met.entry // met.own]]
        found: Marks = (low[met.range] != own) | (high[met.range] != own)
        return found

    def _candidates(self, entries: Ints) -> tuple[Ints, Ints]:
        """Rows of the larger and of the smaller sets that meet in these entries."""
        met = self._met
        n = met.n[entries]
        within = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
        a = np.repeat(entries // met.own, n)
        b = met.postings[np.repeat(met.start[entries], n) + within]
        kept = self._colour[self._rows[a]] != self._colour[self._others[b]]
        if self._itself:
            kept &= a < b
        a, b = a[kept], b[kept]
        if met.several:
            key = np.unique(a * len(self._smaller) + b)
            a, b = key // len(self._smaller), key % len(self._smaller)
        return a, b

    def _similar(self, a: Ints, b: Ints) -> tuple[Ints, Ints]:
        both = np.concatenate([self._larger[a], self._smaller[b]], axis=1)
        both.sort(axis=1)  # a token of both stands twice, side by side
        kept = (both[:, 1:] == both[:, :-1]).sum(axis=1) >= self._shared
        return a[kept], b[kept]
