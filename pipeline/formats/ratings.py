"""Human ratings from a plain table: one row per clip, rater and dimension."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from pipeline.formats.cells import flag, number_or_none, text
from pipeline.formats.facts import ClipFacts
from pipeline.formats.finder import ClipFinder
from pipeline.formats.gathering import NO_SCORE, NOT_HERE, Gathering
from pipeline.formats.peek import columns_of
from pipeline.formats.people import PeopleRead, Reader, Scale
from pipeline.formats.said import clip_of, introduce
from schemas import HasClip, HumanRating
from schemas.options import SetupError
from schemas.rows import read_rows

ALIASES = {"aspect": "dimension"}
COLUMNS = ("rater", "dimension", "score")
SCALE: Scale = (1, 5)
MOST_OFF = 0.1  # share of scores off a scale that nobody named, above which it is the wrong one


def read_table(path: Path, finder: ClipFinder, scale: Scale | None = None) -> PeopleRead:
    """Ratings of the clips that the finder finds; ``scale`` is 1 to 5 unless another is given.

    Columns: ``video_id``, or ``prompt_id`` (or ``prompt``) with ``generator``, or ``video``;
    ``rater``, ``dimension`` (or ``aspect``), ``score``, optional ``simulated``; and facts of the clip
    (see :func:`pipeline.formats.said.clip_of`). A score off the scale is a missing mark, and counted.

    Raises :class:`SetupError` naming file and row for a missing column, a row that matches several
    clips, a score that is no number, and the second of two rows with the same clip, rater and
    dimension; and where no ``scale`` is given and more than ``MOST_OFF`` of the scores are off 1 to 5.
    """
    given, scale = scale, scale or SCALE
    introduce(path, finder)
    gathering, scores = Gathering(), list[float]()
    for number, row in read_rows(path, COLUMNS, ALIASES):
        place = path, number
        score = number_or_none(path, number, row, "score")
        clip = gathering.clip(place, finder, clip_of(path, number, row))
        if clip is not None:
            scores += [] if score is None else [score]
            gathering.rating(
                place,
                clip,
                rater=text(path, number, row, "rater"),
                dimension=text(path, number, row, "dimension"),
                score=score,
                scale=scale,
                simulated=flag(path, number, row, "simulated"),
            )
    if given is None:
        _refuse_other_scale(path, scores)
    return gathering.read()


def _refuse_other_scale(path: Path, scores: list[float]) -> None:
    """Few scores off the usual scale are missing marks; many are another scale, which must be said."""
    low, high = SCALE
    off = sum(not low <= score <= high for score in scores)
    if off > max(1, MOST_OFF * len(scores)):
        raise SetupError(
            f"{path}: {off} of {len(scores)} scores are off the scale {low:g} to {high:g}, which is "
            f"taken where none is given; they go from {min(scores):g} to {max(scores):g}. Give the "
            "scale (scale: [LOW, HIGH] in a configuration, --scale LOW,HIGH for audit); 1 to 5 if the "
            "others are missing marks"
        )


def _is_it(path: Path) -> bool:
    columns = {ALIASES.get(name, name) for name in columns_of(path)}
    return columns.issuperset(COLUMNS)


READER = Reader(kind="table", what="a plain table of ratings", read=read_table, is_it=_is_it)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RatingsRead:
    """What a table of ratings holds, and what of it was left out.

    ``unmatched`` rows are about clips that are not there; ``off_scale`` and ``blank`` rows (out of
    the scale, or without a score) are about clips that are, and count as missing marks.
    """

    rows: list[HumanRating]
    unmatched: int
    off_scale: int
    blank: int


def read_ratings(path: str | Path, videos: Iterable[HasClip], scale: Scale = SCALE) -> RatingsRead:
    """Ratings of known clips, as :func:`read_table` reads them."""
    known = [
        ClipFacts(video_id=v.video_id, prompt_id=v.prompt_id, generator=v.generator) for v in videos
    ]
    read = read_table(Path(path), ClipFinder(known), scale)
    others = sum(n for what, n in read.left_out.items() if what not in (NO_SCORE, NOT_HERE))
    return RatingsRead(
        rows=list(read.ratings),
        unmatched=read.left_out.get(NOT_HERE, 0),
        off_scale=others,
        blank=read.left_out.get(NO_SCORE, 0),
    )
