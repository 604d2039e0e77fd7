"""Whether each dimension answers for its own: harm to the picture, or another prompt."""

from collections.abc import Sequence

import numpy as np

from pipeline.audit.statistics.bootstrap import Array, Statistic, cluster_bootstrap
from pipeline.videorm.evaluation.probes.catalogue import CLEAN, HARMS, SWAPPED
from pipeline.videorm.evaluation.probes.changes import change_table, in_deviations
from pipeline.videorm.evaluation.probes.sample import Case
from pipeline.videorm.evaluation.probes.verdict import NOTHING, SD, Row, row


def separation_rows(case: Case) -> list[Row]:
    """Two rows: harm must move quality more than alignment, another prompt the reverse.

    The value is the mean over the one kind of dimension of abs(mean change), each in its own
    within-prompt standard deviations, less that over the other kind.
    """
    every = range(len(case.sample.dimensions))
    aligned = [k for k in every if case.is_alignment(k)]
    others = [k for k in every if not case.is_alignment(k)]
    return [
        _separation(case, "aspect_separation_harm", HARMS, others, aligned),
        _separation(case, "aspect_separation_prompt", (SWAPPED,), aligned, others),
    ]


def _separation(
    case: Case, probe: str, variants: Sequence[str], more: Sequence[int], less: Sequence[int]
) -> Row:
    found, note = NOTHING, "needs a dimension of each kind, and two prompts"
    possible = bool(more and less and case.sample.n_prompts > 1)
    if possible:
        table = np.hstack([_moved(case, variants, k) for k in (*more, *less)])
        found = cluster_bootstrap(table, _gap(len(more), len(less)), seed=case.seed)
        note = f"by {', '.join(variants)}"
    return row(
        probe,
        case.arm,
        "all",
        found,
        expected="above_zero",
        n_clips=case.n_clips if possible else 0,
        n_prompts=case.sample.n_prompts if possible else 0,
        unit=SD,
        note=note,
    )


def _moved(case: Case, variants: Sequence[str], k: int) -> Array:
    clean = case.rewards[CLEAN][:, k]
    change = np.mean([case.rewards[v][:, k] - clean for v in variants], axis=0)
    return change_table(change, clean, np.ones(len(clean), bool), case.sample)


def _gap(n_more: int, n_less: int) -> Statistic:
    def of_sums(sums: Array) -> Array:
        parts = np.split(sums, n_more + n_less, axis=1)
        moved = np.abs([in_deviations(part) for part in parts])  # (dimensions, B)
        return np.asarray(moved[:n_more].mean(axis=0) - moved[n_more:].mean(axis=0))

    return of_sums
