"""Pairs of clips whose frames' hashes are close: exactly, and without a look at every pair.

Where the hashes of two clips differ in at most ``bits`` of 64 on average, there is a frame in which they
differ in no more, and of the equal parts that this frame's hash is cut into one in which they differ in
at most one bit, if there are more than ``bits / 2`` parts (pigeonhole; Norouzi, Punjani and Fleet 2012, Fast
search in Hamming space with multi-index hashing, CVPR). So a pair is found among those that agree in a
part, or in all of a part but one bit: by sorting, once for each bit that is left out. What is found so is
measured over all frames; nothing close is missed.
"""

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]  # (clips, frames): a perceptual hash each, 0 of a flat picture
Places = npt.NDArray[np.intp]
Pairs = tuple[Places, Places]

# of all pairs, how many may be looked at: more, and it is faster to look at all in blocks
SHARE = 1 / 16
PIECE = 1 << 17  # pairs whose distances are worked out at once: with 8 frames some 40 MB
_BITS, _HALF = 64, 32  # of a hash; of a part of it at most, and of a row's number
_ONES = np.array([n.bit_count() for n in range(1 << 16)], np.uint8)


class TooMany(Exception):
    """The hashes agree in parts so often that this way leads nowhere."""


def near_pairs(words: Words, bits: float) -> tuple[Places, Places, npt.NDArray[np.float64]]:
    """(later row, earlier row, distance) of all pairs within ``bits``, by the later and then the earlier.

    Raises :class:`TooMany` where more than ``SHARE`` of all pairs would have to be looked at.
    """
    n, found, seen = len(words), [np.empty(0, np.int64)], 0
    for one, two in _candidates(words, bits):
        seen += len(one)
        if seen > SHARE * n * n / 2:
            raise TooMany
        near = distances(words[one], words[two]) <= bits
        later, earlier = np.maximum(one, two)[near], np.minimum(one, two)[near]
        if len(later):
            found.append(later.astype(np.int64) * n + earlier)
    later, earlier = np.divmod(np.unique(np.concatenate(found)), max(n, 1))
    apart = [
        distances(words[later[at : at + PIECE]], words[earlier[at : at + PIECE]])
        for at in range(0, len(later), PIECE)
    ]
    return later, earlier, np.concatenate([np.empty(0), *apart])


def distances(a: Words, b: Words) -> npt.NDArray[np.float64]:
    """(pairs,) mean distance over the frames that are not flat in both; infinite where all are."""
    apart = np.ascontiguousarray(a ^ b)
    bits = _ONES[apart.view(np.uint16)].sum(axis=1, dtype=np.float64)
    told = ((a | b) != 0).sum(axis=1)
    return np.divide(bits, told, out=np.full(len(bits), np.inf), where=told > 0)


def _candidates(words: Words, bits: float) -> Iterator[Pairs]:
    """Pairs that agree in a part of a frame but for one bit, ``PIECE`` at a time, some of them again and
    again."""
    n_parts = max(int(bits // 2) + 1, _BITS // _HALF)
    edges = np.linspace(0, _BITS, n_parts + 1).round().astype(int)
    for frame in range(words.shape[1]):
        own = words[:, frame]
        flat, told = np.flatnonzero(own == 0), np.flatnonzero(own)
        for low, high in itertools.pairwise(edges.tolist()):
            part = (own[told] >> np.uint64(low)) & np.uint64((1 << (high - low)) - 1)
            if len(flat):
                at_most_a_bit = (part & (part - np.uint64(1))) * (part > 0) == 0
                yield from _crossed(flat, told[at_most_a_bit])
            for bit in range(high - low):
                yield from _equal(part & ~np.uint64(1 << bit), told)


def _equal(keys: Words, rows: Places) -> Iterator[Pairs]:
    """Pairs of the rows whose keys are equal."""
    # each with its place in one number: sorting numbers is several times as fast as sorting places
    packed = np.sort(keys << np.uint64(_HALF) | np.arange(len(keys), dtype=np.uint64))
    rows = rows[(packed & np.uint64((1 << _HALF) - 1)).view(np.intp)]
    keys = packed >> np.uint64(_HALF)
    at, step = np.flatnonzero(keys[1:] == keys[:-1]), 1
    while len(at):
        for start in range(0, len(at), PIECE):
            some = at[start : start + PIECE]
            yield rows[some], rows[some + step]
        step += 1
        at = at[at + step < len(keys)]
        at = at[keys[at + step] == keys[at]]


def _crossed(some: Places, others: Places) -> Iterator[Pairs]:
    """Every one of them with every other one."""
    if not len(some):
        return
    for start in range(0, len(others), max(1, PIECE // len(some))):
        part = others[start : start + max(1, PIECE // len(some))]
        yield np.tile(some, len(part)), np.repeat(part, len(some))
