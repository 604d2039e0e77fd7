"""Comparisons of a prompt's clips -> what each annotator makes of every pair.

A comparison of any length says of each two clips in it which ranks higher. Only what a judge says in
both orders counts: one that likes the first video best prefers nothing (judging in both orders:
Zheng et al., arXiv 2306.05685, section 3.4, whose rule it is that a verdict that changes with the
order is a tie).
"""

import itertools
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.preference.consensus import Mark
from pipeline.preference.options import ConsensusOptions

Pair = tuple[str, str]  # of video ids, sorted


class Ranking(NamedTuple):
    """What the votes need of a comparison; rationales stay where they are."""

    video_ids: tuple[str, ...]
    generators: tuple[str, ...]
    dimension: str
    annotator_id: str
    draw: int
    ranking: tuple[int, ...]
    simulated: bool = False


# The columns of a comparison that are read.
RANKING_COLUMNS = ("prompt_id", *Ranking._fields)


def keyed_ranking(columns: tuple[Any, ...]) -> tuple[str, Ranking]:
    """``RANKING_COLUMNS`` of a comparison, keyed by its prompt."""
    prompt_id, *values = columns
    ranking: Any = (tuple(v) if isinstance(v, list) else v for v in values)  # they are sorted
    return prompt_id, Ranking(*ranking)


class Draw(NamedTuple):
    """One draw of one annotator on one dimension."""

    annotator_id: str
    dimension: str
    draw: int


class Opinion(NamedTuple):
    """What a pair comes to: from +1 (the first of the sorted ids) over 0 to -1, and from how many
    comparisons."""

    vote: float
    n: int


def votes_of(rankings: Iterable[Ranking]) -> dict[Draw, dict[Pair, int]]:
    """Per draw: +1 where both orders prefer a pair's first clip, -1 the second, 0 where they differ.

    A pair that was seen in one order only (the other reply was of no use) has no vote.
    """
    seen: dict[Draw, dict[Pair, dict[bool, int]]] = defaultdict(lambda: defaultdict(dict))
    for said in sorted(rankings):
        draw = Draw(said.annotator_id, said.dimension, said.draw)
        shown = list(zip(said.video_ids, said.ranking, strict=True))
        for (one, rank), (other, other_rank) in itertools.combinations(shown, 2):
            pair, sign = ((one, other), 1) if one < other else ((other, one), -1)
            seen[draw][pair][sign > 0] = sign * _sign(other_rank - rank)
    return {
        draw: {pair: _agreed(orders) for pair, orders in pairs.items() if len(orders) == 2}
        for draw, pairs in seen.items()
    }


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def _agreed(orders: Mapping[bool, int]) -> int:
    first, second = orders.values()
    return first if first == second else 0


def opinions(
    votes: Mapping[Draw, Mapping[Pair, int]], options: ConsensusOptions
) -> dict[tuple[str, Pair], Opinion]:
    """(dimension, pair) -> the annotators together: each the mean of its draws, then their mean or
    median.

    As with scores, a pair needs every annotator that voted on any pair of this prompt and dimension,
    so that no two pairs of a prompt rest on the word of different annotators.
    """
    by_pair: dict[tuple[str, Pair], dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    active: dict[str, set[str]] = defaultdict(set)
    for (annotator, dimension, _), pairs in votes.items():
        if options.annotators is not None and annotator not in options.annotators:
            continue
        for pair, vote in pairs.items():
            active[dimension].add(annotator)
            by_pair[dimension, pair][annotator].append(vote)
    middle = statistics.median if options.method == "median" else statistics.fmean
    return {
        (dimension, pair): Opinion(
            vote=middle([statistics.fmean(draws) for draws in given.values()]),
            n=2 * sum(len(draws) for draws in given.values()),
        )
        for (dimension, pair), given in by_pair.items()
        if given.keys() == active[dimension]
    }


def marks_of(rankings: Iterable[Ranking]) -> list[Mark]:
    """The share of its comparisons that a clip wins (a tie is half), in [0, 1], as a mark per draw.

    A clip lacks one where its vote against any other clip of the prompt is missing: shares of
    different opponents do not compare. (Shares over all opponents: Copeland's method, with half
    points for ties.)
    """
    rankings = list(rankings)
    origin = {
        video: (generator, said.simulated)
        for said in rankings
        for video, generator in zip(said.video_ids, said.generators, strict=True)
    }
    return [
        Mark(
            video,
            origin[video][0],
            draw.dimension,
            draw.annotator_id,
            draw.draw,
            share,
            origin[video][1],
        )
        for draw, pairs in votes_of(rankings).items()
        for video in sorted(origin)
        if (share := _share(video, sorted(origin), pairs)) is not None
    ]


def _share(video: str, videos: Sequence[str], votes: Mapping[Pair, int]) -> float | None:
    won = []
    for other in videos:
        if other == video:
            continue
        pair, sign = ((video, other), 1) if video < other else ((other, video), -1)
        if pair not in votes:
            return None
        won.append((1 + sign * votes[pair]) / 2)
    return statistics.fmean(won)
