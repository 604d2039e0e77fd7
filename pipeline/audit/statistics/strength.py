"""Strengths of generators from who beat whom: Bradley-Terry, and Davidson where ties count.

Arrays are of many tables at once, so that all resamples of a bootstrap are solved together: ``wins``
(B, G, G) counts how often row beat column, ``ties`` (B, G, G) how often the two tied, the same above
and below the diagonal. Strengths (B, G) are natural logarithms of odds, centred to mean 0: a
difference of 1 wins e times as often as it loses.

A maximum of the likelihood is found where there is one, without a prior: a generator that never lost
has no finite strength, and two groups that never met have no common scale. Such a table is a row of
NaN. Sources: Bradley and Terry 1952, Biometrika 39(3/4); Davidson 1970, Journal of the American
Statistical Association 65(329); existence and the likelihood as in Hunter 2004, Annals of Statistics
32(1). Deviation: Newton's method instead of the cited fixed points, which need hundreds of rounds.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import special

from pipeline.audit.statistics.bootstrap import Array

Index = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]
# parameters (b, D) of the tables numbered (b,) to gradient (b, D) and information (b, D, D)
Derivatives = Callable[[Array, Index], tuple[Array, Array]]

MAX_STEPS = 200
_CLOSE = 1e-8  # a step this short is the last: the next would be about its square
_RIDGE = 1e-12  # of the information: far from the maximum it may be singular to the last digit
_CELLS = 150_000  # of one block of tables: what a processor's cache holds


def count_results(
    first: npt.ArrayLike, second: npt.ArrayLike, signs: npt.ArrayLike, n_generators: int
) -> tuple[Array, Array]:
    """Wins and ties (G, G) of comparisons (M,) of generators numbered from 0.

    ``signs`` is 1 where the first won, -1 where the second did, 0 for a tie. A generator compared
    with itself says nothing and is left out.
    """
    one, other = np.asarray(first, np.intp), np.asarray(second, np.intp)
    cells = (np.asarray(signs, np.intp) + 1) * n_generators**2 + one * n_generators + other
    lost, tied, won = np.bincount(cells, minlength=3 * n_generators**2).reshape(
        3, n_generators, n_generators
    )
    wins, ties = (won + lost.T).astype(np.float64), (tied + tied.T).astype(np.float64)
    np.fill_diagonal(wins, 0)
    np.fill_diagonal(ties, 0)
    return wins, ties


def bradley_terry(wins: Array, ties: Array, start: Array | None = None) -> Array:
    """Strengths (B, G) under P(i beats j) = 1 / (1 + exp(s_j - s_i)); a tie is half a win of each.

    NaN where the maximum does not exist: unless every generator is above every other by a chain of
    wins and ties (Ford 1957; assumption 1 of Hunter 2004). ``start`` (G,) is where to begin.
    """
    points = wins + ties / 2
    strengths = np.full(points.shape[:2], np.nan)
    for rows in _blocks(np.flatnonzero(strongly_connected(points > 0)), points.shape[1]):
        block = points[rows]
        begin = _guess(block) if start is None else np.tile(start, (len(rows), 1))
        begin -= begin.mean(axis=1, keepdims=True)
        strengths[rows] = _newton(_of_bradley_terry(block), begin)
    return strengths


def davidson(wins: Array, ties: Array, start: Array | None = None) -> tuple[Array, Array]:
    """Strengths (B, G) and the tie parameter nu (B,) of Davidson's model.

    With pi = exp(s): P(i beats j) = pi_i / (pi_i + pi_j + nu sqrt(pi_i pi_j)), P(tie) = nu
    sqrt(pi_i pi_j) / (the same); two equal generators tie with probability nu / (2 + nu). Without
    any tie nu is 0 and the strengths are Bradley and Terry's. NaN where no maximum exists, see
    :func:`davidson_exists`. ``start`` (G,) is where the strengths begin.
    """
    strengths, nu = np.full(wins.shape[:2], np.nan), np.full(len(wins), np.nan)
    tied = ties.any(axis=(1, 2))
    strengths[~tied] = bradley_terry(wins[~tied], ties[~tied], start)
    nu[~tied & np.isfinite(strengths).any(axis=1)] = 0
    for rows in _blocks(np.flatnonzero(tied & davidson_exists(wins, ties)), wins.shape[1]):
        n_ties, n_wins = ties[rows].sum(axis=(1, 2)) / 2, wins[rows].sum(axis=(1, 2))
        begin = np.zeros((len(rows), wins.shape[1] + 1))
        begin[:, :-1] = _guess(wins[rows] + ties[rows] / 2) if start is None else start
        begin[:, :-1] -= begin[:, :-1].mean(axis=1, keepdims=True)
        begin[:, -1] = np.log(2 * n_ties / n_wins)  # what it is where all are equal
        found = _newton(_of_davidson(wins[rows], ties[rows]), begin)
        strengths[rows], nu[rows] = found[:, :-1], np.exp(found[:, -1])
    return strengths, nu


def strongly_connected(beats: Flags) -> Flags:
    """Of (B, G, G): whether every one of G is reached from every other, (B,); false for G = 0."""
    n = beats.shape[1]
    if n == 0:
        return np.zeros(len(beats), dtype=bool)
    reach = (beats | np.eye(n, dtype=bool)).astype(np.float32)
    for _ in range(int(np.ceil(np.log2(max(n, 2))))):  # paths of 1, 2, 4 ... steps
        if (reach > 0).all():
            break
        reach = np.minimum(reach @ reach, 1)
    return np.asarray((reach > 0).all(axis=(1, 2)))


def davidson_exists(wins: Array, ties: Array) -> Flags:
    """Whether Davidson's likelihood has a maximum in the open, (B,), for tables with ties.

    All must be strongly connected, and some circle i, j, ..., i must hold more wins than ties, each
    step a win of one over the next or a tie. Else strengths spread and nu grows without end, each
    step of the way more likely. Derived from the directions of recession (Rockafellar 1970, Convex
    Analysis, section 27): these are solutions of s_i - s_j >= 2 for every win and |s_i - s_j| <= 2
    for every tie, which a circle of negative length forbids.
    """
    exists = strongly_connected(wins + ties > 0)
    both_ways = ((wins > 0) & (wins.swapaxes(1, 2) > 0)).any(axis=(1, 2))
    for row in np.flatnonzero(exists & ~both_ways):  # rare: two wins either way are such a circle
        exists[row] = _has_winning_circle(wins[row] > 0, ties[row] > 0)
    return exists


def _has_winning_circle(wins: Flags, ties: Flags) -> bool:
    """Floyd and Warshall: is there a circle with more wins than ties?"""
    length = np.where(wins, -1.0, np.where(ties, 1.0, np.inf))
    for k in range(len(length)):
        length = np.minimum(length, length[:, k, None] + length[None, k, :])
        if (np.diagonal(length) < 0).any():
            return True
    return False


def _blocks(rows: Index, n_generators: int) -> list[Index]:
    step = max(1, _CELLS // max(1, n_generators**2))
    return [rows[i : i + step] for i in range(0, len(rows), step)]


def _guess(points: Array) -> Array:
    """Strengths (b, G) to begin with: the log-odds of a point, as if all met the same opponents."""
    won, lost = points.sum(axis=2), points.sum(axis=1)
    return np.log((won + 0.5) / (lost + 0.5))


def _of_bradley_terry(points: Array) -> Derivatives:
    """Points (b, G, G): wins, and half of the ties."""
    met, own = points + points.swapaxes(1, 2), points.sum(axis=2)

    def derive(x: Array, rows: Index) -> tuple[Array, Array]:
        p = special.expit(x[:, :, None] - x[:, None, :])
        expected = met[rows] * p
        return own[rows] - expected.sum(axis=2), _laplacian(expected * p.swapaxes(1, 2))

    return derive


def _of_davidson(wins: Array, ties: Array) -> Derivatives:
    """The last parameter is log nu."""
    met = wins + wins.swapaxes(1, 2) + ties
    own = np.column_stack([(wins + ties / 2).sum(axis=2), ties.sum(axis=(1, 2)) / 2])

    def derive(x: Array, rows: Index) -> tuple[Array, Array]:
        n, size = met[rows], x.shape[1]
        half = np.exp((x[:, :-1, None] - x[:, None, :-1]) / 2)
        nu = np.exp(x[:, -1])[:, None, None]
        whole = half + half.swapaxes(1, 2) + nu
        win, tie = half / whole, nu / whole
        loss, n_tie = win.swapaxes(1, 2), n * tie
        expected = np.column_stack([(n * win + n_tie / 2).sum(axis=2), n_tie.sum(axis=(1, 2)) / 2])
        information = np.empty((len(x), size, size))
        information[:, :-1, :-1] = _laplacian(n * win * loss + n_tie * (win + loss) / 4)
        information[:, :-1, -1] = (n_tie * (loss - win)).sum(axis=2) / 2
        information[:, -1, :-1] = information[:, :-1, -1]
        information[:, -1, -1] = (n_tie * (win + loss)).sum(axis=(1, 2)) / 2
        return own[rows] - expected, information

    return derive


def _laplacian(weights: Array) -> Array:
    """Of variances (b, G, G) of the pairs; made regular along the direction that changes nothing."""
    degrees = weights.sum(axis=2) - np.einsum("bii->bi", weights)
    mean = degrees.mean(axis=1)
    lift = np.where(mean > 0, mean, 1) / weights.shape[1]
    matrix = lift[:, None, None] - weights
    np.einsum("bii->bi", matrix)[:] = degrees + lift[:, None]
    return np.asarray(matrix)


def _newton(derive: Derivatives, start: Array) -> Array:
    """Where the gradient is zero, from ``start`` (b, D), whose sums it keeps; NaN if not found.

    A step that would move two parameters apart by more than 1 is shortened to that, so that no two
    outcomes' log-odds move apart by more than 1.5. Such a step raises the likelihood, as its third
    derivative is bounded by the second (Bach 2010, Electronic Journal of Statistics 4): every start
    leads to the maximum.
    """
    x, going = start.copy(), np.arange(len(start))
    for _ in range(MAX_STEPS):
        gradient, information = derive(x[going], going)
        diagonal = np.einsum("bii->bi", information)
        diagonal += _RIDGE * diagonal.max(axis=1, keepdims=True)
        step = np.linalg.solve(information, gradient[:, :, None])[:, :, 0]
        reach = np.ptp(step, axis=1)
        x[going] += step / np.maximum(reach, 1)[:, None]
        going = going[reach > _CLOSE]
        if not len(going):
            return x
    x[going] = np.nan
    return x
