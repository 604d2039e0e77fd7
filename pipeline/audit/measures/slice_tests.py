"""Is an annotator worse in a slice than elsewhere, or is that the luck of many slices?

The gap is the pair accuracy of a slice (a tie of the annotator half) minus that of all other pairs.
Its interval is the prompt bootstrap of every other statistic. Its p value is not: adjusted for some
hundred slices, a p value must be far smaller than one of 2,000 resamples can be. It comes from a
two-sided t-test that knows the same clusters, with the null imposed:

* a is the accuracy of all pairs together; u_g = S_g / N - s_g / n for the summed deviations from a
  of a prompt's pairs inside (S_g of N) and outside (s_g of n) the slice: gap = sum_g u_g;
* the variance is G / (G - 1) sum_g u_g^2 over the G prompts, but at least that of independent pairs,
  v (1 / N + 1 / n) with v the variance of a pair: else a small slice that happens to be all right
  would seem to be sure of it;
* the degrees of freedom are one fewer than the prompts of the slice, or of the rest if those are fewer.

Sources: Cameron and Miller 2015, A Practitioner's Guide to Cluster-Robust Inference, section II (the
variance) and VI (few clusters); Benjamini and Yekutieli 2001, The control of the false discovery
rate in multiple testing under dependency, Annals of Statistics 29(4). Deviations, both towards fewer
discoveries: the least variance, and the degrees of freedom of the smaller side.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

from pipeline.audit.measures.measure import Measure, Resampling
from pipeline.audit.pair_panel import PairPanel
from pipeline.audit.statistics import pairs
from pipeline.audit.statistics.agreement import sum_by_prompt
from pipeline.audit.statistics.bootstrap import Array, Interval

MIN_PROMPTS = 5  # with pairs in the slice, and outside of it

# columns of the table of a slice
_RIGHT, _PAIRS, _RIGHT_ELSEWHERE, _PAIRS_ELSEWHERE = range(4)

Bools = npt.NDArray[np.bool_]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SliceGap:
    """The ``slice_gap`` of one slice, and its p value before it is adjusted.

    ``p`` is None where there is no gap, or too few prompts on a side to test it.
    """

    slice: str
    gap: Measure
    p: float | None


def slice_gaps(
    panel: PairPanel, slices: Mapping[str, Bools], how: Resampling
) -> Iterator[SliceGap]:
    """The gap of every slice, masks (M,) of the pairs by name; pairs tied in the target are dropped.

    ``n_items`` are the pairs of the slice. Undefined where either side has no pairs.
    """
    assert panel.judge is not None
    own, theirs = pairs.signs(panel.judge), pairs.signs(panel.target)
    counted = (theirs != 0) & np.isfinite(panel.judge) & np.isfinite(panel.target)
    right = np.where(own == 0, 0.5, own == theirs)
    variance = float(np.var(right[counted])) if counted.any() else 0.0
    for name, inside in slices.items():
        sides = [counted & inside, counted & ~inside]
        columns = [column for side in sides for column in (right * side, side.astype(float))]
        table = sum_by_prompt(np.column_stack(columns), panel.prompts, panel.n_prompts)
        table = table[table[:, [_PAIRS, _PAIRS_ELSEWHERE]].any(axis=1)]
        gap = Measure(
            statistic="slice_gap",
            interval=how.of_sums(table, _gap),
            n_items=int(table[:, _PAIRS].sum()),
            n_raters=panel.n_raters,
        )
        yield SliceGap(slice=name, gap=gap, p=_p_of(table, variance))


def slice_gap_p(found: Sequence[SliceGap]) -> list[Measure]:
    """``slice_gap_p`` of each gap, adjusted over all of them (Benjamini and Yekutieli).

    Give all that are shown together: of every annotator and dimension. A gap without a p value stays
    without, and is not counted among the tests.
    """
    known = [i for i, gap in enumerate(found) if gap.p is not None]
    adjusted: dict[int, float] = {}
    if known:
        p = stats.false_discovery_control([found[i].p for i in known], method="by")
        adjusted = dict(zip(known, map(float, p)))
    return [
        dataclasses.replace(
            gap.gap,
            statistic="slice_gap_p",
            interval=Interval(value=adjusted.get(i), low=None, high=None),
        )
        for i, gap in enumerate(found)
    ]


def _gap(sums: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        inside = sums[:, _RIGHT] / sums[:, _PAIRS]
        return np.asarray(inside - sums[:, _RIGHT_ELSEWHERE] / sums[:, _PAIRS_ELSEWHERE])


def _p_of(table: Array, variance: float) -> float | None:
    """Two-sided p of the gap of a table (P, 4); ``variance`` is that of one pair."""
    prompts = (table[:, [_PAIRS, _PAIRS_ELSEWHERE]] > 0).sum(axis=0)
    if prompts.min() < MIN_PROMPTS or variance == 0:
        return None
    n, rest = table[:, _PAIRS].sum(), table[:, _PAIRS_ELSEWHERE].sum()
    mean = table[:, [_RIGHT, _RIGHT_ELSEWHERE]].sum() / (n + rest)
    inside = table[:, _RIGHT] - mean * table[:, _PAIRS]
    outside = table[:, _RIGHT_ELSEWHERE] - mean * table[:, _PAIRS_ELSEWHERE]
    pulls = inside / n - outside / rest
    clustered = len(table) / (len(table) - 1) * (pulls**2).sum()
    error = np.sqrt(max(clustered, variance * (1 / n + 1 / rest)))
    return float(2 * stats.t.sf(abs(pulls.sum()) / error, prompts.min() - 1))
