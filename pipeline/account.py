"""The books of assembly: which scores and preferences the annotations and comparisons allow.

The rules are those of ``preference``, worked out here a second time from the plan and from what was
annotated, so that a row that a shard lost, or a shard that an engine lost, cannot hide. Shard by shard,
so that a million annotations take no more memory than a few thousand.
"""

import dataclasses
import itertools
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.books import Book, balance
from pipeline.dataset.parquet import read_batches, read_columns
from pipeline.preference.compared import with_overall
from pipeline.preference.fitted import needed
from pipeline.preference.rules import Rules
from pipeline.preference.shards import PROMPT, Shard
from pipeline.preference.votes import (
    RANKING_COLUMNS,
    Ranking,
    keyed_ranking,
    marks_of,
    opinions,
    votes_of,
)
from schemas import CONSENSUS, OVERALL, SPLITS, Prompt
from schemas.ids import pair_id
from schemas.tables import TABLES, join_key

_Scored = set[tuple[str, str, str]]  # clip, dimension, annotator
_Pairs = set[tuple[tuple[str, str], str]]  # sorted video ids, dimension


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What the books of one shard are drawn up from: nothing of it is an engine's word."""

    shard: Shard
    prompts: Mapping[str, Prompt]
    clips: Mapping[str, tuple[str, str]]  # video_id -> prompt_id and generator
    annotators: Sequence[str]
    rules: Rules
    left_out: Collection[str] = ()  # clips, by the checks


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """The books of one shard, and how many annotations and comparisons went into them."""

    shard: int
    scores: Book
    preferences: Book
    rows: int


def draw_up(account: Account, out: Path | str) -> Drawn:
    """The books of one shard, by what it wrote below ``out``."""
    said = _Said(account)
    return Drawn(
        shard=account.shard.number,
        scores=_score_book(account, said, out),
        preferences=_preference_book(account, said, out),
        rows=said.rows,
    )


class _Said:
    """What the files hold of a shard's prompts, found by their ids and not by the shard's range."""

    def __init__(self, account: Account) -> None:
        self._ids, self.rows = pa.array(list(account.prompts), pa.string()), 0
        shard = account.shard
        self.rankings: dict[str, list[Ranking]] = defaultdict(list)
        for row in self._read(shard.comparisons, RANKING_COLUMNS):
            prompt_id, ranking = keyed_ranking(row)
            self.rankings[prompt_id].append(ranking)
        annotated = (PROMPT, "video_id", "dimension", "annotator_id")
        self.scored: _Scored = {row[1:] for row in self._read(shard.annotations, annotated)}
        if not account.rules.protocol.scores:
            self.scored = {
                (mark.video_id, mark.dimension, mark.annotator_id)
                for rankings in self.rankings.values()
                for mark in marks_of(rankings)
            }

    def _read(self, files: Sequence[str], columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        for file in files:
            for batch in read_batches(file, columns):
                own = batch.filter(pc.is_in(batch.column(PROMPT), value_set=self._ids))
                self.rows += own.num_rows
                yield from zip(*(own.column(name).to_pylist() for name in columns), strict=True)


# scores


def _score_book(account: Account, said: _Said, out: Path | str) -> Book:
    """Clips x (annotators + consensus) x (dimensions + overall): owed where the annotations or
    comparisons allow it, else owed upstream."""
    has = _with_means(account, said.scored)
    dimensions = (*account.rules.dimensions, OVERALL)
    owed, filtered, upstream = [], [], []
    for clip, dimension, annotator in itertools.product(
        account.clips, dimensions, (*account.annotators, CONSENSUS)
    ):
        key = join_key(clip, dimension, annotator)
        owed.append(key)
        if clip in account.left_out:
            filtered.append(key)
        elif (clip, dimension, annotator) not in has:
            upstream.append(key)
    written = _written(account, out, "scores", "scores")
    return balance("scores", owed, written=written, filtered=filtered, upstream=upstream)


def _with_means(account: Account, scored: _Scored) -> _Scored:
    """What has a score, with the consensus of the annotators and the mean of the dimensions."""
    rules, clips, has = account.rules, account.clips, set(scored)
    active: dict[tuple[str, str], set[str]] = defaultdict(set)
    for clip, dimension, annotator in scored:
        if clip in clips:
            active[clips[clip][0], dimension].add(annotator)
    asked = {
        (prompt, dimension): needed(prompt, dimension, names, rules.consensus, rules.fitted)
        for (prompt, dimension), names in active.items()
    }
    for clip, dimension in itertools.product(clips, rules.dimensions):
        names = asked.get((clips[clip][0], dimension))
        if names and all((clip, dimension, name) in scored for name in names):
            has.add((clip, dimension, CONSENSUS))
    weights = rules.preferences.weights
    weighed = [d for d in rules.dimensions if weights is None or weights.get(d, 0.0) > 0]
    for clip, annotator in itertools.product(clips, (*account.annotators, CONSENSUS)):
        if all((clip, d, annotator) in has for d in weighed):
            has.add((clip, OVERALL, annotator))
    return has


# preferences


def _preference_book(account: Account, said: _Said, out: Path | str) -> Book:
    """All pairs of a prompt's clips x (dimensions + overall): owed where both have a consensus score,
    or, where clips are only compared, where the comparisons of the two come to something. Left out by
    a rule: pairs with a clip that is, those of a prompt in no split, and in another split than test
    those of a generator that is held out."""
    scored = account.rules.protocol.scores
    has = _scored_pairs(account, out) if scored else _compared_pairs(account, said)
    owed, filtered, upstream = [], [], []
    for pair, kept in _pairs(account):
        for dimension in (*account.rules.dimensions, OVERALL):
            key = pair_id(*pair, dimension)
            owed.append(key)
            if not kept:
                filtered.append(key)
            elif (pair, dimension) not in has:
                upstream.append(key)
    written = [
        key
        for split in SPLITS
        for key in _written(account, out, f"{split}/preferences", "preferences")
    ]
    return balance("preferences", owed, written=written, filtered=filtered, upstream=upstream)


def _pairs(account: Account) -> Iterator[tuple[tuple[str, str], bool]]:
    """Every pair of clips of a prompt, sorted, and whether no rule leaves it out."""
    rules, clips, left_out = account.rules, account.clips, account.left_out
    by_prompt: dict[str, list[str]] = defaultdict(list)
    for video, (prompt, _) in clips.items():
        by_prompt[prompt].append(video)
    for prompt, videos in by_prompt.items():
        split = rules.split_of(account.prompts[prompt])
        for one, other in itertools.combinations(sorted(videos), 2):
            sides = ((one, clips[one][1]), (other, clips[other][1]))
            kept = split is not None and rules.keeps(split, *sides)
            yield (one, other), kept and one not in left_out and other not in left_out


def _scored_pairs(account: Account, out: Path | str) -> _Pairs:
    consensus: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for video, dimension, annotator in _rows(account, out, "scores", TABLES["scores"][1]):
        if annotator == CONSENSUS and video in account.clips:
            consensus[account.clips[video][0]][dimension].append(video)
    return {
        (pair, dimension)
        for by_dimension in consensus.values()
        for dimension, videos in by_dimension.items()
        for pair in itertools.combinations(sorted(videos), 2)
    }


def _compared_pairs(account: Account, said: _Said) -> _Pairs:
    rules = account.rules
    return {
        (pair, dimension)
        for rankings in said.rankings.values()
        for dimension, pair in with_overall(
            opinions(votes_of(rankings), rules.consensus),
            rules.dimensions,
            rules.preferences.weights,
        )
    }


# what was written


def _written(account: Account, out: Path | str, folder: str, table: str) -> list[str]:
    return [join_key(*row) for row in _rows(account, out, folder, TABLES[table][1])]


def _rows(
    account: Account, out: Path | str, folder: str, columns: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    part = Path(account.shard.part(out, folder))
    return read_columns([part] if part.is_file() else [], columns)
