"""Near duplicates over a whole run: every clip against those before it, exactly."""

import dataclasses
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pipeline.clip_checks.near_pairs import Places, TooMany, Words, distances, near_pairs

_Signs = npt.NDArray[np.float32]  # (clips, bits): +1 or -1
_Repeat = tuple[int, int, float]  # row, the first kept row that it repeats, their distance

FEW = 4_096  # clips, up to which it is as fast to compare all with all
BLOCK = 128  # clips that are compared with all kept ones at once
WORDS = 4  # frames of a clip that the first, coarse comparison looks at
PAIRS = 1 << 17  # whose distances are worked out at once: with 8 frames some 40 MB


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

    Exact either way: few clips are compared all with all, in blocks; of many those that agree in parts
    of a hash are (:mod:`pipeline.clip_checks.near_pairs`), whose time hardly grows faster than their number.
    """
    by_length: dict[int, list[str]] = defaultdict(list)
    for clip, own in hashes.items():
        if own:
            by_length[len(own)].append(clip)
    found: dict[str, Near] = {}
    for clips in by_length.values():
        digits = bytes.fromhex("".join(itertools.chain.from_iterable(hashes[c] for c in clips)))
        words = np.frombuffer(digits, ">u8").astype(np.uint64).reshape(len(clips), -1)
        for one, other, distance in _repeats(words, bits):
            found[clips[one]] = Near(clips[other], round(distance, 4))
    return found


def _repeats(words: Words, bits: float) -> Iterable[_Repeat]:
    """Every row that repeats one."""
    if len(words) > FEW:
        try:
            return _first_kept(words, bits)
        except TooMany:
            pass  # much of the same in many clips: all with all is as fast then
    return _in_blocks(words, bits)


def _first_kept(words: Words, bits: float) -> list[_Repeat]:
    """Of many rows. Those that are equal all repeat what the first of them does, or that one."""
    _, first, which = np.unique(words, axis=0, return_index=True, return_inverse=True)
    ahead = np.sort(first)
    found: dict[int, tuple[int, float]] = {}
    for later, earlier, distance in zip(*near_pairs(words[ahead], bits), strict=True):
        row, other = int(ahead[later]), int(ahead[earlier])
        if row not in found and other not in found:
            found[row] = other, float(distance)
    told: npt.NDArray[np.bool_] = (words != 0).sum(axis=1) > 0
    for row, own in enumerate(first[which.reshape(-1)].tolist()):
        if row != own and (own in found or told[row]):
            found[row] = found.get(own, (own, 0.0))
    return [(row, *near) for row, near in found.items()]


def _in_blocks(words: Words, bits: float) -> Iterator[_Repeat]:
    """Of a few rows, or of rows among which many are close.

    The sum of the distances of some of the frames, which a matrix product of signs gives (64 words of +1
    and -1: product = bits - 2 x distance), is never more than that of all, so a pair that it rules out is
    none. Time grows with the square of the number of rows.
    """
    signs = _signs(words)
    kept: Places = np.empty(len(words), np.intp)
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
    words: Words, rows: Places, own: _Signs, others: Places, theirs: _Signs, bits: float
) -> Iterator[tuple[int, int, float]]:
    """Pairs of a row and another within the distance, by row and then by other, themselves too."""
    at_most = bits * words.shape[1]  # over all frames, and so over some of them
    one, two = np.nonzero(own @ theirs.T >= own.shape[1] - 2 * at_most)
    for start in range(0, len(one), PAIRS):
        a, b = rows[one[start : start + PAIRS]], others[two[start : start + PAIRS]]
        distance = distances(words[a], words[b])
        for at in np.flatnonzero(distance <= bits):
            yield int(a[at]), int(b[at]), float(distance[at])


def _signs(words: Words) -> _Signs:
    """(clips, 64 x frames looked at): those frames spread over the clip, for neighbours are alike."""
    looked_at = np.unique(np.linspace(0, words.shape[1] - 1, WORDS).round().astype(int))
    chosen = np.ascontiguousarray(words[:, looked_at])
    bits = np.unpackbits(chosen.view(np.uint8), axis=1)
    signs: _Signs = bits.astype(np.float32)
    signs *= 2
    signs -= 1
    return signs
