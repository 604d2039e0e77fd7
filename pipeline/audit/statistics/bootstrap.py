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
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from pipeline.audit.statistics.multinomial import multinomial
from schemas.ids import sha256_hex

Array = npt.NDArray[np.float64]
Statistic = Callable[[Array], Array]
Table = Any  # (P, k): an array, or a scipy.sparse array where most of a wide one is zero

_CELLS = 400_000  # of one block of counts, resamples x prompts: 3 MB, what a cache holds
_KEPT = 40_000_000  # draws of up to so many cells are kept, a byte each
_WIDE = 1_000_000  # cells from which on a table that is mostly zeros is worth packing


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
    stats: Table,
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
    n_prompts, of_counts = sums_of_counts(stats, statistic)
    one = _alone(of_counts)
    return weighted_bootstraps(n_prompts, one, 1, resamples, seed, level, whole=True)[0]


def sums_of_counts(stats: Table, statistic: Statistic) -> tuple[int, Statistic]:
    """P, and a statistic of sums of the rows of (P, k) as a statistic of prompt counts (B, P)."""
    table = _packed(stats)
    kind = np.float32 if _exact_in_single(table) else np.float64
    table = table.astype(kind, copy=False)
    step = max(1, _CELLS // max(1, table.shape[1]))

    def of_counts(counts: Array) -> Array:
        blocks = [counts[i : i + step].astype(kind) @ table for i in range(0, len(counts), step)]
        return np.concatenate([statistic(sums.astype(np.float64)) for sums in blocks])

    return table.shape[0], of_counts


def _exact_in_single(table: Table) -> bool:
    """Whether every sum of P rows is exact in single precision, which takes half the time.

    So it is where the cells are whole numbers or halves, as counts are, and no sum needs 24 bits.
    """
    if sparse.issparse(table):
        return False
    halves = 2 * np.abs(table)
    return bool((halves == np.round(halves)).all() and halves.max(initial=0) * len(table) < 2**24)


def _packed(stats: Table) -> Table:
    table = stats if sparse.issparse(stats) else np.asarray(stats, dtype=np.float64)
    if table.ndim != 2:
        raise ValueError(f"stats: expected (prompts, columns), got shape {table.shape}")
    wide = not sparse.issparse(table) and table.size > _WIDE
    return sparse.csr_array(table) if wide and 20 * np.count_nonzero(table) < table.size else table


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

    return weighted_bootstraps(n_prompts, _alone(statistic), 1, resamples, seed, level)[0]


def _alone(statistic: Statistic) -> Statistic:
    return lambda counts: statistic(counts)[:, None]


def weighted_bootstraps(
    n_prompts: int,
    statistics: Statistic,
    n_statistics: int,
    resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    *,
    whole: bool = False,
) -> list[Interval]:
    """The intervals of several statistics at the cost of one: counts (B, P) to values (B, S).

    NaN alone, (B,), stands for statistics that are all undefined. ``whole``: they take counts as small
    whole numbers, such as those of :func:`sums_of_counts`, and turn them into what they need.
    """
    if n_prompts == 0:
        return [Interval(value=None, low=None, high=None)] * n_statistics
    with np.errstate(invalid="ignore", divide="ignore"):
        values = np.broadcast_to(statistics(np.ones((1, n_prompts)))[0], n_statistics)
        replicates = np.full((1, n_statistics), np.nan)  # one prompt tells nothing about the spread
        if n_prompts > 1 and np.isfinite(values).any():
            blocks = (_whole_draws if whole else draws)(n_prompts, resamples, seed)
            replicates = np.concatenate([statistics(counts) for counts in blocks])
    return [_interval(float(v), own, level) for v, own in zip(values, replicates.T, strict=True)]


def _interval(value: float, replicates: Array, level: float) -> Interval:
    if not math.isfinite(value):
        return Interval(value=None, low=None, high=None)
    defined = replicates[np.isfinite(replicates)]
    if 2 * len(defined) <= len(replicates):
        return Interval(value=value, low=None, high=None)
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value=value, low=float(low), high=float(high))


def draws(n_prompts: int, resamples: int, seed: int) -> Iterator[Array]:
    """Blocks (b, P) of multinomial counts, ``resamples`` rows in all; each row sums to P."""
    return (block.astype(np.float64) for block in _whole_draws(n_prompts, resamples, seed))


def _whole_draws(n_prompts: int, resamples: int, seed: int) -> Iterable[npt.NDArray[Any]]:
    small = resamples * n_prompts <= _KEPT
    return (_kept_draws if small else _draws)(n_prompts, resamples, seed)


@functools.lru_cache(maxsize=4)  # an audit asks for the same draws for every statistic
def _kept_draws(n_prompts: int, resamples: int, seed: int) -> tuple[npt.NDArray[Any], ...]:
    return tuple(_draws(n_prompts, resamples, seed))


def _draws(n_prompts: int, resamples: int, seed: int) -> Iterator[npt.NDArray[Any]]:
    digest = sha256_hex(f"cluster_bootstrap\n{seed}\n{n_prompts}".encode())
    generator = np.random.default_rng(int(digest[:16], 16))
    block = max(1, _CELLS // n_prompts)
    for start in range(0, resamples, block):
        counts = multinomial(generator, n_prompts, min(block, resamples - start))
        yield counts.astype(np.uint8 if counts.max() < 256 else np.int64, copy=False)
