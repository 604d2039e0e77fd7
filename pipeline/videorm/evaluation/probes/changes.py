"""By how much a change of the clip, or of its prompt, moves the reward."""

import numpy as np
from numpy.typing import NDArray

from pipeline.audit.statistics.agreement import ratio, sum_by_prompt
from pipeline.audit.statistics.bootstrap import Array, cluster_bootstrap
from pipeline.audit.statistics.correlation import mean_defined, spearman_within
from pipeline.videorm.evaluation.probes.catalogue import (
    CLEAN,
    FIRST_FRAME,
    PROBES,
    SWAPPED,
    Probe,
)
from pipeline.videorm.evaluation.probes.looks import MOVES
from pipeline.videorm.evaluation.probes.sample import Case, Sample
from pipeline.videorm.evaluation.probes.verdict import NOTHING, SD, Row, row
from pipeline.videorm.model.config import MODEL_TIE

CONSTANT = "the undamaged clips' rewards do not vary within any prompt"


def change_rows(case: Case) -> list[Row]:
    """One row per probe and dimension.

    The value is the mean change over clips, divided by the standard deviation of the undamaged clips'
    rewards within their prompts: sqrt(sum of squares about the prompts' means / (clips - prompts)). A
    resample of prompts has its own of both.
    """
    dimensions = range(len(case.sample.dimensions))
    return [_change(case, probe, k) for probe in PROBES for k in dimensions]


def _change(case: Case, probe: Probe, k: int) -> Row:
    clean = case.rewards[CLEAN][:, k]
    change = case.rewards[probe.variant][:, k] - case.rewards[probe.minus][:, k]
    used, note = _used(case, probe)
    found = NOTHING
    if used.any():
        table = change_table(change, clean, used, case.sample)
        found = cluster_bootstrap(table, in_deviations, seed=case.seed)
        note = CONSTANT if found.value is None else note
    return row(
        probe.name,
        case.arm,
        case.sample.dimensions[k],
        found,
        expected=probe.expected(temporal=case.temporal, alignment=case.is_alignment(k)),
        n_clips=int(used.sum()),
        n_prompts=len(np.unique(case.sample.prompt[used])),
        unit=SD,
        note=note,
        changes=(change / np.maximum(1, np.abs(clean)))[used],
        share_falls=float((change[used] < -MODEL_TIE).mean()) if used.any() else None,
    )


def _used(case: Case, probe: Probe) -> tuple[NDArray[np.bool_], str]:
    """Which clips (N,) a probe is asked of, and what is to be said about them."""
    if probe.variant == SWAPPED and case.sample.n_prompts < 2:
        return np.zeros(case.n_clips, bool), "one prompt: there is no other to swap with"
    if not probe.moving:
        less = "" if probe.minus == CLEAN else f"less that of {probe.minus.replace('_', ' ')}"
        return np.ones(case.n_clips, bool), less
    return case.looks[
        "motion"
    ] > MOVES, f"clips that move more than {MOVES:g} of 255 levels a frame"


def change_table(change: Array, clean: Array, used: NDArray[np.bool_], sample: Sample) -> Array:
    """Table (P, 4): sum of the changes of used clips, their number; squares and degrees of freedom of
    all clips' undamaged rewards about their prompt's mean."""
    squares = centred(clean, sample.prompt) ** 2
    columns = np.column_stack([np.where(used, change, 0), used, squares, np.ones(len(clean))])
    table = sum_by_prompt(columns, sample.prompt, sample.n_prompts)
    table[:, 3] -= 1
    return table


def in_deviations(sums: Array) -> Array:
    """Mean change in within-prompt standard deviations, of sums (B, 4); NaN where nothing varies."""
    mean = sums[:, 0] / sums[:, 1]
    deviation = np.sqrt(sums[:, 2] / sums[:, 3])
    return np.where(deviation > MODEL_TIE, mean / deviation, np.nan)


def centred(values: Array, prompt: NDArray[np.intp]) -> Array:
    """(N,) less the mean of the prompt, numbered (N,)."""
    total = np.bincount(prompt, weights=values)
    return np.asarray(values - (total / np.maximum(1, np.bincount(prompt)))[prompt])


def first_frame_rows(case: Case) -> list[Row]:
    """Rank correlation of the reward of the first frame alone with that of all, mean over prompts.

    Below 1: the other frames count. Spearman's rho of a prompt's clips; prompts in which either is
    tied throughout have none.
    """
    sample, rows = case.sample, []
    for k, name in enumerate(sample.dimensions):
        one, whole = (np.round(case.rewards[v][:, k], 6) for v in (FIRST_FRAME, CLEAN))
        table = mean_defined(spearman_within(one, whole, sample.prompt, sample.n_prompts))
        found = cluster_bootstrap(table, ratio(0, 1), seed=case.seed)
        rows.append(
            row(
                "first_frame_only",
                case.arm,
                name,
                found,
                expected="below_one",
                n_clips=case.n_clips,
                n_prompts=int(table[:, 1].sum()),
                unit="rank correlation within prompts",
                note="" if found.value is not None else CONSTANT,
            )
        )
    return rows
