"""Kendall's tau-b and tau-c pooled over prompts for any number of clips, and who is tied with whom.

Concordance C - D and the numbers of tied pairs are U-statistics: means over pairs of clips. Up to
terms of order 1 / P, a resample changes such a mean as it changes twice the mean over clips of what
each clip contributes, its Hajek projection. Those are sums over prompts, and the contributions cost
O(N log N). Sources: Hoeffding 1948, Annals of Mathematical Statistics 19(3), section 5; Hajek 1968,
Annals of Mathematical Statistics 39(2).
"""

import dataclasses

import numpy as np
import numpy.typing as npt
from scipy import sparse

from pipeline.audit.statistics.bootstrap import Array, Table

Prompts = npt.NDArray[np.intp]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ties:
    """Which scores of one variable are equal, by prompt.

    ``single`` (P,) counts clips whose score no other clip has; ``shared`` (P, L), sparse, counts the
    clips of each score that several clips have.
    """

    single: Array
    shared: Table

    def tied(self, counts: Array) -> Array:
        """Ordered pairs of equal scores (B,), each clip with itself included."""
        return np.asarray(counts**2 @ self.single + ((counts @ self.shared) ** 2).sum(axis=1))

    def distinct(self, counts: Array) -> Array:
        """Number of distinct scores among the drawn clips (B,)."""
        return np.asarray((counts > 0) @ self.single + (counts @ self.shared > 0).sum(axis=1))


def ties(codes: Prompts, prompts: Prompts, n_prompts: int) -> Ties:
    """Of codes (N,) of clips in prompts (N,); codes count from 0 and are all used."""
    sizes = np.bincount(codes)
    alone = sizes[codes] == 1
    names = np.cumsum(sizes > 1) - 1  # of the shared levels, from 0
    cells = prompts[~alone], names[codes[~alone]]
    shape = (n_prompts, int((sizes > 1).sum()))
    shared = sparse.csr_array((np.ones(len(cells[0])), cells), shape=shape)
    single = np.bincount(prompts[alone], minlength=n_prompts).astype(np.float64)
    return Ties(single=single, shared=shared)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProjectedKendall:
    """Tau of P prompts, its resamples to first order.

    ``sums`` (P, 4) are of clips: how many; and of each clip's shares among all clips, its concordance
    (of clips that it orders alike in x and y, less those it orders otherwise), its ties in x, its
    ties in y, itself among them.
    """

    sums: Array
    x: Ties
    y: Ties

    def taus(self, counts: Array) -> Array:
        """tau-b and tau-c (B, 2) for prompt counts (B, P); NaN as in ``PooledKendall``.

        Exact where every prompt is drawn once. Deviation elsewhere: 2 mean(w) - mean(1) of each share
        stands for its mean over pairs, where w are the counts; values beyond -1 and 1 are cut off. The
        number of levels in tau-c is that of the resample, exactly.
        """
        drawn, data = counts @ self.sums, self.sums.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = 2 * drawn[:, 1:] / drawn[:, :1] - data[1:] / data[0]
            score, untied = shares[:, 0], 1 - shares[:, 1:]
            whole = np.sqrt(untied[:, 0]) * np.sqrt(untied[:, 1])
            tau_b = np.where((untied > 1e-12).all(axis=1), score / whole, np.nan)
            m = np.minimum(self.x.distinct(counts), self.y.distinct(counts))
            tau_c = np.where(m > 1, m * score / (m - 1), np.nan)
        return np.clip(np.stack([tau_b, tau_c], axis=1), -1, 1)


def projected_kendall(x: Array, y: Array, prompts: Prompts, n_prompts: int) -> ProjectedKendall:
    """The sums of (N,) scores x and y, rounded to 1e-9, of clips in prompts [0, P).

    Costs O(N log N). Raises ``ValueError`` for a prompt without a clip.
    """
    sizes = np.bincount(prompts, minlength=n_prompts)
    if not sizes.all():
        raise ValueError(f"{(sizes == 0).sum()} of {n_prompts} prompts have no clip")
    one, other = (np.unique(np.round(v, 9), return_inverse=True)[1] for v in (x, y))
    of_clip = [clip_concordance(one, other), np.bincount(one)[one], np.bincount(other)[other]]
    sums = [np.bincount(prompts, weights=v / len(x), minlength=n_prompts) for v in of_clip]
    return ProjectedKendall(
        sums=np.stack([sizes, *sums], axis=1).astype(np.float64),
        x=ties(one, prompts, n_prompts),
        y=ties(other, prompts, n_prompts),
    )


def clip_concordance(x: Prompts, y: Prompts) -> Array:
    """Sum over j of sign(x_i - x_j) sign(y_i - y_j) for each clip i, (N,); codes count from 0."""
    n = len(x)
    below_x, up_to_x = _up_to(x)
    below_y, up_to_y = _up_to(y)
    starts = np.concatenate([below_x, up_to_x, below_x, up_to_x])
    limits = np.concatenate([y, y, y + 1, y + 1])
    both = smaller_among_first(y[np.argsort(x, kind="stable")], starts, limits)
    ll, lle, lel, lele = both.reshape(4, n)[[0, 2, 1, 3]]  # x below or up to, then y below or up to
    concordant = ll + (n - up_to_x - up_to_y + lele)
    discordant = (below_x - lle) + (below_y - lel)
    return np.asarray(concordant - discordant, dtype=np.float64)


def _up_to(codes: Prompts) -> tuple[Prompts, Prompts]:
    """How many clips have a smaller code, and how many one that is no larger, (N,) each."""
    sizes = np.bincount(codes)
    up_to = np.cumsum(sizes)
    return (up_to - sizes)[codes], up_to[codes]


def smaller_among_first(values: Prompts, first: Prompts, limits: Prompts) -> Prompts:
    """How many of ``values[:first]`` (N,) are below the limit, for Q queries, (Q,).

    Whole numbers from 0, no limit above the largest value plus one.

    A wavelet matrix: values are sorted stably by one binary digit after another, the highest first.
    Source: Claude, Navarro and Ordonez 2015, Information Systems 47.
    """
    low, high = np.zeros_like(first), first.copy()
    found = np.zeros(len(first), dtype=np.intp)
    for bit in reversed(range(int(values.max(initial=0) + 1).bit_length())):
        one = (values >> bit) & 1
        zeros = np.concatenate([[0], np.cumsum(1 - one)])  # among the first so many
        low_zeros, high_zeros = zeros[low], zeros[high]
        up = ((limits >> bit) & 1).astype(bool)
        found += np.where(up, high_zeros - low_zeros, 0)
        low = np.where(up, zeros[-1] + low - low_zeros, low_zeros)
        high = np.where(up, zeros[-1] + high - high_zeros, high_zeros)
        values = np.concatenate([values[one == 0], values[one == 1]])
    return found
