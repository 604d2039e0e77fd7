"""The peers, each called as its documentation says, in an environment that holds nothing but it.

What is given to a peer is put into the form that it wants beforehand: that is not timed. Where a peer
has no resampling of prompts, its ``loop`` calls it on resampled data as a user would, a few times, and
the time of 2,000 calls is estimated from these; the interval is left out then.
"""

import functools
import importlib.metadata
import math
from collections.abc import Callable
from typing import Any

import numpy as np

Arrays = dict[str, Any]
Call = Callable[[], list[float]]

RESAMPLES = 2000
LOOPS = 10  # calls of a loop


def version(contestant: str) -> str:
    """Of the package that is measured."""
    return importlib.metadata.version(contestant.partition(":")[0])


def of_draws(prompts: Any, statistic: Callable[[Any], float]) -> Call:
    """``statistic`` of the rows of everything, and of a few draws of whole prompts."""
    order = np.argsort(prompts, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(prompts[order])) + 1)

    def call() -> list[float]:
        rng = np.random.default_rng(0)
        for _ in range(LOOPS):
            drawn = rng.integers(len(groups), size=len(groups))
            statistic(np.concatenate([groups[g] for g in drawn]))
        return []

    return call


def centred(strengths: Any) -> list[float]:
    """Strengths on the scale of all contestants: mean 0."""
    return [float(s) for s in np.asarray(strengths) - np.mean(strengths)]


def krippendorff_alpha(data: Arrays) -> Call:
    import krippendorff

    table = data["ratings"].T
    return lambda: [
        krippendorff.alpha(reliability_data=table, level_of_measurement="ordinal"),
    ]


def krippendorff_loop(data: Arrays) -> Call:
    """On counts of values, the form that it needs least time for."""
    import krippendorff

    levels = np.arange(1.0, 6)
    counts = (data["ratings"][:, :, None] == levels).sum(axis=1)
    value = functools.partial(
        krippendorff.alpha, value_domain=levels, level_of_measurement="ordinal"
    )
    return of_draws(data["prompts"], lambda rows: value(value_counts=counts[rows]))


def evalica_alpha(data: Arrays) -> Call:
    import evalica
    import pandas as pd

    frame = pd.DataFrame(data["ratings"].T)
    return lambda: [evalica.alpha(frame, distance="ordinal").alpha]


def evalica_alpha_bootstrap(data: Arrays) -> Call:
    """Krippendorff's own: pairs of ratings are drawn, not prompts; the distances stay as they are."""
    import evalica
    import pandas as pd

    frame = pd.DataFrame(data["ratings"].T)

    def call() -> list[float]:
        found = evalica.alpha_bootstrap(
            frame, distance="ordinal", n_resamples=RESAMPLES, random_state=0
        )
        return [found.alpha, found.low, found.high]

    return call


def evalica_alpha_loop(data: Arrays) -> Call:
    import evalica
    import pandas as pd

    frame = pd.DataFrame(data["ratings"].T)
    return of_draws(
        data["prompts"], lambda rows: evalica.alpha(frame.iloc[:, rows], distance="ordinal").alpha
    )


def pingouin_icc(data: Arrays) -> Call:
    import pandas as pd
    import pingouin

    frame = pd.DataFrame({name: data[name] for name in ("clip", "rater", "score")})

    def call() -> list[float]:
        found = pingouin.intraclass_corr(frame, targets="clip", raters="rater", ratings="score")
        kinds = found["Type"].isin(["ICC2", "ICC(A,1)"])  # the name differs between versions
        return [float(found[kinds]["ICC"].iloc[0])]

    return call


def _evalica_pairs(data: Arrays) -> tuple[Any, ...]:
    import evalica
    import pandas as pd

    winner = {1: evalica.Winner.X, -1: evalica.Winner.Y, 0: evalica.Winner.Draw}
    index = pd.Index(range(int(data["first"].max()) + 1))
    return data["first"], data["second"], [winner[s] for s in data["sign"].tolist()], index


def evalica_strength(data: Arrays) -> Call:
    import evalica

    xs, ys, winners, index = _evalica_pairs(data)

    def call() -> list[float]:
        found = evalica.bradley_terry(xs, ys, winners, index=index)
        return centred(np.log(found.scores.sort_index()))

    return call


def evalica_strength_bootstrap(data: Arrays) -> Call:
    """Comparisons are drawn, not prompts; a few draws stand for 2,000."""
    import evalica

    xs, ys, winners, _ = _evalica_pairs(data)

    def call() -> list[float]:
        evalica.bootstrap(
            evalica.bradley_terry, xs, ys, winners, n_resamples=LOOPS,
            bootstrap_method="percentile", random_state=0,
        )  # fmt: skip
        return []

    return call


def evalica_strength_loop(data: Arrays) -> Call:
    """Prompts are drawn, and come with their weights: nothing is copied."""
    import evalica

    xs, ys, winners, index = _evalica_pairs(data)
    prompts, n = data["prompts"], int(data["prompts"].max()) + 1

    def call() -> list[float]:
        rng = np.random.default_rng(0)
        for _ in range(LOOPS):
            drawn = np.bincount(rng.integers(n, size=n), minlength=n)
            weights = drawn[prompts].astype(float)
            evalica.bradley_terry(xs, ys, winners, index=index, weights=weights)
        return []

    return call


def evalica_davidson(data: Arrays) -> Call:
    """Newman's fixed point of the same model; its tie parameter is half of Davidson's."""
    import evalica

    xs, ys, winners, index = _evalica_pairs(data)

    def call() -> list[float]:
        found = evalica.newman(xs, ys, winners, index=index)
        return [*centred(np.log(found.scores.sort_index())), 2 * found.v]

    return call


def choix_strength(data: Arrays) -> Call:
    import choix

    won = data["sign"] > 0
    winner = np.where(won, data["first"], data["second"]).tolist()
    loser = np.where(won, data["second"], data["first"]).tolist()
    n, pairs = int(data["first"].max()) + 1, list(zip(winner, loser))
    return lambda: centred(choix.ilsr_pairwise(n, pairs))


def choix_strength_of_counts(data: Arrays) -> Call:
    import choix

    return lambda: centred(choix.ilsr_pairwise_dense(data["wins"]))


def sklearn_kappa(data: Arrays) -> Call:
    from sklearn.metrics import cohen_kappa_score

    one, other = data["one"].astype(int), data["other"].astype(int)
    kappa = functools.partial(cohen_kappa_score, weights="quadratic", labels=[1, 2, 3, 4, 5])
    return lambda: [float(kappa(one, other))]


def scipy_tau_within(data: Arrays) -> Call:
    """One call for each prompt; a prompt where one of the two is constant gives NaN and is left out."""
    from scipy import stats

    order = np.argsort(data["prompts"], kind="stable")
    ends = np.flatnonzero(np.diff(data["prompts"][order])) + 1
    judge, target = (np.split(data[name][order], ends) for name in ("judge", "target"))

    def call() -> list[float]:
        taus = [stats.kendalltau(x, y).statistic for x, y in zip(judge, target)]
        defined = [float(tau) for tau in taus if not math.isnan(tau)]
        return [sum(defined) / len(defined)]

    return call


def scipy_tau_loop(data: Arrays) -> Call:
    from scipy import stats

    x, y = data["judge"], data["target"]
    return of_draws(data["prompts"], lambda rows: stats.kendalltau(x[rows], y[rows]).statistic)


# contestant and question -> what prepares the call
CALLS: dict[tuple[str, str], Callable[[Arrays], Call]] = {
    ("evalica", "alpha"): evalica_alpha,
    ("evalica:alpha_bootstrap", "alpha"): evalica_alpha_bootstrap,
    ("evalica:loop", "alpha"): evalica_alpha_loop,
    ("krippendorff", "alpha"): krippendorff_alpha,
    ("krippendorff:loop", "alpha"): krippendorff_loop,
    ("pingouin", "icc"): pingouin_icc,
    ("evalica", "bradley_terry"): evalica_strength,
    ("evalica:bootstrap", "bradley_terry"): evalica_strength_bootstrap,
    ("evalica:loop", "bradley_terry"): evalica_strength_loop,
    ("choix", "bradley_terry"): choix_strength,
    ("choix", "bradley_terry_counts"): choix_strength_of_counts,
    ("evalica", "davidson"): evalica_davidson,
    ("scikit-learn", "kappa"): sklearn_kappa,
    ("scipy", "tau_within"): scipy_tau_within,
    ("scipy:loop", "tau"): scipy_tau_loop,
}
# contestants whose call stands for RESAMPLES / LOOPS as many
ESTIMATED = {"evalica:loop", "evalica:bootstrap", "krippendorff:loop", "scipy:loop"}
