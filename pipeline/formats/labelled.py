"""What a row of somebody's labelled list says, in our words: clips, votes between them, scores.

The readers of this room give these rows; sources take the clips from them, audits the votes and
scores. A label is never part of a clip's record.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from schemas import ids
from schemas.options import SetupError
from schemas.rows import Row

UNKNOWN = "unknown"  # the generator where a list names none


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NamedClip:
    """A clip as a row names it, and what people said of it alone."""

    video: str  # path or address as written, without a leading ./
    generator: str
    scores: Mapping[str, float] = dataclasses.field(default_factory=dict)  # by their dimension
    extra: Mapping[str, object] = dataclasses.field(default_factory=dict)  # what else is said of it

    def video_id(self, prompt: str) -> str:
        """The id under which a source lists the clip."""
        return ids.video_id(ids.prompt_id(prompt), self.generator, self.video)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ClipRow:
    """One clip and its scores. A dimension without a score is not in ``clip.scores``."""

    number: int  # of the row, as in schemas.rows
    prompt: str
    clip: NamedClip
    frame_files: tuple[
        str, ...
    ] = ()  # where the clip is a folder of pictures: their names, in order


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PairRow:
    """Two clips of one prompt and what people said of the pair.

    ``labels`` holds the cells as written, ``votes`` their meaning (one of ``schemas.human.CHOICES``);
    a dimension without a vote is not in ``votes``.
    """

    number: int
    prompt: str
    a: NamedClip
    b: NamedClip
    labels: Mapping[str, str | None]
    votes: Mapping[str, str]


def words(file: Path, number: int, row: Row, column: str) -> str:
    """A cell that must hold text, ends trimmed. Raises :class:`SetupError` for anything else."""
    value = row.get(column)
    if value is None or (isinstance(value, str) and not value.strip()):
        raise SetupError(f"{file}: row {number}, column {column!r}: is blank; fill it in")
    if not isinstance(value, str):
        raise SetupError(f"{file}: row {number}, column {column!r}: expected text, got {value!r}")
    return value.strip()


def words_or_none(file: Path, number: int, row: Row, column: str) -> str | None:
    """A cell that may hold text; None where it is empty or the column is absent."""
    value = row.get(column)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return words(file, number, row, column)


def without_dot(path: str) -> str:
    """The path without a leading ``./``, so that one clip has one name."""
    while path.startswith("./"):
        path = path[2:].lstrip("/")
    return path


def refuse_label(file: Path, number: int, column: str, value: object, expected: str) -> SetupError:
    """The error of a label that the format does not know."""
    return SetupError(
        f"{file}: row {number}, column {column!r}: {value!r} is not {expected}; correct the cell"
    )
