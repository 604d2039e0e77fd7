"""Which clip a row of somebody's table is about: by ``video_id``, or by prompt and generator."""

from collections.abc import Iterable
from pathlib import Path

from pipeline.formats.cells import optional_text
from schemas import HasClip
from schemas.options import SetupError
from schemas.rows import Row


class ClipIndex:
    """Finds the clip of a row among known clips."""

    def __init__(self, clips: Iterable[HasClip]) -> None:
        self._by_id: dict[str, HasClip] = {}
        self._by_origin: dict[tuple[str, str], list[HasClip]] = {}
        for clip in clips:
            if clip.video_id not in self._by_id:
                self._by_id[clip.video_id] = clip
                self._by_origin.setdefault((clip.prompt_id, clip.generator), []).append(clip)

    def by_id(self, video_id: str) -> HasClip | None:
        """The clip with this id, None if unknown."""
        return self._by_id.get(video_id)

    def find(self, file: Path, number: int, row: Row) -> HasClip | None:
        """The clip of a row, None if it matches none.

        ``video_id`` decides where the row has one, otherwise ``prompt_id`` and ``generator``.
        Raises :class:`SetupError` for a row that has neither or matches several clips.
        """
        video_id = optional_text(row, "video_id")
        if video_id is not None:
            return self._by_id.get(video_id)
        prompt_id, generator = optional_text(row, "prompt_id"), optional_text(row, "generator")
        if prompt_id is None or generator is None:
            raise SetupError(f"{file}: row {number}: needs video_id, or prompt_id and generator")
        found = self._by_origin.get((prompt_id, generator), [])
        if len(found) > 1:
            raise SetupError(
                f"{file}: row {number}: prompt_id {prompt_id!r} and generator {generator!r} match "
                f"{len(found)} clips; add a column video_id"
            )
        return found[0] if found else None
