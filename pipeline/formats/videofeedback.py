"""VideoFeedback: clips as JPEG frames, with five scores of 1 to 4 each.

Columns as in TIGER-AI-Lab/VideoScore (``training/prepare_regression.py``). The clips were re-timed
to 8 frames per second before their frames were taken, and the frames unpack to
``images/<id>/<id>_<nn>.jpg``. The ``conversations`` repeat the scores as text and are not read.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.formats.cells import number_or_none
from pipeline.formats.finder import ClipFinder
from pipeline.formats.gathering import Gathering
from pipeline.formats.labelled import (
    UNKNOWN,
    ClipRow,
    NamedClip,
    refuse_label,
    words,
    words_or_none,
)
from pipeline.formats.peek import columns_of
from pipeline.formats.people import ANYBODY, PeopleRead, Reader, Scale
from pipeline.formats.picture_votes import exported
from pipeline.formats.said import Said
from schemas.address import place_of
from schemas.options import SetupError
from schemas.rows import Row, read_rows

DIMENSIONS = (
    "visual quality",
    "temporal consistency",
    "dynamic degree",
    "text-to-video alignment",
    "factual consistency",
)
SCALE = (1, 4)
REAL = "real"  # the configuration, and the generator, of camera footage
FRAME_RATE = 8.0  # frames per second
REQUIRED = ("id", "images", "text prompt", *DIMENSIONS)


def read_videofeedback(path: str | Path, generator: str = UNKNOWN) -> Iterator[ClipRow]:
    """Every clip, in the order of the file (Parquet, JSON Lines or JSON list).

    The clip's ``video`` is the name of its folder, as their loader derives it: what stands before
    the first underscore of its first image; ``frame_files`` are the images in the order given.
    ``extra`` keeps ``id`` and ``video_link``. An empty score is missing; one that is not 1, 2, 3 or
    4 is refused. Raises :class:`SetupError` naming file, row and column.
    """
    file = place_of(path)
    return (_row(file, number, row, generator) for number, row in read_rows(file, REQUIRED))


def read_people(path: Path, finder: ClipFinder, scale: Scale | None = None) -> PeopleRead:
    """The five scores of each clip as ratings of one rater, ``human``; ``scale`` is 1 to 4 unless given.

    Clips of a file in a folder named ``real`` are camera footage, as the source has them. Raises as
    :func:`read_videofeedback` does.
    """
    gathering = Gathering()
    for row in read_videofeedback(path, REAL if path.parent.name == REAL else UNKNOWN):
        place, named = (path, row.number), row.clip
        said = Said(prompt=row.prompt, generator=named.generator, video=named.video)
        clip = gathering.clip(place, finder, said)
        for dimension, score in named.scores.items() if clip else ():
            assert clip is not None
            gathering.rating(
                place, clip, rater=ANYBODY, dimension=dimension, score=score, scale=scale or SCALE
            )
    return gathering.read(
        "most clips were scored by one of some 20 raters, who is not named: agreement between raters "
        "is not known",
        *exported(path),
    )


READER = Reader(
    kind="videofeedback",
    what="VideoFeedback's five scores of each clip",
    read=read_people,
    is_it=lambda path: columns_of(path).issuperset(REQUIRED),
)


def _row(file: Path, number: int, row: Row, generator: str) -> ClipRow:
    images = _images(file, number, row["images"])
    scores = {name: _score(file, number, row, name) for name in DIMENSIONS}
    link = words_or_none(file, number, row, "video link")
    return ClipRow(
        number=number,
        prompt=words(file, number, row, "text prompt"),
        clip=NamedClip(
            video=images[0].partition("_")[0],
            generator=generator,
            scores={name: score for name, score in scores.items() if score is not None},
            extra={"id": _id(file, number, row), **({"video_link": link} if link else {})},
        ),
        frame_files=images,
    )


def _id(file: Path, number: int, row: Row) -> str:
    value = row["id"]
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return words(file, number, row, "id")


def _images(file: Path, number: int, value: Any) -> tuple[str, ...]:
    """Names in one folder, all of one clip: ``<folder>_<nn>.jpg``."""
    names = tuple(value) if isinstance(value, list) else ()
    folder = names[0].partition("_")[0] if names and isinstance(names[0], str) else ""
    good = all(
        isinstance(name, str) and name.startswith(f"{folder}_") and not set(name) & set("/\\\0")
        for name in names
    )
    if not folder or folder.startswith(".") or not good or len(set(names)) < len(names):
        raise SetupError(
            f"{file}: row {number}, column 'images': expected distinct names <id>_<nn>.jpg of one "
            f"clip, got {str(value)[:200]}"
        )
    return names


def _score(file: Path, number: int, row: Row, dimension: str) -> float | None:
    score = number_or_none(file, number, row, dimension)
    if score is not None and score not in range(SCALE[0], SCALE[1] + 1):
        raise refuse_label(file, number, dimension, row[dimension], "one of 1, 2, 3, 4")
    return score
