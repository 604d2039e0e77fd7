"""One number of an audit on its way to a row, and how its interval is made."""

import dataclasses

import numpy as np

from pipeline.audit.statistics.bootstrap import (
    Array,
    Interval,
    Statistic,
    Table,
    cluster_bootstrap,
    sums_of_counts,
    weighted_bootstrap,
    weighted_bootstraps,
)

MAX_LEVELS = 101  # alpha and kappa are left out where there are more levels


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number: ``n_items`` clips, or pairs of clips for the statistics of pairs.

    ``undefined_prompts`` counts prompts that a mean over prompts had to leave out.
    """

    statistic: str
    interval: Interval
    n_items: int
    n_raters: int
    undefined_prompts: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Resampling:
    """How intervals are made."""

    resamples: int = 2000
    seed: int = 0
    level: float = 0.95

    def of_sums(self, table: Table, statistic: Statistic) -> Interval:
        """Interval of a statistic of sums of the rows of (P, k)."""
        return cluster_bootstrap(table, statistic, self.resamples, self.seed, self.level)

    def of_counts(self, n_prompts: int, statistic: Statistic) -> Interval:
        """Interval of a statistic of prompt counts."""
        return weighted_bootstrap(n_prompts, statistic, self.resamples, self.seed, self.level)

    def each_of_sums(self, table: Table, statistics: Statistic, n: int) -> list[Interval]:
        """Intervals of n statistics of sums of the rows of (P, k), from (B, k) to (B, n)."""
        n_prompts, of_counts = sums_of_counts(table, statistics)
        return weighted_bootstraps(
            n_prompts, of_counts, n, self.resamples, self.seed, self.level, whole=True
        )

    def each_of_counts(self, n_prompts: int, statistics: Statistic, n: int) -> list[Interval]:
        """Intervals of n statistics of prompt counts, from (B, P) to (B, n)."""
        return weighted_bootstraps(n_prompts, statistics, n, self.resamples, self.seed, self.level)


def whole_levels(scale: tuple[float, float]) -> Array | None:
    """Every point of a scale of whole numbers, (K,); None for any other scale."""
    low, high = scale
    if low != int(low) or high != int(high) or high - low >= MAX_LEVELS:
        return None
    return np.arange(low, high + 1)
