"""VideoAlign's training CSV and VideoGen-RewardBench's: pairs of clips with a label per dimension.

Columns and labels as in KwaiVGI/VideoAlign (``data.py``, ``datasets/train/README.md``,
``eval_videogen_rewardbench.py``). Their loaders mask what they do not know without a word, or count
it as a wrong answer; here it is an error. An empty label is no vote, as is ``invalid``: that is how
their training reads it. Tables that call the clips ``video_a`` and ``video_b`` are read alike.

Read: ``data.py``, ``datasets/train/README.md`` and its ``example.csv``,
``eval_videogen_rewardbench.py``. VideoGen-RewardBench's own table could not be opened: its columns
are those that this program reads.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.formats.cells import number_or_none
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

DIMENSIONS = ("VQ", "MQ", "TA", "Overall")  # visual quality, motion quality, text alignment
LABELS: dict[str, str | None] = {"A": "a", "B": "b", "same": "tie", "invalid": None}  # our choice
REQUIRED = ("path_A", "path_B", "prompt")
ALIASES = {"video_a": "path_A", "video_b": "path_B"}
SIDES = ("A", "B")
STATED = ("fps", "num_frames")  # of each side: fps_A, ...
COLUMNS = (
    *REQUIRED,
    *DIMENSIONS,
    *(f"{side}_model" for side in SIDES),
    *(f"{stated}_{side}" for side in SIDES for stated in STATED),
    *(f"MOS_{side}_{dimension}" for side in SIDES for dimension in DIMENSIONS),
)


def read_videoalign(
    path: str | Path, columns: Mapping[str, str] | None = None, generator: str = UNKNOWN
) -> Iterator[PairRow]:
    """Every pair, in the order of the file.

    ``columns`` maps a column's name here to that in the file; ``generator`` is that of clips whose
    row names no model. ``votes`` holds the dimensions with a vote, ``labels`` every dimension that
    the file has; a clip's ``scores`` are its ``MOS_*``; the frame rate and number of frames that the
    row states are in its ``extra`` (``stated_fps`` per second, ``stated_num_frames``).

    Raises :class:`SetupError` naming file, row and column: a label outside ``LABELS`` (they are
    case-sensitive), a number that is none, a clip held against itself, no dimension at all.
    """
    file = place_of(path)
    unknown = sorted(set(columns or {}) - set(COLUMNS))
    if unknown:
        raise SetupError(
            f"{file}: columns: {unknown[0]!r} is no column of this format; it has "
            + ", ".join(COLUMNS)
        )
    aliases = {theirs: ours for ours, theirs in (columns or {}).items() if theirs != ours}
    aliases = {
        **{theirs: ours for theirs, ours in ALIASES.items() if ours not in (columns or {})},
        **aliases,
    }
    return (_pair(file, n, row, generator) for n, row in read_rows(file, REQUIRED, aliases))


def _pair(file: Path, number: int, row: Row, generator: str) -> PairRow:
    labels = {name: _label(file, number, row, name) for name in DIMENSIONS if name in row}
    if not labels:
        raise SetupError(
            f"{file}: row {number} has none of the columns {', '.join(DIMENSIONS)}; without labels "
            "it is a manifest (kind: manifest)"
        )
    a, b = (_clip(file, number, row, side, generator) for side in SIDES)
    if a.video == b.video:
        raise SetupError(f"{file}: row {number}: path_A and path_B are the same clip, {a.video}")
    votes = {name: LABELS[label] for name, label in labels.items() if label is not None}
    return PairRow(
        number=number,
        prompt=words(file, number, row, "prompt"),
        a=a,
        b=b,
        labels=labels,
        votes={name: vote for name, vote in votes.items() if vote is not None},
    )


def _label(file: Path, number: int, row: Row, dimension: str) -> str | None:
    label = words_or_none(file, number, row, dimension)
    if label is not None and label not in LABELS:
        raise refuse_label(file, number, dimension, label, "one of " + ", ".join(LABELS))
    return label


def _clip(file: Path, number: int, row: Row, side: str, generator: str) -> NamedClip:
    stated = {f"stated_{name}": f"{name}_{side}" for name in STATED}
    scores = {name: f"MOS_{side}_{name}" for name in DIMENSIONS}
    return NamedClip(
        video=without_dot(words(file, number, row, f"path_{side}")),
        generator=words_or_none(file, number, row, f"{side}_model") or generator,
        scores=_numbers(file, number, row, scores),
        extra=_numbers(file, number, row, stated),
    )


def _numbers(file: Path, number: int, row: Row, columns: Mapping[str, str]) -> dict[str, float]:
    cells = {name: number_or_none(file, number, row, column) for name, column in columns.items()}
    return {name: value for name, value in cells.items() if value is not None}
