"""The books of assembly: which scores and preferences the annotations and comparisons allow.

The rules are those of ``preference``, worked out here a second time from what was annotated, so that a
row that an engine lost cannot hide.
"""

import dataclasses
import itertools
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from annotators.base import AnnotatorSpec
from pipeline.books import Book, balance
from pipeline.check import keys
from pipeline.dataset.parquet import parts, read_columns
from pipeline.preference.compared import with_overall
from pipeline.preference.fitted import needed
from pipeline.preference.rules import Rules
from pipeline.preference.votes import (
    RANKING_COLUMNS,
    Ranking,
    keyed_ranking,
    marks_of,
    opinions,
    votes_of,
)
from schemas import CONSENSUS, OVERALL, SPLITS
from schemas.ids import pair_id
from schemas.tables import join_key

_Pair = tuple[tuple[str, ...], str]  # sorted video ids, dimension


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What the books are drawn up from."""

    prompt_of: Mapping[str, str]  # of every clip
    annotators: Sequence[AnnotatorSpec]
    rules: Rules
    annotations: Sequence[Path]
    comparisons: Sequence[Path]
    left_out: Collection[str] = ()  # clips, by the checks

    @property
    def ids(self) -> list[str]:
        """Of the annotators."""
        return [a.annotator_id for a in self.annotators]

    def rankings(self) -> Iterator[list[Ranking]]:
        """What was compared, prompt by prompt."""
        by_prompt: dict[str, list[Ranking]] = defaultdict(list)
        for row in read_columns(self.comparisons, RANKING_COLUMNS):
            prompt_id, ranking = keyed_ranking(row)
            by_prompt[prompt_id].append(ranking)
        yield from by_prompt.values()


def score_book(account: Account, out: Path) -> Book:
    """Clips x (annotators + consensus) x (dimensions + overall): owed where the annotations or
    comparisons allow it, else owed upstream."""
    rules, prompt_of, ids = account.rules, account.prompt_of, account.ids
    dimensions, weights = rules.dimensions, rules.preferences.weights
    has = _scored(account)
    active: dict[tuple[str, str], set[str]] = defaultdict(set)
    for clip, dimension, annotator in has:
        active[prompt_of[clip], dimension].add(annotator)
    for clip, dimension in itertools.product(prompt_of, dimensions):
        prompt = prompt_of[clip]
        asked = needed(prompt, dimension, active[prompt, dimension], rules.consensus, rules.fitted)
        if asked and all((clip, dimension, a) in has for a in asked):
            has.add((clip, dimension, CONSENSUS))
    weighed = [d for d in dimensions if weights is None or weights.get(d, 0.0) > 0]
    for clip, annotator in itertools.product(prompt_of, (*ids, CONSENSUS)):
        if all((clip, d, annotator) in has for d in weighed):
            has.add((clip, OVERALL, annotator))
    owed = list(itertools.product(prompt_of, (*dimensions, OVERALL), (*ids, CONSENSUS)))
    return balance(
        "scores",
        (join_key(*key) for key in owed),
        written=keys(out, "scores"),
        filtered=[join_key(*key) for key in owed if key[0] in account.left_out],
        upstream=[
            join_key(*key) for key in owed if key not in has and key[0] not in account.left_out
        ],
    )


def _scored(account: Account) -> set[tuple[str, str, str]]:
    """(clip, dimension, annotator) that have a score: annotations, or shares of comparisons won."""
    if account.rules.protocol.scores:
        columns = ("video_id", "dimension", "annotator_id")
        return set(read_columns(account.annotations, columns))
    return {
        (mark.video_id, mark.dimension, mark.annotator_id)
        for rankings in account.rankings()
        for mark in marks_of(rankings)
    }


def preference_book(account: Account, out: Path) -> Book:
    """All pairs of a prompt's clips x (dimensions + overall): owed where both have a consensus score,
    or, where clips are only compared, where the comparisons of the two come to something."""
    dimensions = (*account.rules.dimensions, OVERALL)
    clips_of: dict[str, list[str]] = defaultdict(list)
    for video, prompt in account.prompt_of.items():
        clips_of[prompt].append(video)
    scored = account.rules.protocol.scores
    has = _scored_pairs(clips_of, out) if scored else _compared_pairs(account)
    owed = {
        pair_id(*pair, dimension): (tuple(sorted(pair)), dimension)
        for clips, dimension in itertools.product(clips_of.values(), dimensions)
        for pair in itertools.combinations(clips, 2)
    }
    written = [key for split in SPLITS for key in keys(out / split, "preferences")]
    filtered = {k for k, (pair, _) in owed.items() if any(v in account.left_out for v in pair)}
    upstream = [key for key, known in owed.items() if known not in has and key not in filtered]
    return balance("preferences", owed, written=written, filtered=filtered, upstream=upstream)


def _scored_pairs(clips_of: Mapping[str, Sequence[str]], out: Path) -> set[_Pair]:
    consensus: dict[str, set[str]] = defaultdict(set)
    columns = ("video_id", "dimension", "annotator_id")
    for video, dimension, annotator in read_columns(parts(out / "scores"), columns):
        if annotator == CONSENSUS:
            consensus[dimension].add(video)
    return {
        (pair, dimension)
        for clips in clips_of.values()
        for pair in itertools.combinations(sorted(clips), 2)
        for dimension, videos in consensus.items()
        if videos.issuperset(pair)
    }


def _compared_pairs(account: Account) -> set[_Pair]:
    rules = account.rules
    return {
        (pair, dimension)
        for rankings in account.rankings()
        for dimension, pair in with_overall(
            opinions(votes_of(rankings), rules.consensus),
            rules.dimensions,
            rules.preferences.weights,
        )
    }
