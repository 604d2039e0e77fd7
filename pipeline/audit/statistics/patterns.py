"""Sums over clips of what only depends on the clip's scores, by way of the few patterns of these.

Three raters and five points make 216 rows of scores, a missing one counted as a sixth point. So a
table of 200,000 clips is that of 216 rows, and how often each of them came.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import sparse

from pipeline.audit.statistics.agreement import sum_by_prompt
from pipeline.audit.statistics.bootstrap import Array

Index = npt.NDArray[np.intp]

MAX_PATTERNS = 4096


def sum_of_patterns(
    table_of: Callable[[Array], Array],
    ratings: Array,
    levels: Array,
    prompts: Index,
    n_prompts: int,
) -> Array:
    """Sums (P, k) per prompt of ``table_of`` scores (N, R), which gives (N, k) row by row.

    The same as ``sum_by_prompt(table_of(ratings), prompts, n_prompts)``, in less time, for a table
    that takes scores that are none of the ``levels`` (K,) for missing.
    """
    n_patterns = (len(levels) + 1) ** ratings.shape[1]
    if n_patterns > min(MAX_PATTERNS, len(ratings)):
        return sum_by_prompt(table_of(ratings), prompts, n_prompts)
    pattern, table = pattern_of(ratings, levels), table_of(_all_patterns(levels, ratings.shape[1]))
    if n_prompts * n_patterns > len(ratings):
        met = np.ones(len(pattern)), (prompts, pattern)
        return np.asarray(sparse.csr_array(met, shape=(n_prompts, n_patterns)) @ table)
    cells = np.bincount(prompts * n_patterns + pattern, minlength=n_prompts * n_patterns)
    return np.asarray(cells.reshape(n_prompts, n_patterns) @ table)


def pattern_of(ratings: Array, levels: Array) -> Index:
    """Number (N,) of each row of scores: digits of base K + 1, 0 for a missing one."""
    pattern = np.zeros(len(ratings), dtype=np.intp)
    for column in ratings.T:
        digit = np.zeros(len(ratings), dtype=np.uint8)
        for number, level in enumerate(levels, start=1):
            digit += (column == level) * np.uint8(number)
        pattern = pattern * (len(levels) + 1) + digit
    return pattern


def _all_patterns(levels: Array, n_raters: int) -> Array:
    digits = np.indices((len(levels) + 1,) * n_raters).reshape(n_raters, -1).T
    return np.asarray(np.append(np.nan, levels)[digits])
