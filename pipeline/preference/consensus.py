"""Annotations of a prompt's clips -> one score per clip, dimension and annotator, and a consensus."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

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


def scores_of_prompt(
    prompt_id: str,
    marks: Iterable[Mark],
    dimensions: Sequence[str],
    consensus: ConsensusOptions,
    preferences: PreferenceOptions,
) -> list[Score]:
    """Every score of one prompt's clips: per annotator, the consensus, and ``overall`` for each.

    An annotator's score is the mean of its draws. The consensus of a clip needs every annotator that
    scored any clip of this prompt on this dimension: one to whom the prompt does not apply is left out
    for all clips alike, and a clip that one of the others failed on has no consensus, so that no two
    clips of a prompt are ever compared on the word of different annotators.
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
            spread=statistics.stdev(values) if len(values) > 1 else None,
            n=len(values),
            simulated=clips[video].simulated,
        )
        for (annotator, dimension, video), values in draws.items()
    ]
    scores += _consensus(scores, consensus)
    return scores + _overall(scores, dimensions, preferences.weights)


def _consensus(scores: Sequence[Score], options: ConsensusOptions) -> list[Score]:
    middle = statistics.median if options.method == "median" else statistics.fmean
    counted = [
        s for s in scores if options.annotators is None or s.annotator_id in options.annotators
    ]
    present: dict[str, set[str]] = defaultdict(set)
    by_clip: dict[tuple[str, str], list[Score]] = defaultdict(list)
    for score in counted:
        present[score.dimension].add(score.annotator_id)
        by_clip[score.video_id, score.dimension].append(score)
    return [
        Score(
            video_id=video,
            dimension=dimension,
            annotator_id=CONSENSUS,
            prompt_id=given[0].prompt_id,
            generator=given[0].generator,
            mean=middle([s.mean for s in given]),
            spread=statistics.stdev([s.mean for s in given]) if len(given) > 1 else None,
            n=sum(s.n for s in given),
            simulated=given[0].simulated,
        )
        for (video, dimension), given in by_clip.items()
        if len(given) == len(present[dimension])
    ]


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
