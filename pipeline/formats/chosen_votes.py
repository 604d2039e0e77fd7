"""Votes of the formats that put the preferred clip first: VideoDPO's and UnifiedReward's pairs for DPO."""

from collections.abc import Iterable
from pathlib import Path

from pipeline.formats.finder import ClipFinder
from pipeline.formats.gathering import Gathering
from pipeline.formats.genai_bench_results import said_of
from pipeline.formats.labelled import PairRow
from pipeline.formats.peek import first_row
from pipeline.formats.people import ANYBODY, PeopleRead, Reader, Scale
from pipeline.formats.unifiedreward import read_unifiedreward
from pipeline.formats.videodpo import CLIPS, read_videodpo

NOTE = (
    "nobody is named in the file, and it holds no ties: it lists preferred clips, which as published "
    "are a model's choice, not a person's"
)


def _votes(path: Path, rows: Iterable[PairRow], finder: ClipFinder) -> PeopleRead:
    gathering = Gathering()
    for row in rows:
        place = path, row.number
        pair = gathering.pair(
            place, finder, *(said_of(row.prompt, clip) for clip in (row.a, row.b))
        )
        if pair is None:
            continue
        for dimension, choice in row.votes.items():
            gathering.vote(
                place, pair, rater=ANYBODY, dimension=dimension, choice=choice, may_repeat=True
            )
    return gathering.read(NOTE)


def read_videodpo_votes(path: Path, finder: ClipFinder, scale: Scale | None = None) -> PeopleRead:
    """One vote a pair, ``overall``, for ``video1``. There is no scale."""
    return _votes(path, read_videodpo(path), finder)


def read_unifiedreward_votes(
    path: Path, finder: ClipFinder, scale: Scale | None = None
) -> PeopleRead:
    """One vote a pair, ``overall``, for ``chosen``. There is no scale."""
    return _votes(path, read_unifiedreward(path), finder)


def _is_videodpo(path: Path) -> bool:
    columns = first_row(path).keys()
    return {"video1", "video2", "frame_caption"} <= columns and path.with_name(CLIPS).is_file()


def _is_unifiedreward(path: Path) -> bool:
    row = first_row(path)
    sides = (row.get("chosen"), row.get("rejected"))
    return isinstance(row.get("caption"), str) and all(isinstance(one, str) for one in sides)


VIDEODPO = Reader(
    kind="videodpo",
    what="VideoDPO's pair.json",
    read=read_videodpo_votes,
    is_it=_is_videodpo,
)
UNIFIEDREWARD = Reader(
    kind="unifiedreward",
    what="UnifiedReward's dpo_data.json",
    read=read_unifiedreward_votes,
    is_it=_is_unifiedreward,
)
