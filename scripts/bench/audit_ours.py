"""What the audit itself calls for the same questions. Columns go in, the answer comes out."""

import functools
import importlib.metadata
from collections.abc import Callable
from typing import Any

import numpy as np

from pipeline.audit.measures.leaderboard import leaderboard_measures
from pipeline.audit.measures.measure import Resampling
from pipeline.audit.pair_panel import PairPanel
from pipeline.audit.statistics import alpha, correlation, icc, kappa, kendall, patterns, strength
from pipeline.audit.statistics.bootstrap import _kept_draws, cluster_bootstrap, weighted_bootstrap
from pipeline.audit.statistics.pairs import within_prompt_pairs

Arrays = dict[str, Any]
Call = Callable[[], list[float]]

LEVELS = np.arange(1.0, 6)


def version(contestant: str) -> str:
    """Of the package."""
    return importlib.metadata.version("videoprefer")


def alpha_point(data: Arrays) -> Call:
    together = np.zeros(len(data["ratings"]), dtype=np.intp)

    def call() -> list[float]:
        sums = alpha.coincidence_table(data["ratings"], LEVELS, together, 1)
        return alpha.krippendorff_alpha(sums, LEVELS).tolist()

    return call


def alpha_resampled(data: Arrays) -> Call:
    prompts, n = data["prompts"], int(data["prompts"].max()) + 1

    def call() -> list[float]:
        _kept_draws.cache_clear()  # every round pays for its draws
        table = alpha.coincidence_table(data["ratings"], LEVELS, prompts, n)
        found = cluster_bootstrap(
            table, functools.partial(alpha.krippendorff_alpha, levels=LEVELS), resamples=2000
        )
        return _three(found)

    return call


def icc_of_rows(data: Arrays) -> Call:
    def call() -> list[float]:
        n_clips, clip = _numbered(data["clip"])
        n_raters, rater = _numbered(data["rater"])
        table = np.full((n_clips, n_raters), np.nan)
        table[clip, rater] = data["score"]
        return icc.icc_2_1(icc.icc_table(table).sum(axis=0, keepdims=True)).tolist()

    return call


def _numbered(ids: Any) -> tuple[int, Any]:
    """How many ids there are, and each as a number below that; ids are whole numbers of any range."""
    low, high = int(ids.min()), int(ids.max())
    if high - low > 4 * len(ids):
        known, number = np.unique(ids, return_inverse=True)
        return len(known), number
    used = np.zeros(high - low + 1, dtype=bool)
    used[ids - low] = True
    return int(used.sum()), (np.cumsum(used) - 1)[ids - low]


def _results(data: Arrays) -> tuple[Any, Any]:
    n = int(data["first"].max()) + 1
    wins, ties = strength.count_results(data["first"], data["second"], data["sign"], n)
    return wins[None], ties[None]


def bradley_terry(data: Arrays) -> Call:
    return lambda: strength.bradley_terry(*_results(data))[0].tolist()


def bradley_terry_of_counts(data: Arrays) -> Call:
    wins = data["wins"][None]
    return lambda: strength.bradley_terry(wins, np.zeros_like(wins))[0].tolist()


def davidson(data: Arrays) -> Call:
    def call() -> list[float]:
        strengths, nu = strength.davidson(*_results(data))
        return [*strengths[0].tolist(), float(nu[0])]

    return call


def leaderboard(data: Arrays) -> Call:
    """The whole leaderboard, so Davidson's strengths and their intervals too."""
    n, n_prompts = int(data["first"].max()) + 1, int(data["prompts"].max()) + 1
    m = len(data["first"])
    panel = PairPanel(
        videos=tuple(map(str, range(n_prompts * n))),
        generators=tuple(f"{g:02}" for g in range(n)) * n_prompts,
        first=data["prompts"] * n + data["first"],
        second=data["prompts"] * n + data["second"],
        prompts=data["prompts"],
        human=np.empty((m, 0)),
        target=np.full(m, np.nan),
        others=np.empty((m, 0)),
        raters=(),
        prompt_ids=tuple(map(str, range(n_prompts))),
        judge=data["sign"].astype(float),
    )

    def call() -> list[float]:
        _kept_draws.cache_clear()
        assert panel.judge is not None
        rows = list(leaderboard_measures(panel, panel.judge, Resampling()))
        own = [row for _, row in rows if row.statistic == "bradley_terry_strength"]
        bounds = [bound for row in own for bound in _three(row.interval)[1:]]
        return [row.interval.value or 0.0 for row in own] + bounds

    return call


def quadratic_kappa(data: Arrays) -> Call:
    together = np.zeros(len(data["one"]), dtype=np.intp)

    def table_of(rows: Any) -> Any:
        return kappa.kappa_table(rows[:, 0], rows[:, 1], LEVELS)

    def call() -> list[float]:
        both = np.column_stack([data["one"], data["other"]])
        sums = patterns.sum_of_patterns(table_of, both, LEVELS, together, 1)
        return [float(kappa.cohen_kappas(sums, LEVELS)[0, kappa.WEIGHTS.index("quadratic")])]

    return call


def tau_within(data: Arrays) -> Call:
    x, y, prompts = data["judge"], data["target"], data["prompts"]

    def call() -> list[float]:
        first, second = within_prompt_pairs(prompts)
        gaps = x[first] - x[second], y[first] - y[second]
        n = int(prompts.max()) + 1
        return [float(np.nanmean(correlation.kendall_tau_b_within(*gaps, prompts[first], n)))]

    return call


def tau_resampled(data: Arrays) -> Call:
    prompts, n = data["prompts"], int(data["prompts"].max()) + 1

    def call() -> list[float]:
        _kept_draws.cache_clear()
        tables = kendall.pooled_kendall(data["judge"], data["target"], prompts, n)
        return _three(weighted_bootstrap(n, tables.tau_b, resamples=2000))

    return call


def _three(found: Any) -> list[float]:
    return [found.value, found.low, found.high]


CALLS: dict[str, Callable[[Arrays], Call]] = {
    "alpha-2000": alpha_resampled,
    "alpha": alpha_point,
    "alpha-700k": alpha_point,
    "icc-60k": icc_of_rows,
    "icc-167k": icc_of_rows,
    "bradley-terry": bradley_terry,
    "bradley-terry-counts": bradley_terry_of_counts,
    "davidson": davidson,
    "bradley-terry-2000": leaderboard,
    "kappa": quadratic_kappa,
    "tau-within": tau_within,
    "tau-2000": tau_resampled,
}
