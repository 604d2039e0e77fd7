"""What else the reward goes with: length, resolution, motion, light, colour, sharpness."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from pipeline.audit.statistics.agreement import sum_by_prompt
from pipeline.audit.statistics.bootstrap import Array, cluster_bootstrap
from pipeline.videorm.evaluation.probes.catalogue import CLEAN
from pipeline.videorm.evaluation.probes.looks import LOOKS
from pipeline.videorm.evaluation.probes.sample import Case
from pipeline.videorm.evaluation.probes.verdict import NOTHING, Row, row

UNIT = "rank correlation within prompts"


def correlation_rows(case: Case) -> list[Row]:
    """Two rows per look and dimension: raw, and with what raters or annotator said held constant."""
    dimensions = range(len(case.sample.dimensions))
    return [r for look in LOOKS for k in dimensions for r in _rows(case, look, k)]


def _rows(case: Case, look: str, k: int) -> list[Row]:
    columns = {"the reward": np.round(case.rewards[CLEAN][:, k], 6), look: case.looks[look]}
    by, score = case.sample.score(k)
    of = f"what the {by} said"
    return [
        _row(case, f"correlation_{look}", k, columns, ""),
        _row(case, f"correlation_{look}_given_score", k, columns | {of: score}, f"given {of}"),
    ]


def _row(case: Case, probe: str, k: int, columns: dict[str, Array], note: str) -> Row:
    """One row; without a value where one of the columns does not vary."""
    known = np.isfinite(list(columns.values())).all(axis=0)
    prompt = case.sample.prompt[known]
    table = rank_table([c[known] for c in columns.values()], prompt, case.sample.n_prompts)
    flat = table.sum(axis=0)[: len(columns)] == 0
    if flat.any():
        unknown = [name for name, c in columns.items() if not np.isfinite(c).any()]
        names = unknown or [name for name, still in zip(columns, flat, strict=True) if still]
        found, note = NOTHING, f"{names[0]}: alike for all clips of a prompt, or unknown"
    else:
        statistic = plain if len(columns) == 2 else partial
        found = cluster_bootstrap(table, statistic, seed=case.seed)
    return row(
        probe,
        case.arm,
        case.sample.dimensions[k],
        found,
        n_clips=int(known.sum()),
        n_prompts=len(np.unique(prompt)),
        unit=UNIT,
        note=note,
    )


def rank_table(columns: list[Array], prompts: NDArray[np.intp], n_prompts: int) -> Array:
    """Sums (P, .) per prompt of squares and products of midranks about their mean in the prompt.

    Of two columns x, y (N,): xx, yy, xy; of three: xx, yy, zz, xy, xz, yz.
    """
    ranks = np.zeros((len(columns), len(prompts)))
    for prompt in np.unique(prompts):
        own = prompts == prompt
        for rank, column in zip(ranks, columns, strict=True):
            rank[own] = rankdata(np.round(column[own], 9)) - (own.sum() + 1) / 2
    squares = [r * r for r in ranks]
    first, second = np.triu_indices(len(columns), k=1)
    products = [ranks[i] * ranks[j] for i, j in zip(first, second, strict=True)]
    return sum_by_prompt(np.column_stack([*squares, *products]), prompts, n_prompts)


def plain(sums: Array) -> Array:
    """xy / sqrt(xx yy) of sums (B, 3): Spearman's rho within prompts, every prompt weighing as much
    as its ranks spread. Without ties and with equally many clips each, the mean of the prompts'."""
    xx, yy, xy = sums.T
    return np.asarray(xy / np.sqrt(xx * yy))


def partial(sums: Array) -> Array:
    """(r_xy - r_xz r_yz) / sqrt((1 - r_xz^2)(1 - r_yz^2)) of sums (B, 6), NaN where a root is 0.

    Yule's partial correlation (1907, Proc. R. Soc. A 79) of ranks, as Kendall 1942 (Biometrika 32(3-4))
    has it for tau; ranks within prompts as in :func:`plain`. With four clips a prompt a partial rho of
    each prompt by itself is mostly 1, -1 or undefined, so sums are pooled first.
    """
    xx, yy, zz, xy, xz, yz = sums.T
    r_xy, r_xz, r_yz = xy / np.sqrt(xx * yy), xz / np.sqrt(xx * zz), yz / np.sqrt(yy * zz)
    left = (1 - r_xz**2) * (1 - r_yz**2)
    return np.where(left > 1e-12, (r_xy - r_xz * r_yz) / np.sqrt(np.maximum(left, 1e-12)), np.nan)
