"""T2VQA-DB's lists: one line ``file|prompt|MOS`` a clip, without a header.

As in QMME/T2VQA (``dataset/dataset.py``): the file lies below the loader's data prefix, the mean
opinion score is 0 to 100. Neither a file nor a prompt can hold ``|``.
"""

import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipeline.formats.labelled import UNKNOWN, ClipRow, NamedClip, without_dot
from schemas.options import SetupError
from schemas.rows import local_file

SCALE = (0.0, 100.0)
DIMENSION = "overall"  # what the score is about: no more is asked


def read_t2vqa(path: str | Path, generator: str = UNKNOWN) -> Iterator[ClipRow]:
    """Every line, numbered from 1.

    The clip's generator is the folder that its file lies in, ``generator`` where it lies in none;
    its score stands under ``DIMENSION``. Raises :class:`SetupError` naming file and line: not three
    parts (a blank line, too), an empty part, a score that is no number from 0 to 100.
    """
    return _lines(local_file(path), generator)


def _lines(file: Path, generator: str) -> Iterator[ClipRow]:
    number = 0
    try:
        with file.open(encoding="utf-8-sig") as stream:
            for number, line in enumerate(stream, start=1):
                yield _row(file, number, line.rstrip("\n"), generator)
    except UnicodeDecodeError as error:
        raise SetupError(f"{file}: not UTF-8 text ({error}); save it as UTF-8") from error
    if number == 0:
        raise SetupError(f"{file}: has no lines")


def _row(file: Path, number: int, line: str, generator: str) -> ClipRow:
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
            scores={DIMENSION: _score(file, number, score)},
        ),
    )


def _score(file: Path, number: int, written: str) -> float:
    try:
        score = float(written)
    except ValueError:
        score = math.nan
    if not SCALE[0] <= score <= SCALE[1]:  # NaN is refused, too
        raise SetupError(
            f"{file}: row {number}, MOS: {written!r} is not a number from "
            f"{SCALE[0]:g} to {SCALE[1]:g}; correct it"
        )
    return score
