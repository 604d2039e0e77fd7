"""Dawid and Skene's model: every annotator has a table of errors, and truth is what explains them all.

A clip has a true level, drawn from a prior; an annotator who meets a clip of true level t says level
s with probability ``confusion[t][s]``, independently of what the others say. Expectation maximisation
finds prior and tables from the labels alone, without people.

The independence is the weak point: models that err alike (see ``error_correlation`` in the audit)
count as separate witnesses, so the posterior is over-confident and drifts to what they share.

Source: Dawid and Skene 1979, Maximum Likelihood Estimation of Observer Error-Rates Using the EM
Algorithm, Applied Statistics 28(1), equations 2.3 to 2.5 and 3.1. Deviations: `SMOOTHING`; an annotator
is one label per clip, the scale point nearest to the mean of its draws, because draws of one model are
no independent readings as the paper's repeated ones are taken to be.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

# Labels' worth of evidence added to the prior and to every row of every table, spread evenly over the
# levels: a level that an annotator has not said yet is unlikely, not impossible. The paper adds none.
SMOOTHING = 1.0
TOLERANCE = 1e-6  # converged: no posterior probability moves by more in a step
MAX_STEPS = 5_000
MIN_ANNOTATORS = 3  # with two, who of them errs cannot be told
_TINY = 1e-300  # stands for zero where a logarithm is taken


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRates:
    """Prior (L,) of the ``levels`` (L,), and of every annotator the confusion (L, L): true, said."""

    levels: tuple[float, ...]
    prior: tuple[float, ...]
    confusion: Mapping[str, tuple[tuple[float, ...], ...]]

    def expected(self, scores: Mapping[str, float]) -> float:
        """Posterior mean of a clip's true level, from each annotator's score of it.

        Between the lowest and highest level; an annotator who is not in the map says nothing.
        """
        said = np.zeros((len(self.confusion), len(self.levels)))
        for i, name in enumerate(self.confusion):
            if name in scores:
                said[i, int(nearest(scores[name], self.levels))] = 1
        tables = np.asarray(list(self.confusion.values()))
        truth = posterior(said[None], np.asarray(self.prior), tables)[0]
        # nine digits: the last ones depend on the machine's linear algebra
        return round(float(truth @ np.asarray(self.levels)), 9)


class Estimate(NamedTuple):
    """Prior (L,), confusion (J, L, L) as annotator, true, said, and how the search ended."""

    prior: Array
    confusion: Array
    steps: int
    converged: bool


def nearest(scores: npt.ArrayLike, levels: Sequence[float]) -> npt.NDArray[np.intp]:
    """Number of the level nearest to each score; the lower of two equally near. Levels ascend."""
    points = np.asarray(levels, dtype=np.float64)
    middles = (points[1:] + points[:-1]) / 2
    return np.asarray(np.searchsorted(middles, np.asarray(scores, dtype=np.float64).round(9)))


def estimate(counts: Array, smoothing: float = SMOOTHING) -> Estimate:
    """Fit the model to counts (N, J, L): how often annotator j said level l of clip n.

    Every clip has one label at least. Starts from the share of each clip's labels that each level got
    (equation 3.1), so levels keep their meaning; a local maximum, as always with EM. Clips with the
    same labels are counted once, so the order of clips changes nothing and time grows with the number
    of different label patterns.
    """
    _, n_annotators, n_levels = counts.shape
    flat, times = np.unique(counts.reshape(len(counts), -1), axis=0, return_counts=True)
    patterns = flat.reshape(-1, n_annotators, n_levels)
    truth = patterns.sum(axis=1) / patterns.sum(axis=(1, 2))[:, None]
    for step in range(1, MAX_STEPS + 1):
        prior, confusion = _maximise(patterns, truth * times[:, None], smoothing)
        before, truth = truth, posterior(patterns, prior, confusion)
        if np.abs(truth - before).max() <= TOLERANCE:
            return Estimate(prior, confusion, step, True)
    return Estimate(prior, confusion, MAX_STEPS, False)


def _maximise(counts: Array, truth: Array, smoothing: float) -> tuple[Array, Array]:
    """Equations 2.3 and 2.4: shares of what was expected, here with the smoothing added."""
    share = smoothing / truth.shape[1]
    prior = truth.sum(axis=0) + share
    tables = np.einsum("nt,njs->jts", truth, counts, optimize=True) + share
    rows = tables.sum(axis=2, keepdims=True)
    return prior / prior.sum(), tables / np.where(rows > 0, rows, 1)


def posterior(counts: Array, prior: Array, confusion: Array) -> Array:
    """Probability (N, L) of every true level, from counts (N, J, L): equation 2.5, in logarithms."""
    n_levels = len(prior)
    tables = np.log(np.maximum(confusion, _TINY)).transpose(0, 2, 1).reshape(-1, n_levels)
    logs = counts.reshape(len(counts), -1) @ tables + np.log(np.maximum(prior, _TINY))
    truth = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(truth / truth.sum(axis=1, keepdims=True))
