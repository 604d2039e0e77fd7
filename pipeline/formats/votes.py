"""Human votes from a plain table: one row per pair of clips, rater and dimension."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from pipeline.formats.cells import flag, text
from pipeline.formats.clip_index import ClipIndex
from pipeline.formats.ratings import ALIASES
from schemas import HasClip, HumanVote, RecordError
from schemas.options import SetupError
from schemas.rows import Row, read_rows

COLUMNS = ("prompt_id", "video_a", "video_b", "rater", "dimension", "choice")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VotesRead:
    """What a table of votes holds; ``unmatched`` rows name a clip that is not there."""

    rows: list[HumanVote]
    unmatched: int


def read_votes(path: str | Path, videos: Iterable[HasClip]) -> VotesRead:
    """Votes between known clips, in the order of the table.

    Columns: ``prompt_id``, ``video_a``, ``video_b`` (video ids), ``rater``, ``dimension`` (or
    ``aspect``), ``choice`` (a, b, tie, both_good, both_bad), optional ``simulated``. Raises
    :class:`SetupError` naming file and row for a missing column, another choice, a clip held
    against itself, clips that are not of the row's prompt, and the second of two votes of one rater
    on one pair and dimension, whichever clip stands first.
    """
    file, clips = Path(path), ClipIndex(videos)
    rows: list[HumanVote] = []
    seen: dict[tuple[str, ...], int] = {}
    unmatched = 0
    for number, row in read_rows(file, COLUMNS, ALIASES):
        vote = _vote(file, number, row)
        shown = [clips.by_id(vote.video_a), clips.by_id(vote.video_b)]
        first = seen.setdefault(
            (*sorted((vote.video_a, vote.video_b)), vote.rater, vote.dimension), number
        )
        if first != number:
            raise SetupError(
                f"{file}: rows {first} and {number} are votes of rater {vote.rater!r} on the same "
                f"pair and dimension {vote.dimension!r}; keep one"
            )
        if None in shown:
            unmatched += 1
            continue
        _check_prompt(file, number, vote, shown)
        rows.append(vote)
    return VotesRead(rows=rows, unmatched=unmatched)


def _vote(file: Path, number: int, row: Row) -> HumanVote:
    cells = {column: text(file, number, row, column) for column in COLUMNS}
    if cells["video_a"] == cells["video_b"]:
        raise SetupError(f"{file}: row {number}: video_a and video_b are the same clip")
    try:
        return HumanVote(**cells, source=file.name, simulated=flag(file, number, row, "simulated"))
    except RecordError as error:
        raise SetupError(f"{file}: row {number}: {error}") from error


def _check_prompt(file: Path, number: int, vote: HumanVote, shown: list[HasClip | None]) -> None:
    for clip in shown:
        if clip is not None and clip.prompt_id != vote.prompt_id:
            raise SetupError(
                f"{file}: row {number}: clip {clip.video_id!r} is of prompt {clip.prompt_id!r}, "
                f"not of {vote.prompt_id!r}; a pair is two clips of one prompt"
            )
