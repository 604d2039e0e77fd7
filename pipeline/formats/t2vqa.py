"""T2VQA-DB's lists: one line ``file|prompt|MOS`` a clip, without a header.

As in QMME/T2VQA (``dataset/dataset.py``): the file lies below the loader's data prefix, the mean
opinion score is 0 to 100. Neither a file nor a prompt can hold ``|``. The lists themselves come with
the data base and could not be opened; the layout is the one that its loader reads.
"""

import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipeline.formats.finder import ClipFinder
from pipeline.formats.gathering import Gathering
from pipeline.formats.labelled import UNKNOWN, ClipRow, NamedClip, without_dot
from pipeline.formats.people import MEAN, PeopleRead, Reader, Scale
from pipeline.formats.said import Said
from schemas.options import SetupError
from schemas.rows import local_file

SCALE: Scale = (0.0, 100.0)
DIMENSION = "overall"  # what the score is about: no more is asked


def read_t2vqa(
    path: str | Path, generator: str = UNKNOWN, off_scale: bool = False
) -> Iterator[ClipRow]:
    """Every line, numbered from 1.

    The clip's generator is the folder that its file lies in, ``generator`` where it lies in none;
    its score stands under ``DIMENSION``. Raises :class:`SetupError` naming file and line: not three
    parts (a blank line, too), an empty part, a score that is no number, or (unless ``off_scale``)
    none from 0 to 100.
    """
    return _lines(local_file(path), generator, (-math.inf, math.inf) if off_scale else SCALE)


def read_people(path: Path, finder: ClipFinder, scale: Scale | None = None) -> PeopleRead:
    """Mean opinion scores as ratings of one rater, ``mean``; ``scale`` is 0 to 100 unless given.

    A score off the scale is a missing mark, and counted. Raises as :func:`read_t2vqa` does.
    """
    gathering = Gathering()
    for row in read_t2vqa(path, off_scale=True):
        place = path, row.number
        said = Said(prompt=row.prompt, generator=row.clip.generator, video=row.clip.video)
        clip = gathering.clip(place, finder, said)
        if clip is not None:
            gathering.rating(
                place,
                clip,
                rater=MEAN,
                dimension=DIMENSION,
                score=row.clip.scores[DIMENSION],
                scale=scale or SCALE,
            )
    return gathering.read("scores are means of 27 raters: agreement between raters is not known")


def _is_it(path: Path) -> bool:
    if path.suffix.lower() in (".csv", ".tsv", ".json", ".jsonl", ".parquet", ".gz"):
        return False
    try:
        return bool(next(read_t2vqa(path, off_scale=True)).prompt)
    except (SetupError, OSError, StopIteration):
        return False


READER = Reader(
    kind="t2vqa", what="T2VQA-DB's lists, file|prompt|MOS a line", read=read_people, is_it=_is_it
)


def _lines(file: Path, generator: str, scale: Scale) -> Iterator[ClipRow]:
    number = 0
    try:
        with file.open(encoding="utf-8-sig") as stream:
            for number, line in enumerate(stream, start=1):
                yield _row(file, number, line.rstrip("\n"), generator, scale)
    except UnicodeDecodeError as error:
        raise SetupError(f"{file}: not UTF-8 text ({error}); save it as UTF-8") from error
    if number == 0:
        raise SetupError(f"{file}: has no lines")


def _row(file: Path, number: int, line: str, generator: str, scale: Scale) -> ClipRow:
    parts = [part.strip() for part in line.split("|")]
    if len(parts) != 3 or not all(parts):
        raise SetupError(
            f"{file}: row {number}: expected file|prompt|MOS, three parts with a | between them, "
            f"got {line!r}; a name or a prompt that holds | must be changed"
        )
    name, prompt, score = without_dot(parts[0]), parts[1], parts[2]
    folder = PurePosixPath(name).parent.name
    return ClipRow(
        number=number,
        prompt=prompt,
        clip=NamedClip(
            video=name,
            generator=folder or generator,
            scores={DIMENSION: _score(file, number, score, scale)},
        ),
    )


def _score(file: Path, number: int, written: str, scale: Scale) -> float:
    try:
        score = float(written)
    except ValueError:
        score = math.nan
    if not scale[0] <= score <= scale[1] or math.isinf(score):  # NaN is refused, too
        raise SetupError(
            f"{file}: row {number}, MOS: {written!r} is not a number from "
            f"{SCALE[0]:g} to {SCALE[1]:g}; correct it"
        )
    return score
