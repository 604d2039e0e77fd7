"""What a row of a plain table says of its clip, in the columns that every plain table may have."""

from pathlib import Path
from typing import TypedDict

from pipeline.formats.cells import number_or_none, optional_text
from pipeline.formats.finder import ClipFinder
from pipeline.formats.labelled import without_dot
from schemas.rows import Row, read_rows


class Said(TypedDict, total=False):
    """What :meth:`ClipFinder.find` can be asked for."""

    video_id: str | None
    prompt_id: str | None
    prompt: str | None
    generator: str | None
    video: str | None
    source: str | None
    complexity: str | None
    duration_s: float | None


def clip_of(file: Path, number: int, row: Row) -> Said:
    """The cells that name a row's clip and its facts.

    ``video_id``; ``prompt_id`` or ``prompt`` (the text); ``generator``; ``video`` (path or address);
    ``source`` and ``complexity`` of the prompt; ``duration_s`` in seconds. What is blank or absent is
    None. Raises :class:`SetupError` for a duration that is no number.
    """
    video = optional_text(row, "video")
    return Said(
        video_id=optional_text(row, "video_id"),
        prompt_id=optional_text(row, "prompt_id"),
        prompt=optional_text(row, "prompt"),
        generator=optional_text(row, "generator"),
        video=without_dot(video) if video is not None else None,
        source=optional_text(row, "source"),
        complexity=optional_text(row, "complexity"),
        duration_s=number_or_none(file, number, row, "duration_s"),
    )


def introduce(path: str | Path, finder: ClipFinder) -> None:
    """Make known every clip that some row names by id, prompt and generator.

    A later row of the table may name it by less, and the order of rows does not matter. Does nothing
    where the finder takes no clips from rows.
    """
    file = Path(path)
    if not finder.takes_clips:
        return
    for number, row in read_rows(file):
        said = clip_of(file, number, row)
        of_prompt = said["prompt_id"] or said["prompt"]
        if said["video_id"] and of_prompt and said["generator"]:
            finder.find(file, number, **said)
