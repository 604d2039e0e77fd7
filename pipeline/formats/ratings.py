"""Human ratings from a plain table: one row per clip, rater and dimension."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from pipeline.formats.cells import flag, number_or_none, text
from pipeline.formats.clip_index import ClipIndex
from schemas import HasClip, HumanRating, RecordError
from schemas.options import SetupError
from schemas.rows import Row, read_rows

ALIASES = {"aspect": "dimension"}


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


def read_ratings(
    path: str | Path, videos: Iterable[HasClip], scale: tuple[float, float] = (1, 5)
) -> RatingsRead:
    """Ratings of known clips, in the order of the table.

    Columns: ``video_id`` or (``prompt_id``, ``generator``), ``rater``, ``dimension`` (or
    ``aspect``), ``score``, optional ``simulated``. Raises :class:`SetupError` naming file and row
    for a missing column, a row that matches several clips, a score that is no number, and the
    second of two rows with the same clip, rater and dimension.
    """
    file, clips = Path(path), ClipIndex(videos)
    rows: list[HumanRating] = []
    seen: dict[tuple[str, str, str], int] = {}
    unmatched = off_scale = blank = 0
    for number, row in read_rows(file, ("rater", "dimension", "score"), ALIASES):
        score = number_or_none(file, number, row, "score")
        clip = clips.find(file, number, row)
        if clip is None:
            unmatched += 1
            continue
        _refuse_second(file, number, row, clip, seen)
        if score is None:
            blank += 1
        elif not scale[0] <= score <= scale[1]:
            off_scale += 1
        else:
            rows.append(_rating(file, number, row, clip, score))
    return RatingsRead(rows=rows, unmatched=unmatched, off_scale=off_scale, blank=blank)


def _refuse_second(
    file: Path, number: int, row: Row, clip: HasClip, seen: dict[tuple[str, str, str], int]
) -> None:
    rater = text(file, number, row, "rater")
    dimension = text(file, number, row, "dimension")
    first = seen.setdefault((clip.video_id, rater, dimension), number)
    if first != number:
        raise SetupError(
            f"{file}: rows {first} and {number} are both about clip {clip.video_id!r}, rater "
            f"{rater!r}, dimension {dimension!r}; keep one"
        )


def _rating(file: Path, number: int, row: Row, clip: HasClip, score: float) -> HumanRating:
    try:
        return HumanRating(
            video_id=clip.video_id,
            rater=text(file, number, row, "rater"),
            dimension=text(file, number, row, "dimension"),
            prompt_id=clip.prompt_id,
            generator=clip.generator,
            score=score,
            source=file.name,
            simulated=flag(file, number, row, "simulated"),
        )
    except RecordError as error:
        raise SetupError(f"{file}: row {number}: {error}") from error
