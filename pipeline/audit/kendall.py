"""Kendall's tau-b and tau-c pooled over prompts, with a bootstrap over prompts.

Pairs of clips of different prompts belong to two prompts at once, so concordance is not additive
but quadratic in the prompt counts w: with S[p, q] the sum over clips i of prompt p and j of q, the
sum over all ordered pairs of a resample is w S w'. Copies of a clip drawn twice are tied.
"""

import dataclasses

import numpy as np
import numpy.typing as npt

from pipeline.audit.bootstrap import Array

MAX_PROMPTS = 3_000  # above these, S costs too much: no interval
MAX_CLIPS = 12_000

Prompts = npt.NDArray[np.intp]

_BLOCK = 4_000_000  # cells of one block of comparisons


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """Which scores of one variable are equal, by prompt.

    ``single`` (P,) counts clips whose score no other clip has; ``shared`` (P, L) counts the clips
    of each score that several clips have.
    """

    single: Array
    shared: Array

    def tied(self, counts: Array) -> Array:
        """Ordered pairs of equal scores (B,), each clip with itself included."""
        return np.asarray(counts**2 @ self.single + ((counts @ self.shared) ** 2).sum(axis=1))

    def distinct(self, counts: Array) -> Array:
        """Number of distinct scores among the drawn clips (B,)."""
        return np.asarray((counts > 0) @ self.single + (counts @ self.shared > 0).sum(axis=1))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PooledKendall:
    """What tau needs of the clips of P prompts.

    ``score`` (P, P) sums sign(x_i - x_j) sign(y_i - y_j), ``sizes`` (P,) counts clips.
    """

    score: Array
    sizes: Array
    x: Levels
    y: Levels

    def tau_b(self, counts: Array) -> Array:
        """(C - D) / sqrt((n0 - n1)(n0 - n2)) for prompt counts (B, P).

        n0 pairs of clips, n1 tied in x, n2 tied in y. NaN where x or y is constant. Source: Kendall
        1945, Biometrika 33(3).
        """
        pairs = (counts @ self.sizes) ** 2
        whole = np.sqrt(pairs - self.x.tied(counts)) * np.sqrt(pairs - self.y.tied(counts))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(whole > 0, self._concordance(counts) / whole, np.nan)

    def tau_c(self, counts: Array) -> Array:
        """Stuart's 2 m (C - D) / (n^2 (m - 1)) for prompt counts (B, P).

        m is the smaller number of distinct levels among the drawn clips; NaN where it is 1. Source:
        Stuart 1953, Biometrika 40(1/2).
        """
        m = np.minimum(self.x.distinct(counts), self.y.distinct(counts))
        n = counts @ self.sizes
        with np.errstate(invalid="ignore", divide="ignore"):
            value = m * self._concordance(counts) / (n**2 * (m - 1))
        return np.where(m > 1, value, np.nan)

    def _concordance(self, counts: Array) -> Array:
        """2 (C - D): every pair in both orders."""
        return np.asarray(((counts @ self.score) * counts).sum(axis=1))


def pooled_kendall(x: Array, y: Array, prompts: Prompts, n_prompts: int) -> PooledKendall:
    """The tables of (N,) scores x and y, rounded to 1e-9, of clips in prompts [0, P).

    Costs N^2 comparisons and P^2 memory. Raises ``ValueError`` for a prompt without a clip.
    """
    sizes = np.bincount(prompts, minlength=n_prompts)
    if not sizes.all():
        raise ValueError(f"{(sizes == 0).sum()} of {n_prompts} prompts have no clip")
    order = np.argsort(prompts, kind="stable")
    x_codes, y_codes = (np.unique(np.round(v, 9)[order], return_inverse=True)[1] for v in (x, y))
    return PooledKendall(
        score=_score(x_codes, y_codes, np.cumsum(sizes) - sizes),
        sizes=sizes.astype(np.float64),
        x=_levels(x_codes, prompts[order], n_prompts),
        y=_levels(y_codes, prompts[order], n_prompts),
    )


def _score(x: Prompts, y: Prompts, starts: Prompts) -> Array:
    """S (P, P) of codes (N,) sorted by prompt, whose clips start at ``starts`` (P,)."""
    rows = []
    ends = np.append(starts[1:], len(x))
    prompts_per_block = max(1, _BLOCK // max(1, len(x) * int((ends - starts).max(initial=1))))
    for p in range(0, len(starts), prompts_per_block):
        own = starts[p : p + prompts_per_block]
        clips = slice(own[0], ends[min(p + prompts_per_block, len(starts)) - 1])
        dx, dy = np.sign(x[clips, None] - x), np.sign(y[clips, None] - y)
        rows.append(np.add.reduceat(dx * dy, own - own[0], axis=0))
    return np.add.reduceat(np.concatenate(rows), starts, axis=1).astype(np.float64)


def _levels(codes: Prompts, prompts: Prompts, n_prompts: int) -> Levels:
    sizes = np.bincount(codes)
    alone = sizes[codes] == 1
    names = np.cumsum(sizes > 1) - 1  # of the shared levels, from 0
    shared = np.zeros((n_prompts, int((sizes > 1).sum())))
    np.add.at(shared, (prompts[~alone], names[codes[~alone]]), 1.0)
    single = np.bincount(prompts[alone], minlength=n_prompts).astype(np.float64)
    return Levels(single=single, shared=shared)
