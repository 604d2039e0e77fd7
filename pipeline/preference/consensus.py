"""Annotations of a prompt's clips -> one score per clip, dimension and annotator, and a consensus."""

import functools
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.preference.fitted import NOTHING, Fitted, fold_of, needed
from pipeline.preference.options import ConsensusOptions, PreferenceOptions
from schemas import CONSENSUS, OVERALL, Score


class Mark(NamedTuple):
    """What the consensus needs of an annotation; rationales stay where they are."""

    video_id: str
    generator: str
    dimension: str
    annotator_id: str
    draw: int
    score: float
    simulated: bool = False


# The columns of an annotation that are read.
MARK_COLUMNS = ("prompt_id", *Mark._fields)


def keyed_mark(columns: tuple[Any, ...]) -> tuple[str, Mark]:
    """``MARK_COLUMNS`` of an annotation, keyed by its prompt."""
    return columns[0], Mark._make(columns[1:])


def scores_of_prompt(
    prompt_id: str,
    marks: Iterable[Mark],
    dimensions: Sequence[str],
    consensus: ConsensusOptions,
    preferences: PreferenceOptions,
    fitted: Fitted = NOTHING,
) -> list[Score]:
    """Every score of one prompt's clips: per annotator, the consensus, and ``overall`` for each.

    An annotator's score is the mean of its draws. The consensus of a clip needs every annotator that
    scored any clip of this prompt on this dimension: one to whom the prompt does not apply is left out
    for all clips alike, and a clip that one of the others failed on has no consensus, so that no two
    clips of a prompt are ever compared on the word of different annotators. Whom ``fitted`` leaves out
    (:func:`pipeline.preference.fitted.needed`) is not waited for either, and does not count in ``n``.

    The consensus is in units of the rubric's scale, or of an annotator's standard deviation where the
    scale is standardised; ``spread`` is the sample sd between the needed annotators in the same units,
    not weighted. Raises ``ValueError`` where the options need a fit that ``fitted`` is not.
    """
    clips: dict[str, Mark] = {}
    draws: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for mark in sorted(marks):
        clips[mark.video_id] = mark
        draws[mark.annotator_id, mark.dimension, mark.video_id].append(mark.score)
    scores = [
        Score(
            video_id=video,
            dimension=dimension,
            annotator_id=annotator,
            prompt_id=prompt_id,
            generator=clips[video].generator,
            mean=statistics.fmean(values),
            spread=_spread(tuple(values)),
            n=len(values),
            simulated=clips[video].simulated,
        )
        for (annotator, dimension, video), values in draws.items()
    ]
    scores += _consensus(prompt_id, scores, consensus, fitted)
    return scores + _overall(scores, dimensions, preferences.weights)


@functools.lru_cache(maxsize=4096)  # it reckons in fractions, and scores of a scale repeat
def _spread(values: tuple[float, ...]) -> float | None:
    """Sample sd; None of a single value."""
    return statistics.stdev(values) if len(values) > 1 else None


def _consensus(
    prompt_id: str, scores: Sequence[Score], options: ConsensusOptions, fitted: Fitted
) -> list[Score]:
    present: dict[str, set[str]] = defaultdict(set)
    by_clip: dict[tuple[str, str], dict[str, Score]] = defaultdict(dict)
    for score in scores:
        present[score.dimension].add(score.annotator_id)
        by_clip[score.video_id, score.dimension][score.annotator_id] = score
    heard = {
        d: sorted(needed(prompt_id, d, names, options, fitted)) for d, names in present.items()
    }
    return [
        _together([given[name] for name in heard[dimension]], options, fitted)
        for (_, dimension), given in by_clip.items()
        if heard[dimension] and given.keys() >= set(heard[dimension])
    ]


def _together(given: Sequence[Score], options: ConsensusOptions, fitted: Fitted) -> Score:
    """The consensus of one clip on one dimension."""
    first = given[0]
    values = [_on_scale(score, options, fitted) for score in given]
    return Score(
        video_id=first.video_id,
        dimension=first.dimension,
        annotator_id=CONSENSUS,
        prompt_id=first.prompt_id,
        generator=first.generator,
        mean=_combined(given, values, options, fitted),
        spread=_spread(tuple(values)),
        n=sum(score.n for score in given),
        simulated=first.simulated,
    )


def _on_scale(score: Score, options: ConsensusOptions, fitted: Fitted) -> float:
    if options.scale == "rubric":
        return score.mean
    mean, sd = fitted.scales[score.annotator_id, score.dimension]
    return (score.mean - mean) / sd


def _combined(
    given: Sequence[Score], values: Sequence[float], options: ConsensusOptions, fitted: Fitted
) -> float:
    dimension = given[0].dimension
    if options.method == "median":
        return statistics.median(values)
    if options.method == "human_weights":
        weight = fitted.weights[fold_of(given[0].prompt_id, options.folds), dimension]
        return statistics.fmean(values, [weight[score.annotator_id] for score in given])
    if options.method == "dawid_skene":
        return fitted.error_rates[dimension].expected(
            {score.annotator_id: score.mean for score in given}
        )
    return statistics.fmean(values)


def _overall(
    scores: Sequence[Score], dimensions: Sequence[str], weights: Mapping[str, float] | None
) -> list[Score]:
    """The weighted mean of the dimensions; missing where one of them is missing."""
    weight = {d: 1.0 if weights is None else weights.get(d, 0.0) for d in dimensions}
    needed = [d for d in dimensions if weight[d] > 0]
    total = sum(weight[d] for d in needed)
    by_clip: dict[tuple[str, str], dict[str, Score]] = defaultdict(dict)
    for score in scores:
        by_clip[score.annotator_id, score.video_id][score.dimension] = score
    return [
        Score(
            video_id=video,
            dimension=OVERALL,
            annotator_id=annotator,
            prompt_id=first.prompt_id,
            generator=first.generator,
            mean=sum(weight[d] * given[d].mean for d in needed) / total,
            spread=None,
            n=sum(given[d].n for d in needed),
            simulated=first.simulated,
        )
        for (annotator, video), given in by_clip.items()
        if all(d in given for d in needed)
        for first in [given[needed[0]]]
    ]
