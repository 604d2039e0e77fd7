"""What the temporal shift does to a trunk that was not trained with it: pair accuracy before and after."""

import numpy as np

from pipeline.audit.statistics.bootstrap import Array, cluster_bootstrap
from pipeline.audit.statistics.pairs import UNTIED, accuracy, pair_table
from pipeline.videorm.evaluation.probes.catalogue import CLEAN, SHIFTED
from pipeline.videorm.evaluation.probes.sample import Case
from pipeline.videorm.evaluation.probes.verdict import Row, row
from pipeline.videorm.model.config import MODEL_TIE


def shift_rows(case: Case) -> list[Row]:
    """Per dimension the accuracy with the shift on less that with it off, on the same pairs.

    Nothing is adapted to the shift. Ties of the labels are dropped, a model's tie is half. None for
    an arm that shifts anyway.
    """
    if SHIFTED not in case.rewards:
        return []
    return [_row(case, k) for k in range(len(case.sample.dimensions))]


def _row(case: Case, k: int) -> Row:
    before, after = (_table(case, variant, k) for variant in (CLEAN, SHIFTED))
    both = np.hstack([before, after])
    n = before.shape[1]
    found = cluster_bootstrap(
        both, lambda sums: accuracy(sums[:, n:]) - accuracy(sums[:, :n]), seed=case.seed
    )
    pairs = int(before[:, UNTIED].sum())
    with np.errstate(invalid="ignore"):
        off, on = (float(accuracy(t.sum(axis=0)[None])[0]) for t in (before, after))
    return row(
        SHIFTED,
        case.arm,
        case.sample.dimensions[k],
        found,
        n_clips=case.n_clips,
        n_prompts=int((before[:, UNTIED] > 0).sum()),
        unit="pair accuracy",
        note=f"{off:.3f} off, {on:.3f} on, {pairs} pairs" if pairs else "no untied pair",
    )


def _table(case: Case, variant: str, k: int) -> Array:
    """Pair statistics (P, 5) against the labels of dimension ``k``."""
    groups = case.sample.groups
    starts = np.cumsum([0, *(len(g.rows) for g in groups)])[:-1]
    own = [g.dimension == k for g in groups]
    a = np.concatenate([s + g.a[m] for s, g, m in zip(starts, groups, own, strict=True)])
    b = np.concatenate([s + g.b[m] for s, g, m in zip(starts, groups, own, strict=True)])
    label = np.concatenate([g.label[m] for g, m in zip(groups, own, strict=True)])
    reward = case.rewards[variant][:, k]
    gap = reward[a] - reward[b]
    gap[np.abs(gap) <= MODEL_TIE] = 0
    return pair_table(gap, label, case.sample.prompt[a], case.sample.n_prompts)
