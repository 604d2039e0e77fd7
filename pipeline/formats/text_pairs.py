"""Clips in formats of text: an answer is the path of a clip, for nothing else of it is text.

Trainers of text would learn from the path's letters. The files are for code that opens the clips; no
trainer of such a format is claimed to see a video.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pipeline.formats.clip_files import ClipFiles
from pipeline.formats.finder import ClipFinder
from pipeline.formats.labelled import UNKNOWN, NamedClip, PairRow, refuse_label, without_dot
from pipeline.formats.peek import first_row
from pipeline.formats.people import ANYBODY, PeopleRead, Scale
from pipeline.formats.picture_votes import DIMENSION, NO_RATERS, pair_votes
from pipeline.formats.writing import Row
from schemas.options import SetupError
from schemas.rows import read_rows

SUFFIXES = (".mp4", ".webm", ".mov", ".mkv", ".avi", ".gif", ".mpeg", ".mpg", ".webp")
PAIR = ("prompt", "chosen", "rejected")
NOTE = (
    "the answers are paths of clips: a trainer of text reads their letters alone and sees no video; the "
    "files are for code that opens the clips"
)


class Clips(ClipFiles):
    """The clips of a dataset as answers."""

    def answer(self, video_id: str) -> str:
        """The path of a clip in the export; it will be put there."""
        return self.place(video_id, "videos")


def read_text_pairs(path: str | Path, generator: str = UNKNOWN) -> Iterator[PairRow]:
    """Pairs whose answers name clips, the chosen one as ``a``.

    An answer is text or a list of messages, of which the last counts; ``video_chosen`` and
    ``video_rejected`` go before it. Raises :class:`SetupError` naming file, row and column: an answer
    that names no clip, both answers the same.
    """
    file = Path(path)
    for number, row in read_rows(file, PAIR):
        chosen, rejected = (_clip(file, number, row, side) for side in PAIR[1:])
        if chosen == rejected:
            raise SetupError(f"{file}: row {number}: chosen and rejected are the same, {chosen}")
        prompt = text_of(row["prompt"])
        if prompt is None:
            raise refuse_label(file, number, "prompt", row["prompt"], "text or messages")
        yield PairRow(
            number=number,
            prompt=prompt.strip(),
            a=NamedClip(video=without_dot(chosen), generator=generator),
            b=NamedClip(video=without_dot(rejected), generator=generator),
            labels={DIMENSION: "chosen"},
            votes={DIMENSION: "a"},
        )


def _clip(file: Path, number: int, row: Row, side: str) -> str:
    video = clip_of(row, side)
    if video is None:
        raise refuse_label(
            file, number, side, str(row[side])[:100], f"the path of a clip ({', '.join(SUFFIXES)})"
        )
    return video


def clip_of(row: Row, side: str) -> str | None:
    """The clip that a side of a row names; None where it names none."""
    for value in (row.get(f"video_{side}"), row.get(side)):
        text = text_of(value)
        if (
            text is not None
            and text.strip().lower().endswith(SUFFIXES)
            and "\n" not in text.strip()
        ):
            return text.strip()
    return None


def text_of(value: Any) -> str | None:
    """Text as it is, or what the last of some messages says; None for anything else and for blanks."""
    if isinstance(value, list) and value and isinstance(value[-1], dict):
        value = value[-1].get("content")
    return value if isinstance(value, str) and value.strip() else None


def read_people(path: Path, finder: ClipFinder, scale: Scale | None = None) -> PeopleRead:
    """A vote a pair. There is no scale. Raises :class:`SetupError` as :func:`read_text_pairs` does."""
    rows: Iterable[tuple[str, PairRow]] = ((ANYBODY, row) for row in read_text_pairs(path))
    return pair_votes(path, rows, finder, NO_RATERS)


def names_clips(path: Path) -> bool:
    """Whether the first row of a file holds two answers that name clips."""
    row = first_row(path)
    return set(PAIR) <= row.keys() and None not in (clip_of(row, side) for side in PAIR[1:])
