"""Who beat whom among generators, counted by prompt, and which of them can be ranked."""

import dataclasses
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from pipeline.audit.pair_panel import PairPanel
from pipeline.audit.statistics.bootstrap import Array
from pipeline.audit.statistics.pairs import signs

Index = npt.NDArray[np.intp]

_DENSE = 0.05  # share of the cells in use from which on a dense table is summed faster


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Who beat whom, by prompt, of G generators in K couples that met.

    ``table`` (P, 3 K), dense or sparse: how often the upper of a couple won, it lost, they tied;
    ``upper`` and ``lower`` (K,) are positions in ``generators``, and ``pairs`` (G,) counts the pairs
    of clips with one of it, however many raters compared them.
    """

    generators: tuple[str, ...]
    upper: Index
    lower: Index
    table: Any
    pairs: Index

    def of(self, counts: Array) -> tuple[Array, Array]:
        """Wins and ties (B, G, G) of prompt counts (B, P); see ``strength.py``."""
        thin = sparse.issparse(self.table)
        sums = np.asarray((self.table.T @ counts.T).T if thin else counts @ self.table)
        won, lost, tied = np.split(sums, 3, axis=1)
        wins = np.zeros((len(counts), len(self.generators), len(self.generators)))
        ties = np.zeros_like(wins)
        wins[:, self.upper, self.lower], wins[:, self.lower, self.upper] = won, lost
        ties[:, self.upper, self.lower] = ties[:, self.lower, self.upper] = tied
        return wins, ties

    @property
    def whole(self) -> tuple[Array, Array]:
        """Wins and ties (1, G, G) of all prompts."""
        return self.of(np.ones((1, self.table.shape[0])))

    def among(self, group: Index) -> Self:
        """The results of these generators with each other."""
        place = np.full(len(self.generators), -1)
        place[group] = np.arange(len(group))
        kept = np.flatnonzero((place[self.upper] >= 0) & (place[self.lower] >= 0))
        n = len(self.upper)
        return dataclasses.replace(
            self,
            generators=tuple(self.generators[g] for g in group),
            upper=place[self.upper[kept]],
            lower=place[self.lower[kept]],
            table=self.table[:, np.concatenate([kept, kept + n, kept + 2 * n])],
            pairs=self.pairs[group],
        )


def results_of(panel: PairPanel, differences: Array) -> Results:
    """What differences (M,), or (M, R) of raters, say of the generators; NaN says nothing.

    Every one is a comparison. Pairs of one generator with itself are left out, and so are generators
    that were not compared with another; the rest are sorted by name.
    """
    table = differences if differences.ndim == 2 else differences[:, None]
    names, of_clip = np.unique(np.asarray(panel.generators, dtype=str), return_inverse=True)
    first, second = of_clip[panel.first], of_clip[panel.second]
    known = ~np.isnan(table) & (first != second)[:, None]
    m = np.nonzero(known)[0]
    said = signs(table[known]) * np.where(first < second, 1, -1)[m]
    couple = np.minimum(first, second) * len(names) + np.maximum(first, second)
    seen = np.bincount(couple[m]) > 0
    met, number = np.flatnonzero(seen), np.cumsum(seen) - 1
    block = np.asarray([1, 2, 0])[said + 1]  # the upper lost, they tied, the upper won
    column = block * len(met) + number[couple[m]]
    counted = known.any(axis=1)
    pairs = np.bincount(np.append(first[counted], second[counted]), minlength=len(names))
    place = np.cumsum(pairs > 0) - 1
    return Results(
        generators=tuple(str(name) for name in names[pairs > 0]),
        upper=place[met // max(1, len(names))],
        lower=place[met % max(1, len(names))],
        table=_count_table(panel.prompts[m], column, panel.n_prompts, 3 * len(met)),
        pairs=pairs[pairs > 0],
    )


def ranked(results: Results) -> Results:
    """The largest group in which wins and ties lead from each to every other; or nobody.

    Nobody also where two groups are equally large: neither is the one to rank.
    """
    group = np.empty(0, dtype=np.intp)
    if results.generators:
        _, label = sparse.csgraph.connected_components(_above(results), connection="strong")
        sizes = np.bincount(label)
        if sizes.max() > 1 and (sizes == sizes.max()).sum() == 1:
            group = np.flatnonzero(label == sizes.argmax())
    return results.among(group)


def unranked(results: Results, board: Results) -> list[str]:
    """Who is not among the ``board`` ranked of ``results``, one sentence for each reason."""
    reach = sparse.csgraph.shortest_path(_above(results), unweighted=True) < np.inf
    leader = results.generators.index(board.generators[0])
    reasons = {
        (True, False): "only won against those ranked, or against others above them",
        (False, True): "only lost against those ranked, or against others below them",
        (False, False): "no chain of comparisons places them above or below those ranked",
    }
    found: dict[tuple[bool, bool], list[str]] = {key: [] for key in (*reasons, (True, True))}
    for g, name in enumerate(results.generators):
        found[bool(reach[g, leader]), bool(reach[leader, g])].append(name)
    return [f"{', '.join(found[key])}: {why}" for key, why in reasons.items() if found[key]]


def _above(results: Results) -> Array:
    """(G, G): 1 where row won against column or tied."""
    wins, ties = results.whole
    return np.asarray(wins[0] + ties[0] > 0, dtype=np.float64)


def _count_table(prompts: Index, columns: Index, n_prompts: int, n_columns: int) -> Any:
    """How often each column came in each prompt, (P, n_columns), sparse where few did."""
    if len(prompts) >= _DENSE * n_prompts * n_columns:
        cells = np.bincount(prompts * n_columns + columns, minlength=n_prompts * n_columns)
        return cells.reshape(n_prompts, n_columns).astype(np.float64)
    ones = np.ones(len(prompts))
    return sparse.csr_array((ones, (prompts, columns)), shape=(n_prompts, n_columns))
