"""What the kinds share whose lists carry people's labels: their clips, each listed once."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from pipeline.formats.labelled import UNKNOWN, ClipRow, NamedClip, PairRow
from pipeline.sources.base import ClipSource, Found
from pipeline.sources.listing import Listing, Where
from pipeline.sources.places import OutsideError, Places
from schemas import Clip, ids
from schemas.address import place_of
from schemas.options import SetupError


class LabelledSource(ClipSource):
    """Common part of those kinds. The labels are not read into clips: an audit reads them itself."""

    path: str  # the list
    # folder or store address that the list's names start at; None: the list's own folder
    videos: str | None = None
    generator: str = UNKNOWN  # of clips whose row names none
    # a path under two prompts or generators: a fault, or a clip of its own for each
    shared_paths: Literal["refuse", "keep"] = "refuse"


def pairs_found(options: LabelledSource, rows: Iterable[PairRow], fields: Sequence[str]) -> Found:
    """Prompts and clips of pairs, in their order; ``fields`` are the columns of the two paths.

    A clip may stand in many rows. Raises :class:`SetupError` as :class:`Listing` does, and for a
    path that stands under two prompts or two generators.
    """
    clips = _Clips(options)
    for row in rows:
        for named, field in zip((row.a, row.b), fields, strict=True):
            clips.add(row.number, row.prompt, named, field)
    return clips.found()


def clips_found(
    options: LabelledSource,
    rows: Iterable[ClipRow],
    field: str,
    frame_rate: float | None = None,
    base: str | None = None,
) -> Found:
    """Prompts and clips of rows of one clip each; ``frame_rate`` where they are pictures."""
    clips = _Clips(options, base)
    for row in rows:
        clips.add(row.number, row.prompt, row.clip, field, row.frame_files, frame_rate)
    return clips.found()


def open_list(source: str, base: str | Path, options: ClipSource, *more: str) -> Listing:
    """A listing of clips below ``base``, where the same clip may stand in many rows.

    ``more`` are folders that may hold clips, too. Raises :class:`SetupError` for a base or root that
    names no place.
    """
    try:
        places = Places(base, (*options.roots, *more), urls=options.urls)
    except OutsideError as error:
        raise SetupError(f"{source}: {error}") from error
    return Listing(source, places, options, twice="same")


class _Clips:
    """The clips of labelled rows; notices a path that stands for more than one clip."""

    def __init__(self, options: LabelledSource, base: str | None = None) -> None:
        self._file, self._keep = place_of(options.path), options.shared_paths == "keep"
        base = base or options.videos or str(self._file.parent)
        self._listing = open_list(self._file.name, base, options)
        self._first: dict[str, tuple[Clip, Where]] = {}  # by path
        self._differing: set[str] = set()  # clips whose later rows say something else of them

    def add(
        self,
        number: int,
        text: str,
        named: NamedClip,
        field: str,
        frame_files: Sequence[str] = (),
        frame_rate: float | None = None,
    ) -> None:
        where = Where(self._file, number)
        clip = self._listing.clip(
            where,
            self._listing.prompt(where, text),
            named.generator,
            named.video,
            field=field,
            extra=named.extra,
            frame_files=frame_files,
            frame_rate=frame_rate if frame_files else None,
        )
        if clip is None:
            return
        first, there = self._first.setdefault(clip.path or "", (clip, where))
        if first.video_id != clip.video_id and not self._keep:
            raise where.refuse(field, _shared(clip, first, there))
        if clip.extra != (ids.canonical_json(dict(named.extra)) if named.extra else None):
            self._differing.add(clip.video_id)

    def found(self) -> Found:
        if self._differing:
            self._listing.notes.append(
                f"{self._file.name}: {len(self._differing)} clips are described in another way by a "
                "later row; the first row's description is kept"
            )
        return self._listing.found()


def _shared(clip: Clip, first: Clip, there: Where) -> str:
    what = (
        f"prompt {clip.prompt!r}, but row {there.number} puts it under {first.prompt!r}"
        if first.prompt_id != clip.prompt_id
        else f"generator {clip.generator!r}, but row {there.number} says {first.generator!r}"
        if first.generator != clip.generator
        else f"one name, and row {there.number} names it by another"
    )
    return (
        f"{clip.path} stands here under {what}; correct one of the rows, or set shared_paths: keep "
        "on the source to have a clip of its own for each"
    )
