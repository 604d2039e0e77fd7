"""Votes between pictures, read from lists of pairs or of rankings.

The pictures of an export are named by their clips' ids (:func:`pipeline.formats.clip_files.safe_name`),
so that what people say of them finds the clips again. Any other picture is a clip by its path.
"""

from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from pipeline.formats.clip_files import safe_name
from pipeline.formats.facts import ClipFacts
from pipeline.formats.finder import ClipFinder
from pipeline.formats.gathering import Gathering
from pipeline.formats.labelled import NamedClip, PairRow
from pipeline.formats.people import ANYBODY, PeopleRead
from pipeline.formats.rankings import RankRow, votes_of
from pipeline.formats.said import Said
from schemas import ids
from schemas.options import SetupError
from schemas.rows import read_json

DIMENSION = "overall"  # what such a vote is about: no more is asked
PICTURES = "people saw one picture of each clip, not the clip"
NO_LABEL = "rows have no label"
NO_RATERS = "the file names no raters; all its votes stand under one, 'human'"

Namer = Callable[[str, NamedClip], Said]  # of a prompt's clip


def pair_votes(
    path: Path, rows: Iterable[tuple[str, PairRow]], finder: ClipFinder, *notes: str
) -> PeopleRead:
    """A vote for every dimension of every row; each row comes with its rater."""
    gathering, said = Gathering(), by_file(finder)
    for rater, row in rows:
        place = path, row.number
        if not row.votes:
            gathering.left_out[NO_LABEL] += 1
            continue
        pair = gathering.pair(place, finder, said(row.prompt, row.a), said(row.prompt, row.b))
        for dimension, choice in row.votes.items() if pair else ():
            assert pair is not None
            gathering.vote(
                place, pair, rater=rater, dimension=dimension, choice=choice, may_repeat=True
            )
    return gathering.read(*notes, *exported(path))


def rank_votes(path: Path, rows: Iterable[RankRow], finder: ClipFinder, *notes: str) -> PeopleRead:
    """A vote for every two clips of every ranking, by each rater that a row names, or by anybody."""
    gathering, said = Gathering(), by_file(finder)
    for row in rows:
        place = path, row.number
        for rater, ranks in row.by_rater or ((ANYBODY, row.ranks),):
            for i, j, choice in votes_of(ranks):
                a, b = (said(row.prompt, row.clips[k]) for k in (i, j))
                pair = gathering.pair(place, finder, a, b)
                if pair is not None:
                    gathering.vote(
                        place,
                        pair,
                        rater=rater,
                        dimension=DIMENSION,
                        choice=choice,
                        may_repeat=True,
                    )
    return gathering.read(*notes, *exported(path))


def exported(path: Path) -> list[str]:
    """A warning where the file lies in an export of ours: its labels are a judge's, not people's."""
    for folder in (path.resolve().parent, path.resolve().parent.parent):
        record = folder / "export.json"
        if record.is_file() and {"format", "source"} <= keys_of(record):
            return [
                f"{path.name} is an export of a dataset: its labels are its judges', not people's"
            ]
    return []


def keys_of(file: Path) -> set[str]:
    """The names of a JSON object; none where the file holds something else."""
    try:
        whole = read_json(file)
    except SetupError:
        return set()
    return set(whole) if isinstance(whole, dict) else set()


def by_file(finder: ClipFinder) -> Namer:
    """What a row says of a clip: its id, where the file is named by that of a clip of the prompt."""
    known = {safe_name(video_id): clip for video_id, clip in finder.clips.items()}
    known |= finder.clips

    def said(prompt: str, clip: NamedClip) -> Said:
        found = known.get(clip.video) or known.get(PurePosixPath(clip.video).stem)
        if found is not None and _is_of(found, prompt):
            return Said(video_id=found.video_id, prompt=prompt)
        return Said(prompt=prompt, generator=clip.generator, video=clip.video)

    return said


def _is_of(clip: ClipFacts, prompt: str) -> bool:
    prompt_id = ids.prompt_id(prompt)
    texts = {clip.prompt_id} | ({ids.prompt_id(clip.prompt)} if clip.prompt else set())
    return prompt_id in texts
