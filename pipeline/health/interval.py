"""Intervals of shares and means whose observations come in prompts.

All verdicts about a prompt's clips depend on each other (its dimensions, draws and orders even
more), so whole prompts are the unit of error. Here the error is linearised rather than resampled
as in the audit: a resampled interval of a refusal that was never seen is [0, 0], and a run has
hundreds of these figures over tens of thousands of prompts.

Sources: Miller 2024, arXiv:2411.00640 (errors clustered by question); Cochran 1977, Sampling
Techniques, 6.4 (ratio of two sums); Wilson 1927; Korn and Graubard 1998, Survey Methodology 24, 193
(a binomial interval on the effective sample size, made smaller where few clusters tell of it; theirs
is Clopper and Pearson's, this is Wilson's).
"""

import functools
import math

import numpy as np
from scipy.special import stdtrit

from pipeline.audit.statistics.bootstrap import Interval
from pipeline.health.items import Floats, Ints

Z = 1.959963984540054  # 97.5 % point of the standard normal distribution


def ratio(top: Floats, bottom: Floats, prompts: Ints, n_prompts: int, *, share: bool) -> Interval:
    """sum(top) / sum(bottom) of N items with its 95 % interval; ``prompts`` (N,) in [0, n_prompts).

    The variance over P prompts with sums t and b is P / (P - 1) * sum((t - r b)^2) / sum(b)^2. A
    mean gets r +- t(P - 1) sd, t the 97.5 % point of Student's distribution. A share gets Wilson's
    interval for n* = r (1 - r) / variance * (t(n - 1) / t(P - 1))^2 observations, n = sum(bottom)
    and n* <= n; a share of 0 or 1 shows no variance: then each prompt counts as one. NaN in ``top``
    (an unknown price) gives None, as does n = 0; fewer than two prompts give no ends.
    """
    n = float(bottom.sum())
    value = float(top.sum()) / n if n > 0 else math.nan
    if not math.isfinite(value):
        return Interval(value=None, low=None, high=None)
    count = int((np.bincount(prompts, minlength=n_prompts) > 0).sum())
    if count < 2:
        return Interval(value=value, low=None, high=None)
    residual = np.bincount(prompts, weights=top - value * bottom, minlength=n_prompts)
    variance = count / (count - 1) * float(residual @ residual) / n**2
    if not share:
        half = _t(count - 1) * math.sqrt(variance)
        return Interval(value=value, low=value - half, high=value + half)
    return wilson(value, _effective(value, variance, n, count))


def _effective(value: float, variance: float, n: float, n_prompts: int) -> float:
    spread = value * (1 - value)
    if spread < 1e-12:
        return min(n, n_prompts)
    scale = (_t(n - 1) / _t(n_prompts - 1)) ** 2
    return min(n, scale * spread / variance) if variance > 0 else n


@functools.cache
def _t(freedom: float) -> float:
    return float(stdtrit(freedom, 0.975))


def wilson(value: float, n: float) -> Interval:
    """Wilson's score interval of a share of n observations; n need not be whole."""
    middle = (value + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * math.sqrt(value * (1 - value) / n + Z**2 / (4 * n**2))
    return Interval(
        value=value,
        low=max(0.0, min(middle - half, value)),
        high=min(1.0, max(middle + half, value)),
    )
