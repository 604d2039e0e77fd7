"""What a probe is expected to show, and whether an interval shows it."""

from typing import Any, Literal

import numpy as np

from pipeline.audit.statistics.bootstrap import Array, Interval
from pipeline.videorm.evaluation.accuracy import ENOUGH_PROMPTS

# falls: the whole interval is below 0. stable: it lies within STABLE either way. not_raised: it holds 0
# or lies below, and reaches no higher than STABLE. zero: no clip changes. below_one, above_zero: the
# whole interval is. either: reported.
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
        "not_raised": low <= 0 and high <= STABLE,  # a small rise that is clear of 0 is one
        "below_one": high < 1 - ROUNDING,
        "above_zero": low > 0,
    }[expected]


def verdict(expected: Expected, interval: Interval, shown: bool | None) -> str | None:
    """``met``; ``not_met`` where the whole interval (for ``zero`` a clip) is where it must not be; ``open``
    where the data show neither. ``shown`` is what :func:`met` says; None where that is."""
    if shown is None or shown:
        return "met" if shown else None
    low, high = interval.low, interval.high
    if expected == "zero" or low is None or high is None:
        return "not_met"
    refuted = {
        "falls": low >= 0,
        "stable": low > STABLE or high < -STABLE,
        "not_raised": low > 0,
        "below_one": low >= 1 - ROUNDING,
        "above_zero": high <= 0,
    }[expected]
    return "not_met" if refuted else "open"


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
    """One row of ``probes`` in metrics.json. ``share_falls``: of the clips, whose reward fell;
    ``tolerance``: what ``stable`` and ``not_raised`` allow either way, and upwards. No verdict rests on
    fewer than ``ENOUGH_PROMPTS``, but of ``zero``, which is about every clip."""
    shown = met(expected, interval, changes)
    if shown is not None and expected != "zero" and n_prompts < ENOUGH_PROMPTS:
        few = f"{n_prompts} prompts are too few for a verdict"
        shown, note = None, f"{note}; {few}" if note else few
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
        "tolerance": STABLE if expected in ("stable", "not_raised") else None,
        "met": shown,
        "verdict": verdict(expected, interval, shown),
        "note": note,
    }
