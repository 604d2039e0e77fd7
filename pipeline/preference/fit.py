"""Before any prompt is judged: what the consensus must learn from all clips of the run."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from pipeline.preference.consensus import Mark
from pipeline.preference.dawid_skene import (
    MIN_ANNOTATORS,
    Array,
    ErrorRates,
    Estimate,
    estimate,
    nearest,
)
from pipeline.preference.fitted import Fitted
from pipeline.preference.options import ConsensusOptions
from pipeline.preference.weights import Weights, human_weights
from schemas import HumanRating, Rubric
from schemas.options import SetupError

# dimension -> annotator -> clip -> mean of its draws
Means = dict[str, dict[str, dict[str, float]]]
NO_SPREAD = 1e-9  # an sd no larger is none: scores are compared after rounding to 1e-9


def fit(
    marks: Iterable[tuple[str, Mark]],
    options: ConsensusOptions,
    people: Sequence[HumanRating] = (),
    answers: Mapping[str, Sequence[str]] = {},
    scales: Mapping[str, Sequence[float]] = {},
) -> Fitted:
    """Learn what the options need, from the marks of all clips with their prompt_id, in any order.

    Runs once, where the command runs. ``people`` and ``answers`` (ours -> human dimensions, the same
    name where absent) are for ``human_weights``; ``scales`` (scale points of each dimension, ascending)
    for ``dawid_skene``. A mean or median on the rubric's scale needs nothing and reads no mark. Raises
    :class:`SetupError` for a dimension without ratings, or without scale points, where they are needed.
    """
    if not options.needs_fit:
        return Fitted(options=options)
    means = _means(marks, options.annotators)
    notes: list[str] = []
    places: dict[tuple[str, str], tuple[float, float]] = {}
    weights: Weights = {}
    rates: dict[str, ErrorRates] = {}
    for dimension, by_annotator in means.items():
        if options.scale == "standardised":
            found, said = _places(dimension, by_annotator)
            places |= found
            notes += said
        if options.method == "human_weights":
            theirs = answers.get(dimension, [dimension])
            own, said = human_weights(dimension, by_annotator, people, theirs, options.folds)
            weights |= own
            notes += said
        if options.method == "dawid_skene":
            notes += _error_rates(dimension, by_annotator, scales, rates)
    return Fitted(
        options=options, scales=places, weights=weights, error_rates=rates, notes=tuple(notes)
    )


def points_of(rubrics: Iterable[Rubric]) -> dict[str, list[float]]:
    """The scale points of every dimension, as :func:`fit` wants them."""
    return {
        dimension.name: [float(point.score) for point in dimension.scale]
        for rubric in rubrics
        for dimension in rubric.dimensions
    }


def _means(marks: Iterable[tuple[str, Mark]], counted: Sequence[str] | None) -> Means:
    """Sorted throughout, so that the order of the marks changes nothing."""
    draws: dict[tuple[str, str], dict[str, list[float]]] = {}
    for _, mark in marks:
        if counted is None or mark.annotator_id in counted:
            clips = draws.setdefault((mark.dimension, mark.annotator_id), {})
            clips.setdefault(mark.video_id, []).append(mark.score)
    means: Means = {}
    for (dimension, annotator), clips in sorted(draws.items()):
        own = {video: statistics.fmean(values) for video, values in sorted(clips.items())}
        means.setdefault(dimension, {})[annotator] = own
    return means


# a common scale


def _places(
    dimension: str, means: Mapping[str, Mapping[str, float]]
) -> tuple[dict[tuple[str, str], tuple[float, float]], list[str]]:
    """Mean and sample sd of every annotator with spread, and notes on those without."""
    places, notes = {}, []
    for annotator, clips in means.items():
        values = list(clips.values())
        mean = statistics.fmean(values)
        squares = math.fsum((value - mean) ** 2 for value in values)
        sd = math.sqrt(squares / max(1, len(values) - 1))
        if sd > NO_SPREAD:
            places[annotator, dimension] = (mean, sd)
        else:
            notes.append(
                f"{annotator} gave every clip the same score on {dimension}, so it is left out of the "
                "consensus there"
            )
    return places, notes


# the model of Dawid and Skene


def _error_rates(
    dimension: str,
    means: Mapping[str, Mapping[str, float]],
    scales: Mapping[str, Sequence[float]],
    rates: dict[str, ErrorRates],
) -> list[str]:
    """Add the dimension's error rates to ``rates``; returns notes."""
    if dimension not in scales:
        raise SetupError(
            f"consensus.method: dawid_skene needs the scale points of {dimension}; there are those of "
            + (", ".join(scales) or "no dimension")
        )
    if len(means) < MIN_ANNOTATORS:
        return [
            f"dawid_skene on {dimension}: {len(means)} annotators scored it, {MIN_ANNOTATORS} are "
            "needed, so it has no consensus"
        ]
    levels = tuple(float(point) for point in scales[dimension])
    counts = _counts(means, levels)
    found = estimate(counts)
    rates[dimension] = ErrorRates(
        levels=levels,
        prior=_rounded(found.prior),
        confusion={
            name: tuple(_rounded(row) for row in table)
            for name, table in zip(means, found.confusion)
        },
    )
    return [_told(dimension, len(counts), found)]


def _rounded(row: Array) -> tuple[float, ...]:
    """Twelve digits: the last ones depend on the machine's linear algebra."""
    return tuple(row.round(12).tolist())


def _counts(means: Mapping[str, Mapping[str, float]], levels: Sequence[float]) -> Array:
    """(N, J, L): one for the level nearest to the annotator's mean, nothing where it has none."""
    clips = {v: i for i, v in enumerate(sorted(set().union(*means.values())))}
    counts = np.zeros((len(clips), len(means), len(levels)))
    for j, own in enumerate(means.values()):
        rows = [clips[video] for video in own]
        counts[rows, j, nearest(list(own.values()), levels)] = 1
    return counts


def _told(dimension: str, n_clips: int, found: Estimate) -> str:
    text = (
        f"dawid_skene on {dimension}: {n_clips} clips, {len(found.confusion)} annotators, "
        f"{found.steps} steps"
    )
    if not found.converged:
        text += "; it has not converged"
    return text + "; annotators count as independent, so it is over-confident where they err alike"
