"""GenAI-Bench's video arena: pairs of clips with one vote each, and the votes in result files.

Names as in TIGER-AI-Lab/GenAI-Bench (Parquet of the Hub: ``left_video``, ``right_video``) and in
the JSON copy of CodeGoat24/UnifiedReward (``video_left``, ``video_right``). A ``tievote`` stands
beside ``bothbad_vote`` in the arena, and GenAI-Bench's ``inference.py`` holds it equal to a judge's
``[[A=B=Good]]``: it is read as ``both_good``.
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from pipeline.formats.labelled import (
    UNKNOWN,
    NamedClip,
    PairRow,
    refuse_label,
    without_dot,
    words,
    words_or_none,
)
from schemas.address import place_of
from schemas.options import SetupError
from schemas.rows import Row, read_rows

VOTES = {"leftvote": "a", "rightvote": "b", "tievote": "both_good", "bothbad_vote": "both_bad"}
SHORT = {"A": "a", "B": "b", "tie_good": "both_good", "tie_bad": "both_bad"}  # in tables of results
DIMENSION = "overall"  # what the vote is about: no more is asked
REQUIRED = ("prompt", "left_video", "right_video", "vote_type")
ALIASES = {"video_left": "left_video", "video_right": "right_video"}


def read_genai_bench(path: str | Path, generator: str = UNKNOWN) -> Iterator[PairRow]:
    """Every pair, in the order of the file (Parquet, JSON list, JSON Lines or CSV).

    The clip on the left is ``a``. ``generator`` is that of clips whose row names no ``left_model``
    or ``right_model``. Raises :class:`SetupError` naming file, row and column: a vote outside
    ``VOTES``, an empty cell, a clip held against itself.
    """
    file = place_of(path)
    return (_pair(file, n, row, generator) for n, row in read_rows(file, REQUIRED, ALIASES))


def _pair(file: Path, number: int, row: Row, generator: str) -> PairRow:
    left, right = (
        NamedClip(
            video=without_dot(words(file, number, row, f"{side}_video")),
            generator=words_or_none(file, number, row, f"{side}_model") or generator,
        )
        for side in ("left", "right")
    )
    if left.video == right.video:
        raise SetupError(f"{file}: row {number}: both clips are the same, {left.video}")
    label = words(file, number, row, "vote_type")
    if label not in VOTES:
        raise refuse_label(file, number, "vote_type", label, "one of " + ", ".join(VOTES))
    return PairRow(
        number=number,
        prompt=words(file, number, row, "prompt"),
        a=left,
        b=right,
        labels={DIMENSION: label},
        votes={DIMENSION: VOTES[label]},
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BenchVote:
    """The human vote of one row of a file of results, which names no clips."""

    number: int
    index: int  # position of the pair in the benchmark's split, from 0
    prompt: str
    vote: str  # one of schemas.human.CHOICES


def read_bench_votes(path: str | Path) -> Iterator[BenchVote]:
    """The human votes of a file of results: columns ``idx``, ``prompt``, ``human_vote``.

    Both vocabularies are known: that of the benchmark (``VOTES``) and the short one (``SHORT``).
    Raises :class:`SetupError` naming file and row: another word, an ``idx`` that is no whole number
    from 0 or stands twice.
    """
    file = place_of(path)
    first: dict[int, int] = {}
    for number, row in read_rows(file, ("idx", "prompt", "human_vote")):
        label = words(file, number, row, "human_vote")
        vote = {**VOTES, **SHORT}.get(label)
        if vote is None:
            raise refuse_label(
                file, number, "human_vote", label, "one of " + ", ".join((*VOTES, *SHORT))
            )
        index = position_of(file, number, row, first)
        yield BenchVote(
            number=number, index=index, prompt=words(file, number, row, "prompt"), vote=vote
        )


def position_of(file: Path, number: int, row: Row, first: dict[int, int]) -> int:
    """A row's ``idx``; ``first`` tells which row had each before, and learns this one's.

    Raises :class:`SetupError` for one that is no whole number from 0, or stands twice.
    """
    index = _index(file, number, row)
    if first.setdefault(index, number) != number:
        raise SetupError(f"{file}: rows {first[index]} and {number} have the same idx {index}")
    return index


def _index(file: Path, number: int, row: Row) -> int:
    written = str(row["idx"] if row["idx"] is not None else "").strip()
    if not (written.isascii() and written.isdigit()):
        raise refuse_label(file, number, "idx", written, "a whole number from 0")
    return int(written)
