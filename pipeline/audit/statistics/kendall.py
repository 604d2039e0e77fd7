"""Kendall's tau-b and tau-c pooled over prompts, with a bootstrap over prompts.

Pairs of clips of different prompts belong to two prompts at once, so concordance is not additive
but quadratic in the prompt counts w: with S[p, q] the sum over clips i of prompt p and j of q, the
sum over all ordered pairs of a resample is w S w'. Copies of a clip drawn twice are tied. Where S would
be too large, `kendall_large` takes its first-order projection instead.
"""

import dataclasses

import numpy as np

from pipeline.audit.statistics.bootstrap import Array, Statistic
from pipeline.audit.statistics.kendall_large import Prompts, Ties, projected_kendall, ties

MAX_PROMPTS = 250  # above these, S costs too much and its projection is as good
MAX_CLIPS = 2_500

_BLOCK = 4_000_000  # cells of one block of comparisons


def kendall(x: Array, y: Array, prompts: Prompts, n_prompts: int) -> Statistic:
    """Pooled tau-b and tau-c of (N,) scores as a statistic of prompt counts: (B, P) to (B, 2).

    Exact up to ``MAX_PROMPTS`` prompts and ``MAX_CLIPS`` clips; with more, the value is exact and the
    resamples are those of :class:`pipeline.audit.statistics.kendall_large.ProjectedKendall`. Every prompt in
    [0, P) has a clip; where there is none, both are NaN.
    """
    if not n_prompts:
        return lambda counts: np.full((len(counts), 2), np.nan)
    large = n_prompts > MAX_PROMPTS or len(x) > MAX_CLIPS
    return (projected_kendall if large else pooled_kendall)(x, y, prompts, n_prompts).taus


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PooledKendall:
    """What tau needs of the clips of P prompts.

    ``score`` (P, P) sums sign(x_i - x_j) sign(y_i - y_j), ``sizes`` (P,) counts clips.
    """

    score: Array
    sizes: Array
    x: Ties
    y: Ties

    def taus(self, counts: Array) -> Array:
        """tau-b and tau-c (B, 2) for prompt counts (B, P)."""
        score = self._concordance(counts)
        return np.stack([self._tau_b(counts, score), self._tau_c(counts, score)], axis=1)

    def tau_b(self, counts: Array) -> Array:
        """(C - D) / sqrt((n0 - n1)(n0 - n2)) for prompt counts (B, P).

        n0 pairs of clips, n1 tied in x, n2 tied in y. NaN where x or y is constant. Source: Kendall
        1945, Biometrika 33(3).
        """
        return self._tau_b(counts, self._concordance(counts))

    def tau_c(self, counts: Array) -> Array:
        """Stuart's 2 m (C - D) / (n^2 (m - 1)) for prompt counts (B, P).

        m is the smaller number of distinct levels among the drawn clips; NaN where it is 1. Source:
        Stuart 1953, Biometrika 40(1/2).
        """
        return self._tau_c(counts, self._concordance(counts))

    def _tau_b(self, counts: Array, score: Array) -> Array:
        pairs = (counts @ self.sizes) ** 2
        whole = np.sqrt(pairs - self.x.tied(counts)) * np.sqrt(pairs - self.y.tied(counts))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(whole > 0, score / whole, np.nan)

    def _tau_c(self, counts: Array, score: Array) -> Array:
        m = np.minimum(self.x.distinct(counts), self.y.distinct(counts))
        n = counts @ self.sizes
        with np.errstate(invalid="ignore", divide="ignore"):
            value = m * score / (n**2 * (m - 1))
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
        x=ties(x_codes, prompts[order], n_prompts),
        y=ties(y_codes, prompts[order], n_prompts),
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
