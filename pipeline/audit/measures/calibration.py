"""Calibration curves: is an annotator right more often where it is surer, and do its scores mean
what people's do?

The curve of margins follows Guo et al. 2017, On Calibration of Modern Neural Networks,
arXiv:1706.04599, section 2, with the absolute margin in the place of the confidence: a margin has no
unit of probability, so the curve ought to rise, and is held against no diagonal. Bins there are of
equal width; here every margin is its own where there are few, else bins hold nearly equal numbers.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pipeline.audit.measures.measure import Measure, Resampling
from pipeline.audit.pair_panel import PairPanel
from pipeline.audit.panel import Panel
from pipeline.audit.statistics import pairs
from pipeline.audit.statistics.agreement import ratio, sum_by_prompt
from pipeline.audit.statistics.bootstrap import Array

MAX_LEVELS = 9  # every value is a bin of its own: the whole numbers of a 1-5 scale and the halves
BINS = 5

Bools = npt.NDArray[np.bool_]
Prompts = npt.NDArray[np.intp]


def calibration_accuracy(panel: PairPanel, how: Resampling) -> Iterator[tuple[str, Measure]]:
    """Pair accuracy by the annotator's margin: (``margin=LOW..HIGH``, measure), rising.

    Pairs tied in the target are dropped. A pair that the annotator ties claims nothing and is in no
    bin: how many are is ``judge_tie_share``.
    """
    assert panel.judge is not None
    own, theirs = pairs.signs(panel.judge), pairs.signs(panel.target)
    claimed = (own != 0) & (theirs != 0) & np.isfinite(panel.judge) & np.isfinite(panel.target)
    right, prompts = (own == theirs).astype(float)[claimed], panel.prompts[claimed]
    for name, kept in binned(np.abs(panel.judge[claimed])):
        yield (
            f"margin={name}",
            _mean("calibration_accuracy", right[kept], prompts[kept], panel, how),
        )


def calibration_mean_rating(panel: Panel, how: Resampling) -> Iterator[tuple[str, Measure]]:
    """Mean of all raters of a clip by the annotator's score: (``score=LOW..HIGH``, measure), rising."""
    assert panel.judge is not None
    target = panel.target
    for name, kept in binned(panel.judge):
        yield (
            f"score={name}",
            _mean("calibration_mean_rating", target[kept], panel.prompts[kept], panel, how),
        )


def binned(values: Array) -> Iterator[tuple[str, Bools]]:
    """(``LOW..HIGH``, which of the values (N,)) of every bin that has any, rising.

    At most ``MAX_LEVELS`` distinct values are a bin each. Else the edges are the quantiles of all
    values at multiples of 1 / ``BINS``, rounded to as few digits as tell them apart, so that a few
    more values rename no bin; a bin is above LOW up to HIGH, the lowest holds its LOW too. Equal
    values are never parted, so bins may be fewer.
    """
    values = np.round(values, 9)
    levels = np.unique(values)
    if len(levels) <= MAX_LEVELS:
        for level in levels:
            yield f"{_short(level)}..{_short(level)}", values == level
        return
    edges, names = _edges(values)
    place = np.searchsorted(edges[1:-1], values, side="left")
    for i in range(len(edges) - 1):
        if (place == i).any():
            yield f"{names[i]}..{names[i + 1]}", place == i


def _edges(values: Array) -> tuple[Array, list[str]]:
    """Quantiles of the values as edges and their names, the outermost rounded outwards."""
    exact = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1), method="inverted_cdf"))
    coarse = -int(np.floor(np.log10(np.ptp(values))))  # decimals of the first digit of the range
    for decimals in range(coarse, coarse + 16):
        edges, unit = np.round(exact, decimals), 10.0**decimals
        edges[0], edges[-1] = np.floor(exact[0] * unit) / unit, np.ceil(exact[-1] * unit) / unit
        if (np.diff(edges) > 0).all():
            break
    return edges, [_short(edge) for edge in edges]


def _short(value: float) -> str:
    return f"{float(value) + 0.0:.9g}"


def _mean(
    statistic: str, values: Array, prompts: Prompts, panel: Panel | PairPanel, how: Resampling
) -> Measure:
    # the prompts of the bin alone: a bin of one prompt has no interval, rather than one of no width
    used, number = np.unique(prompts, return_inverse=True)
    table = sum_by_prompt(np.column_stack([values, np.ones(len(values))]), number, len(used))
    return Measure(
        statistic=statistic,
        interval=how.of_sums(table, ratio(0, 1)),
        n_items=len(values),
        n_raters=panel.n_raters,
    )
