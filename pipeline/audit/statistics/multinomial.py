"""How often each of P prompts comes up in P draws with replacement: rows of multinomial counts.

One random number and one jump in memory for each draw is most of what a bootstrap costs. So most of a
row is looked up: independent Poisson counts are multinomial once their total T is known. With a mean a
little below 1, T stays below P, and only what is missing, P - T, is drawn one by one, which makes the
row multinomial with a total of P. A row with T above P, one in a thousand, is made anew.

Source: Devroye 1986, Non-Uniform Random Variate Generation, chapters XI.1 (Poisson counts given their
sum) and III.3 (lookup with a remainder).
"""

import functools
import math
from typing import Any

import numpy as np
import numpy.typing as npt

FEW = 400  # prompts up to which every draw is made on its own: little is missing by chance alone

_WORDS = 1 << 16  # a count is looked up by 16 random bits
_SPREADS = 3  # standard deviations by which the mean total is below P


def multinomial(generator: np.random.Generator, n: int, rows: int) -> npt.NDArray[np.integer[Any]]:
    """Counts (rows, n), each row the sum of ``n`` draws from ``n`` equally likely prompts."""
    if n <= FEW:
        return _one_by_one(generator, n, np.full(rows, n))
    counts = _poisson(generator, n, rows)
    missing = _missing(counts)
    while (over := np.flatnonzero(missing < 0)).size:
        counts[over] = _poisson(generator, n, len(over))
        missing[over] = _missing(counts[over])
    np.add.at(counts.reshape(-1), _cells(generator, n, missing), np.uint8(1))  # far below 256
    return counts


def _missing(counts: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    return counts.shape[1] - counts.sum(axis=1, dtype=np.uint32).astype(np.int64)


def _one_by_one(
    generator: np.random.Generator, n: int, times: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Counts (rows, n) of ``times`` (rows,) draws each."""
    cells = _cells(generator, n, times)
    return np.bincount(cells, minlength=len(times) * n).reshape(len(times), n)


def _cells(
    generator: np.random.Generator, n: int, times: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """The draws themselves, as cells of the counts in one row after another."""
    drawn = generator.integers(n, size=times.sum(), dtype=np.uint32)
    return drawn + np.repeat(np.arange(len(times)) * n, times)


def _poisson(generator: np.random.Generator, n: int, rows: int) -> npt.NDArray[np.uint8]:
    """Independent counts (rows, n) of mean 1 - 3 / sqrt(n), exact to floating point.

    Count k has as many of the 65,536 words as its probability is whole parts of that; the few words
    that are left stand for the remainders, and their counts are drawn from these.
    """
    ends, remainders = _words(1 - _SPREADS / math.sqrt(n))
    bits = generator.integers(1 << 64, size=(rows * n + 3) // 4, dtype=np.uint64)
    word = bits.view(np.uint16)[: rows * n]
    counts = np.zeros(rows * n, dtype=np.uint8)
    for end in ends:
        counts += (word >= end).view(np.uint8)
    left = np.flatnonzero(word >= ends[-1])
    counts[left] = generator.choice(len(remainders), size=len(left), p=remainders)
    return counts.reshape(rows, n)


@functools.lru_cache(maxsize=16)
def _words(mean: float) -> tuple[list[int], npt.NDArray[np.float64]]:
    """Where the words of each count end, and the distribution of the counts of those left over."""
    chance = [math.exp(-mean)]
    while chance[-1] > 1e-18:
        chance.append(chance[-1] * mean / len(chance))
    words = np.asarray(chance) * _WORDS
    whole = np.floor(words)
    ends = np.cumsum(whole[whole > 0]).astype(int)
    return ends.tolist(), (words - whole) / (words - whole).sum()
