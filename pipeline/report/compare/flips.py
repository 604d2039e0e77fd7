"""The flips to look at first: pairs of which both runs were surest, and of opposite opinion."""

import math

import numpy as np

from pipeline.audit.statistics.bootstrap import Array
from pipeline.report.compare.pairs import CommonPairs

MOST = 24


def chosen_flips(pairs: CommonPairs, most: int = MOST) -> list[int]:
    """Rows of at most ``most`` flips, one of a prompt, every dimension with its share of them.

    First the pairs whose label turned round, then those that became a tie or are none any more; within
    each the surest: by the smaller, of the others by the larger of the two margins, each in units of the
    root mean square of that run's margins on that dimension. Of equals the lower ids come first.
    """
    flipped = np.flatnonzero(pairs.old != pairs.new)
    sure = np.stack(
        [_in_deviations(pairs, margin) for margin in (pairs.old_margin, pairs.new_margin)]
    )
    turned = pairs.old * pairs.new < 0
    size = np.where(turned, sure.min(axis=0), sure.max(axis=0))
    order = flipped[np.lexsort((flipped, -size[flipped], ~turned[flipped]))]
    there = np.unique(pairs.dimension[flipped])
    left = dict.fromkeys(there.tolist(), math.ceil(most / max(1, len(there))))
    seen: set[int] = set()
    found: list[int] = []
    for row in order:
        prompt, dimension = int(pairs.prompt[row]), int(pairs.dimension[row])
        if prompt not in seen and left[dimension] and len(found) < most:
            seen.add(prompt)
            left[dimension] -= 1
            found.append(int(row))
    return found


def _in_deviations(pairs: CommonPairs, margins: Array) -> Array:
    """Sizes of margins (N,) over the root mean square of their dimension; 0 where all of it is 0."""
    n = len(pairs.dimensions)
    squares = np.bincount(pairs.dimension, margins**2, n) / np.maximum(
        np.bincount(pairs.dimension, minlength=n), 1
    )
    scale = np.sqrt(squares)[pairs.dimension]
    return np.divide(np.abs(margins), scale, out=np.zeros(len(margins)), where=scale > 0)
