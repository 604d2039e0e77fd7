"""Intervals by resampling prompts, from per-prompt sufficient statistics.

Clips of one prompt are not independent, so whole prompts are drawn with replacement. A draw is a
row of multinomial counts, one per prompt; what a statistic needs is additive over prompts (counts,
sums, contingency and coincidence tables), so a replicate costs one row of ``counts @ stats``. What
is not additive (ranks, pairs across prompts) takes the counts themselves: `weighted_bootstrap`.

Sources: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapters 8 and 13 (percentile
interval); Miller 2024, arXiv:2411.00640 (errors clustered by question in evaluations of models).
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import numpy.typing as npt

from schemas.ids import sha256_hex

Array = npt.NDArray[np.float64]
Statistic = Callable[[Array], Array]

_CELLS = 4_000_000  # size of one block of counts, resamples x prompts: 32 MB


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A statistic and its percentile interval; None where it is undefined.

    ``value`` is the statistic of the data themselves. ``low`` and ``high`` are None where there is
    no value, where there are fewer than two prompts (one tells nothing about the spread), or where
    the statistic is undefined in more than half of the resamples.
    """

    value: float | None
    low: float | None
    high: float | None


def cluster_bootstrap(
    stats: npt.ArrayLike,
    statistic: Statistic,
    resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Percentile interval of a statistic of additive per-prompt statistics.

    ``stats`` is (P, k), one row per prompt; ``statistic`` takes sums (B, k) and returns (B,)
    values, NaN where undefined. Resamples in which it is undefined are left out of the interval.

    The draws depend on the seed and on the number of prompts alone, never on ``k``. A paired
    difference is therefore one statistic over both sets of columns:

    >>> a = np.array([[1.0, 2.0], [2.0, 2.0], [2.0, 3.0]])  # per prompt: judge A right, pairs
    >>> b = np.array([[1.0, 2.0], [1.0, 2.0], [1.0, 3.0]])  # the same of judge B
    >>> both = np.hstack([a, b])
    >>> gap = cluster_bootstrap(both, lambda t: t[:, 0] / t[:, 1] - t[:, 2] / t[:, 3])
    >>> round(gap.value, 6)  # 5/7 - 3/7
    0.285714
    """
    table = np.asarray(stats, dtype=np.float64)
    if table.ndim != 2:
        raise ValueError(f"stats: expected (prompts, columns), got shape {table.shape}")
    step = max(1, _CELLS // max(1, table.shape[1]))

    def of_counts(counts: Array) -> Array:
        blocks = [counts[i : i + step] @ table for i in range(0, len(counts), step)]
        return np.concatenate([statistic(sums) for sums in blocks])

    return weighted_bootstrap(len(table), of_counts, resamples, seed, level)


def weighted_bootstrap(
    n_prompts: int,
    statistic: Statistic,
    resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Percentile interval of any statistic that can weigh prompts.

    ``statistic`` takes counts (B, P), how often each prompt was drawn, and returns (B,) values, NaN
    where undefined. Same draws as :func:`cluster_bootstrap` for the same seed and ``n_prompts``.
    """
    if n_prompts == 0:
        return Interval(value=None, low=None, high=None)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = float(statistic(np.ones((1, n_prompts)))[0])
        if not math.isfinite(value):
            return Interval(value=None, low=None, high=None)
        if n_prompts == 1:
            return Interval(value=value, low=None, high=None)
        blocks = draws(n_prompts, resamples, seed)
        replicates = np.concatenate([statistic(counts) for counts in blocks])
    defined = replicates[np.isfinite(replicates)]
    if 2 * len(defined) <= len(replicates):
        return Interval(value=value, low=None, high=None)
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value=value, low=float(low), high=float(high))


def draws(n_prompts: int, resamples: int, seed: int) -> Iterable[Array]:
    """Blocks (b, P) of multinomial counts, ``resamples`` rows in all; each row sums to P."""
    if resamples * n_prompts <= _CELLS:
        return _kept_draws(n_prompts, resamples, seed)
    return _draws(n_prompts, resamples, seed)


@functools.lru_cache(maxsize=2)  # an audit asks for the same draws for every statistic
def _kept_draws(n_prompts: int, resamples: int, seed: int) -> tuple[Array, ...]:
    return tuple(_draws(n_prompts, resamples, seed))


def _draws(n_prompts: int, resamples: int, seed: int) -> Iterator[Array]:
    digest = sha256_hex(f"cluster_bootstrap\n{seed}\n{n_prompts}".encode())
    generator = np.random.default_rng(int(digest[:16], 16))
    block = max(1, _CELLS // n_prompts)
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = generator.integers(n_prompts, size=(rows, n_prompts))
        drawn += np.arange(rows)[:, None] * n_prompts
        counts = np.bincount(drawn.ravel(), minlength=rows * n_prompts)
        yield counts.reshape(rows, n_prompts).astype(np.float64)
