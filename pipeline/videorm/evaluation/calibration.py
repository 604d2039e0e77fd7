"""Calibration: does a difference of rewards say how probable a preference is?

A reward is in log-odds, so sigmoid(d) of the difference d is the probability that the first clip is
preferred. On pairs that the target does not tie: a reliability curve, expected calibration error,
Brier score and log-loss, before and after one temperature T, sigmoid(d / T), fitted on the validation
prompts. A temperature is positive, so it changes no accuracy.

Curves are of the side that the reward favours: confidence sigmoid(abs(d)) from 1/2 to 1 against the
share of pairs in which that side won. Which clip of a pair stands first is chance, and so drops out.
For a model trained with ties also the predicted share of ties by bins of abs(d) against the observed.

Sources: Guo et al. 2017, arXiv:1706.04599 (bins of equal width, ECE, temperature); Brier 1950, Monthly
Weather Review 78:1-3; Rao and Kupper 1967, JASA 62:194-204: with log k = c, P(tie) =
(k^2 - 1) sigmoid(d - c) sigmoid(-d - c). Given that there is no tie, Rao-Kupper's own probability
is steeper than sigmoid(d); the temperature answers for that, too.
"""

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import expit

from pipeline.audit.measures.calibration import binned
from pipeline.audit.statistics.bootstrap import Array, Interval, Statistic, cluster_bootstrap
from pipeline.videorm.evaluation.accuracy import RESAMPLES, Board, Held

BINS = 10  # of equal width over the confidences, 0.5 to 1
WARMEST, COLDEST = 1e3, 1e-3  # bounds of T, for rewards that know nothing, or never err


def win_probability(difference: npt.ArrayLike, temperature: float = 1.0) -> Array:
    """Probability (M,) that the first clip is preferred, given that one is."""
    return np.asarray(expit(np.asarray(difference, np.float64) / temperature))


def tie_probability(difference: npt.ArrayLike, log_k: float) -> Array:
    """Rao and Kupper's probability (M,) of a tie; ``log_k`` at least 0."""
    d = np.asarray(difference, np.float64)
    return np.asarray(np.expm1(2 * log_k) * expit(d - log_k) * expit(-d - log_k))


def log_losses(difference: Array, won: Array, temperature: float = 1.0) -> Array:
    """-log of the probability (M,) given to what happened, in nats; ``won`` 1 first, 0 second."""
    towards = np.where(won > 0.5, difference, -difference) / temperature
    return np.logaddexp(0.0, -towards)


def fit_temperature(difference: npt.ArrayLike, won: npt.ArrayLike) -> float | None:
    """The T of the lowest mean log-loss, within ``COLDEST`` and ``WARMEST``; None without pairs.

    The loss is convex in 1 / T, so its slope there, mean of (sigmoid(d / T) - won) d, has one zero.
    """
    d, y = np.asarray(difference, np.float64), np.asarray(won, np.float64)
    if not len(d):
        return None

    def slope(inverse: float) -> float:
        return float(np.mean((expit(d * inverse) - y) * d))

    low, high = 1 / WARMEST, 1 / COLDEST
    if slope(low) >= 0:  # also where every difference is zero
        return WARMEST
    if slope(high) <= 0:
        return COLDEST
    return 1 / float(brentq(slope, low, high, xtol=1e-12))


def calibration_rows(
    board: Board,
    validation: Board | None,
    arms: tuple[str, ...],
    log_k: Mapping[str, Mapping[str, float]],
    seed: int,
) -> list[dict[str, Any]]:
    """One row per arm and dimension: ``before`` and ``after`` the temperature, and ``ties``.

    Held against the target of all raters together. ``temperature`` None and no ``after`` where the
    validation prompts have no untied pair; ``ties`` empty where the model has no threshold or the
    target no ties.
    """
    return [
        {"arm": arm, "against": board.against, "dimension": d, "split": board.split}
        | _row(held, validation and validation.held.get(d), arm, seed)
        | {"ties": _ties(held, arm, log_k.get(arm, {}).get(d))}
        for arm in arms
        for d, held in board.held.items()
        if (held.panel.target != 0).any()
    ]


def _row(held: Held, validation: Held | None, arm: str, seed: int) -> dict[str, Any]:
    d, won, prompt = _untied(held, arm)
    fitted = None if validation is None else fit_temperature(*_untied(validation, arm)[:2])
    row = {
        "temperature": fitted,
        "n_pairs": len(d),
        "n_prompts": len(np.unique(prompt)),
        "before": measured(d, won, prompt, 1.0, seed),
    }
    return row if fitted is None else row | {"after": measured(d, won, prompt, fitted, seed)}


def _untied(held: Held, arm: str) -> tuple[Array, Array, npt.NDArray[np.intp]]:
    """Differences, who won and prompts (M,) of the pairs that the target does not tie."""
    kept = held.panel.target != 0
    won = (held.panel.target[kept] > 0).astype(np.float64)
    return held.made[arm][kept, 0], won, held.panel.prompts[kept]


def measured(
    difference: Array, won: Array, prompt: npt.NDArray[np.intp], temperature: float, seed: int
) -> dict[str, Any]:
    """Log-loss and Brier score with their intervals, ECE, and the bins of the curve."""
    p = win_probability(difference, temperature)
    confidence = np.maximum(p, 1 - p)
    right = np.where(difference == 0, 0.5, (difference > 0) == (won > 0.5))
    place = np.minimum(((confidence - 0.5) * 2 * BINS).astype(np.intp), BINS - 1)
    values = np.stack(
        [log_losses(difference, won, temperature), (p - won) ** 2, np.ones(len(p))], axis=1
    )
    _, number = np.unique(prompt, return_inverse=True)
    table = np.zeros((number.max(initial=-1) + 1, 3 + 3 * BINS))
    np.add.at(table[:, :3], number, values)
    for k, column in enumerate((np.ones(len(p)), confidence, right)):
        np.add.at(table, (number, 3 + 3 * place + k), column)
    shares = {"log_loss": 0, "brier": 1}
    found = {
        name: _interval(table, functools.partial(_mean, k), seed) for name, k in shares.items()
    }
    # no interval: a mean of distances is larger in resamples than in the data, so it would lie above
    ece = {"value": float(_ece(table.sum(axis=0)[None])[0]), "low": None, "high": None}
    return found | {"ece": ece, "bins": _bins(table.sum(axis=0))}


def _mean(column: int, sums: Array) -> Array:
    return np.asarray(sums[:, column] / sums[:, 2])


def _ece(sums: Array) -> Array:
    """Mean distance of confidence and accuracy over bins, weighted by their pairs."""
    bins = sums[:, 3:].reshape(len(sums), BINS, 3)
    return np.asarray(np.abs(bins[..., 1] - bins[..., 2]).sum(axis=1) / sums[:, 2])


def _interval(table: Array, statistic: Statistic, seed: int) -> dict[str, float | None]:
    found: Interval = cluster_bootstrap(table, statistic, RESAMPLES, seed)
    return {"value": found.value, "low": found.low, "high": found.high}


def _bins(sums: Array) -> list[dict[str, Any]]:
    """Bins that hold a pair: bounds, how many, mean confidence and share of them right."""
    bins = sums[3:].reshape(BINS, 3)
    return [
        {
            "low": 0.5 + k / (2 * BINS),
            "high": 0.5 + (k + 1) / (2 * BINS),
            "n_pairs": round(float(n)),
            "confidence": float(confidence / n),
            "accuracy": float(right / n),
        }
        for k, (n, confidence, right) in enumerate(bins)
        if n
    ]


def _ties(held: Held, arm: str, log_k: float | None) -> list[dict[str, Any]]:
    """Predicted and observed share of ties by bins of abs(d), about as many pairs each."""
    tied = held.panel.target == 0
    if log_k is None or not tied.any():
        return []
    d = held.made[arm][:, 0]
    predicted = tie_probability(d, log_k)
    return [
        {
            "distance": name,
            "n_pairs": int(kept.sum()),
            "predicted": float(predicted[kept].mean()),
            "observed": float(tied[kept].mean()),
        }
        for name, kept in binned(np.abs(d))
    ]
