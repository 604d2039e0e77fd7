"""Near duplicates over a whole run: every clip against those before it, exactly, in blocks."""

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

_Words = npt.NDArray[np.uint64]  # (clips, frames): a perceptual hash each
_Signs = npt.NDArray[np.float32]  # (clips, bits): +1 or -1
_Places = npt.NDArray[np.intp]

BLOCK = 128  # clips that are compared with all kept ones at once
WORDS = 4  # frames of a clip that the first, coarse comparison looks at
PAIRS = 1 << 17  # whose distances are worked out at once: with 8 frames some 40 MB
_ONES = np.array([n.bit_count() for n in range(1 << 16)], np.uint8)


@dataclasses.dataclass(frozen=True, slots=True)
class Near:
    """The clip that another all but repeats, and in how many bits of 64 their frames differ on average."""

    of: str
    bits: float


def near_duplicates(hashes: Mapping[str, Sequence[str]], bits: float) -> dict[str, Near]:
    """Which clips all but repeat one before them. ``hashes``: clip -> its frames' hashes, in order.

    Two clips with equally many frames are near duplicates where their aligned frames' hashes differ
    in at most ``bits`` of 64 on average, frames left aside whose pictures are flat in both (hash 0);
    of two clips without any other frame nothing is known. A clip is compared with those before it
    that repeat none themselves, and stands beside the first it repeats, so that of a group all
    but the first are found.

    Exact: the sum of the distances of some of the frames, which a matrix product of signs gives
    (64 words of +1 and -1: product = bits - 2 x distance), is never more than that of all, so a pair
    that it rules out is none. Time grows with the square of the number of clips, memory with
    the number.
    """
    by_length: dict[int, list[str]] = defaultdict(list)
    for clip, own in hashes.items():
        if own:
            by_length[len(own)].append(clip)
    found: dict[str, Near] = {}
    for clips in by_length.values():
        words = np.array([[int(h, 16) for h in hashes[clip]] for clip in clips], np.uint64)
        for one, other, distance in _repeats(words, bits):
            found[clips[one]] = Near(clips[other], round(distance, 4))
    return found


def _repeats(words: _Words, bits: float) -> Iterator[tuple[int, int, float]]:
    """(row, the first kept row that it repeats, their distance), for every row that repeats one."""
    signs = _signs(words)
    kept: _Places = np.empty(len(words), np.intp)
    n_kept = 0
    for start in range(0, len(words), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(words)))
        own = signs[rows]
        found: dict[int, tuple[int, float]] = {}
        for row, other, distance in _near(words, rows, own, kept[:n_kept], signs[:n_kept], bits):
            found.setdefault(row, (other, distance))
        for row, other, distance in _near(words, rows, own, rows, own, bits):
            if other < row and row not in found and other not in found:
                found[row] = other, distance
        yield from ((row, *near) for row, near in found.items())
        new = np.array([row for row in rows if int(row) not in found], np.intp)
        kept[n_kept : n_kept + len(new)] = new
        signs[n_kept : n_kept + len(new)] = signs[new]  # rows of blocks that are done: not needed
        n_kept += len(new)


def _near(
    words: _Words, rows: _Places, own: _Signs, others: _Places, theirs: _Signs, bits: float
) -> Iterator[tuple[int, int, float]]:
    """Pairs of a row and another within the distance, by row and then by other, themselves too."""
    at_most = bits * words.shape[1]  # over all frames, and so over some of them
    one, two = np.nonzero(own @ theirs.T >= own.shape[1] - 2 * at_most)
    for start in range(0, len(one), PAIRS):
        a, b = rows[one[start : start + PAIRS]], others[two[start : start + PAIRS]]
        distance = _distances(words[a], words[b])
        for at in np.flatnonzero(distance <= bits):
            yield int(a[at]), int(b[at]), float(distance[at])


def _distances(a: _Words, b: _Words) -> npt.NDArray[np.float64]:
    """(pairs,) mean distance over the frames that are not flat in both; infinite where all are."""
    apart = np.ascontiguousarray(a ^ b)
    bits = _ONES[apart.view(np.uint16)].sum(axis=1, dtype=np.float64)
    told = ((a | b) != 0).sum(axis=1)
    return np.divide(bits, told, out=np.full(len(bits), np.inf), where=told > 0)


def _signs(words: _Words) -> _Signs:
    """(clips, 64 x frames looked at): those frames spread over the clip, for neighbours are alike."""
    looked_at = np.unique(np.linspace(0, words.shape[1] - 1, WORDS).round().astype(int))
    chosen = np.ascontiguousarray(words[:, looked_at])
    bits = np.unpackbits(chosen.view(np.uint8), axis=1)
    signs: _Signs = bits.astype(np.float32)
    signs *= 2
    signs -= 1
    return signs
