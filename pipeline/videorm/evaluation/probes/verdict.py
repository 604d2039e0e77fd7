"""What a probe is expected to show, and whether an interval shows it."""

from typing import Any, Literal

import numpy as np

from pipeline.audit.statistics.bootstrap import Array, Interval

# falls: the whole interval is below 0. stable: it lies within STABLE either way. not_raised: it lies
# below STABLE. zero: no clip changes. below_one, above_zero: the whole interval is. either: reported.
Expected = Literal["falls", "stable", "not_raised", "zero", "below_one", "above_zero", "either"]

# Within-prompt standard deviations: by convention 0.2 is a small effect and 0.5 a medium one (Cohen
# 1988, Statistical Power Analysis, chapter 2). That it is no larger is shown by an interval within the
# bounds, never by one that contains 0 (Schuirmann 1987, J. Pharmacokinet. Biopharm. 15(6)). The same for
# every model: by its own tie threshold a model that ties everything would pass.
STABLE = 0.25
ZERO = 1e-5  # of a reward's size, at least of 1: what the order of 32-bit sums changes
ROUNDING = 1e-9  # of a mean of correlations

SD = "within-prompt standard deviations"
NOTHING = Interval(value=None, low=None, high=None)
Row = dict[str, Any]


def met(expected: Expected, interval: Interval, changes: Array | None = None) -> bool | None:
    """Whether the expectation is shown; None where nothing is expected or nothing was measured.

    ``changes`` (N,) of each clip, as shares of max(1, its reward): what ``zero`` is asked of.
    """
    if expected == "either":
        return None
    if expected == "zero":
        known = changes is not None and len(changes)
        return bool((np.abs(changes) <= ZERO).all()) if known else None
    if interval.low is None or interval.high is None:
        return None
    low, high = interval.low, interval.high
    return {
        "falls": high < 0,
        "stable": low >= -STABLE and high <= STABLE,
        "not_raised": high <= STABLE,
        "below_one": high < 1 - ROUNDING,
        "above_zero": low > 0,
    }[expected]


def row(
    probe: str,
    arm: str,
    dimension: str,
    interval: Interval,
    *,
    expected: Expected = "either",
    n_clips: int,
    n_prompts: int,
    unit: str,
    note: str = "",
    changes: Array | None = None,
    share_falls: float | None = None,
) -> Row:
    """One row of ``probes`` in metrics.json. ``share_falls``: of the clips, whose reward fell."""
    return {
        "probe": probe,
        "arm": arm,
        "dimension": dimension,
        "expected": expected,
        "value": interval.value,
        "low": interval.low,
        "high": interval.high,
        "share_falls": share_falls,
        "n_clips": n_clips,
        "n_prompts": n_prompts,
        "unit": unit,
        "met": met(expected, interval, changes),
        "note": note,
    }
