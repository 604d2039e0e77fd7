"""Pooled Spearman's rho for any number of clips whose scores have many values.

rho is a covariance of midranks over the root of two variances. Each is a mean over triples of clips:
the clip itself, one to rank its x, one to rank its y. Up to terms of order 1 / P, a resample changes
such a mean as it changes three times the mean over clips of what each clip contributes, its Hajek
projection. Those are sums over prompts, at the cost of a sort. Sources: Hoeffding 1948, Annals of
Mathematical Statistics 19(3), sections 5 and 9; Hajek 1968, Annals of Mathematical Statistics 39(2).
"""

import numpy as np
import numpy.typing as npt

from pipeline.audit.statistics.bootstrap import Array, Statistic

Prompts = npt.NDArray[np.intp]


def projected_spearman(x: Prompts, y: Prompts, prompts: Prompts, n_prompts: int) -> Statistic:
    """Rho of codes (N,), which count from 0, as a statistic of prompt counts (B, P).

    Exact where every prompt is drawn once. Deviation elsewhere: each of the three means is
    3 mean(w) - 2 mean(1), where w are the counts; values beyond -1 and 1 are cut off.
    """
    n = len(x)
    a, b = _share(x), _share(y)
    of_clip = [
        (a * b + _ranking(x, b) + _ranking(y, a)) / n,
        (a * a + 2 * _ranking(x, a)) / n,
        (b * b + 2 * _ranking(y, b)) / n,
    ]
    columns = [np.ones(n), *of_clip]
    sums = np.stack([np.bincount(prompts, v, n_prompts) for v in columns], axis=1)
    data = np.array([(a * b).mean(), (a * a).mean(), (b * b).mean()])

    def of_counts(counts: Array) -> Array:
        drawn = counts @ sums
        with np.errstate(invalid="ignore", divide="ignore"):
            xy, xx, yy = (n * drawn[:, 1:] / drawn[:, :1] - 2 * data).T
            rho = np.clip(xy / (np.sqrt(xx) * np.sqrt(yy)), -1, 1)
        return np.where((xx > 1e-12) & (yy > 1e-12), rho, np.nan)

    return of_counts


def _share(codes: Prompts) -> Array:
    """Share of clips below each clip, ties half, minus one half: (N,), of mean zero."""
    sizes = np.bincount(codes)
    up_to = np.cumsum(sizes)
    return np.asarray(((up_to - sizes / 2) / len(codes) - 0.5)[codes])


def _ranking(codes: Prompts, values: Array) -> Array:
    """What each clip adds to mean(share * values) by its part in the share of all clips, (N,).

    Mean over j of values_j ([i below j] + [i tied with j] / 2); ``values`` have mean zero.
    """
    of_level = np.bincount(codes, weights=values)
    above = np.cumsum(of_level[::-1])[::-1] - of_level / 2
    return np.asarray(above[codes] / len(codes))
