"""A file of recorded scores or replies, read once, checked whole, and looked up by clip.

A clip is named by ``video_id`` or by ``prompt_id`` and ``generator``; a row without a dimension
stands for every dimension. Two rows for one clip, annotator and dimension are refused: which one
counts is for the file's owner to say.
"""

import dataclasses
import functools
import math
import os
from collections.abc import Iterable
from typing import Any

from schemas import HasClip
from schemas.address import place_of
from schemas.options import Options, SetupError
from schemas.rows import Row, read_rows

ALIASES = {"annotator": ("annotator", "metric")}
ClipKey = tuple[str, ...]  # (video_id,) or (prompt_id, generator)


class Columns(Options):
    """What the columns of a file are called; None: by their own name (or ``metric``), if there."""

    video_id: str | None = None
    prompt_id: str | None = None
    generator: str | None = None
    annotator: str | None = None
    dimension: str | None = None
    score: str | None = None
    reply: str | None = None  # the text of a judge's reply, read by the rubric's scale
    rationale: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One row: a score or a reply, None where the cell is empty."""

    row: int
    clip: ClipKey
    dimension: str | None
    score: float | None
    reply: str | None
    rationale: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """The rows of one annotator."""

    rows: dict[tuple[ClipKey, str | None], Recorded]

    def find(self, clip: HasClip, dimension: str) -> Recorded | None:
        """The row for a clip and a dimension."""
        for key in _keys(clip):
            for name in (dimension, None):
                if (found := self.rows.get((key, name))) is not None:
                    return found
        return None

    def unmatched(self, clips: Iterable[HasClip], path: str) -> int:
        """How many rows match none of the clips.

        Raises :class:`SetupError` for a row that matches several.
        """
        known: dict[ClipKey, str] = {}
        twice: set[ClipKey] = set()
        for clip in clips:
            for key in _keys(clip):
                if known.setdefault(key, clip.video_id) != clip.video_id:
                    twice.add(key)
        for row in self.rows.values():
            if row.clip in twice:
                raise SetupError(
                    f"{path}, row {row.row}: {'/'.join(row.clip)} matches several "
                    "clips; give the file a column video_id"
                )
        return sum(row.clip not in known for row in self.rows.values())


def _keys(clip: HasClip) -> tuple[ClipKey, ClipKey]:
    return (clip.video_id,), (clip.prompt_id, clip.generator)


def read_records(path: str, columns: Columns) -> dict[str, Records]:
    """The records of a file by annotator (``""`` where it has no such column).

    Read once per process, and again when the file changes. Raises :class:`SetupError` naming file,
    row, column and value.
    """
    return _read(path, columns, _stamp(path))


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(place_of(path))
    except (OSError, ValueError):
        return None  # absent, or out of reach: reading says which
    return found.st_size, found.st_mtime_ns


@functools.lru_cache(maxsize=16)
def _read(path: str, columns: Columns, stamp: tuple[int, int] | None) -> dict[str, Records]:
    found: dict[str, dict[tuple[ClipKey, str | None], Recorded]] = {}
    names: dict[str, str] | None = None
    for number, row in read_rows(path):
        names = names if names is not None else _resolve(path, columns, row)
        where = f"{path}, row {number}"
        record = _record(where, number, row, names)
        of_annotator = found.setdefault(_cell(row, names, "annotator") or "", {})
        first = of_annotator.setdefault((record.clip, record.dimension), record)
        if first is not record:
            raise SetupError(
                f"{path}, rows {first.row} and {number}: two rows for clip "
                f"{'/'.join(record.clip)}, the same annotator and dimension; keep one"
            )
    if not found:
        raise SetupError(f"{path}: holds no rows")
    return {annotator: Records(rows=rows) for annotator, rows in found.items()}


def _resolve(path: str, columns: Columns, row: Row) -> dict[str, str]:
    """Our name of a column -> the file's name."""
    names: dict[str, str] = {}
    for ours, given in columns.model_dump().items():
        for candidate in (given,) if given else ALIASES.get(ours, (ours,)):
            if candidate in row:
                names.setdefault(ours, candidate)
        if given and given not in row:
            raise SetupError(
                f"{path}: columns.{ours}: there is no column {given!r}; there are "
                f"{', '.join(map(str, row))}"
            )
    if "video_id" not in names and not {"prompt_id", "generator"} <= names.keys():
        raise SetupError(
            f"{path}: needs a column video_id, or prompt_id and generator; there are "
            f"{', '.join(map(str, row))}"
        )
    if ("score" in names) == ("reply" in names):
        raise SetupError(
            f"{path}: needs either a column score or a column reply; name one under "
            f"columns:; there are {', '.join(map(str, row))}"
        )
    return names


def _record(where: str, number: int, row: Row, names: dict[str, str]) -> Recorded:
    return Recorded(
        row=number,
        clip=_clip(where, row, names),
        dimension=_cell(row, names, "dimension"),
        score=_score(where, row, names),
        reply=_cell(row, names, "reply"),
        rationale=_cell(row, names, "rationale"),
    )


def _cell(row: Row, names: dict[str, str], ours: str) -> str | None:
    value = row.get(names[ours]) if ours in names else None
    return None if value is None or not str(value).strip() else str(value).strip()


def _clip(where: str, row: Row, names: dict[str, str]) -> ClipKey:
    if (video_id := _cell(row, names, "video_id")) is not None:
        return (video_id,)
    pair = _cell(row, names, "prompt_id"), _cell(row, names, "generator")
    if pair[0] is None or pair[1] is None:
        raise SetupError(f"{where}: names no clip; needs video_id, or prompt_id and generator")
    return pair[0], pair[1]


def _score(where: str, row: Row, names: dict[str, str]) -> float | None:
    value: Any = row.get(names["score"]) if "score" in names else None
    if value is None or (isinstance(value, str) and not value.strip()):
        return None  # nothing was recorded here
    try:
        score = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        score = math.nan
    if not math.isfinite(score):
        raise SetupError(
            f"{where}, column {names['score']}: expected a finite number, got {value!r}"
        )
    return score
