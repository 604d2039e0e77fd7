"""Tombstones: clips that their owners took back, by id and by content, so that none comes again.

``withdrawn.json`` lies in a run's folder and says nothing else of a clip: its ids, the SHA-256 of its
bytes, the reason and the day where the user gave them. A run leaves such a clip out, whatever its
sources name; a merge and a run that reads the folder hand the tombstones on.
"""

import dataclasses
import functools
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pipeline.sources.base import SourceSpec
from pipeline.state import write_json
from schemas import Clip
from schemas.layout import Layout
from schemas.options import SetupError

NAME = "withdrawn.json"
PENDING = "withdraw.json"  # in the work folder, while a withdrawal is under way
FORMAT = 1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """One content that was taken back, with every id that it had.

    ``sha256`` is None of a clip whose bytes were never seen, such as one that failed to load.
    """

    video_ids: tuple[str, ...]
    sha256: str | None = None
    reason: str | None = None
    date: str | None = None  # only where the user gave it, ISO 8601


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """Everything that was withdrawn from a folder."""

    entries: tuple[Withdrawal, ...] = ()
    versions: tuple[str, ...] = ()  # of the dataset that still held clips that are gone now
    video_ids: frozenset[str] = dataclasses.field(init=False)
    contents: frozenset[str] = dataclasses.field(init=False)  # SHA-256 of clips' bytes

    def __post_init__(self) -> None:
        ids = (video_id for entry in self.entries for video_id in entry.video_ids)
        object.__setattr__(self, "video_ids", frozenset(ids))
        known = (entry.sha256 for entry in self.entries if entry.sha256 is not None)
        object.__setattr__(self, "contents", frozenset(known))

    def __bool__(self) -> bool:
        return bool(self.entries)

    def names(self, clip: Clip) -> bool:
        """Whether a planned clip is withdrawn: by its id, or by the content that its source promises."""
        return clip.video_id in self.video_ids or clip.sha256 in self.contents

    @staticmethod
    def of(entries: Iterable[dict[str, Any]], versions: Iterable[str]) -> "Withdrawn":
        """From JSON values."""
        return Withdrawn(entries=tuple(map(_entry, entries)), versions=tuple(versions))

    def with_versions(self, other: "Withdrawn") -> "Withdrawn":
        """With the versions that another knows of."""
        versions = tuple(dict.fromkeys((*self.versions, *other.versions)))
        return dataclasses.replace(self, versions=versions)

    def joined(self, other: "Withdrawn") -> "Withdrawn":
        """Both together, every content once; of two reasons and days, those of ``self``.

        An id whose bytes were never seen is not listed beside its content.
        """
        by_key: dict[str, Withdrawal] = {}
        for entry in (*self.entries, *other.entries):
            known = by_key.get(_key(entry))
            by_key[_key(entry)] = entry if known is None else _together(known, entry)
        seen = {v for entry in by_key.values() if entry.sha256 for v in entry.video_ids}
        by_key = {k: e for k, e in by_key.items() if e.sha256 or not seen.issuperset(e.video_ids)}
        return Withdrawn(
            entries=tuple(by_key[key] for key in sorted(by_key)), versions=self.versions
        )


NOTHING = Withdrawn()


def withdrawn(layout: Layout) -> Withdrawn:
    """What was withdrawn from a run's folder; nothing where no tombstone lies.

    Raises :class:`SetupError` for a file that is not whole: to go on without it could bring a clip back.
    """
    path = layout.root / NAME
    try:
        stamp = path.stat().st_mtime_ns
    except FileNotFoundError:
        return NOTHING
    return _read(path, stamp)


def noted(layout: Layout) -> dict[str, Any] | None:
    """What a run's record says of it; None where nothing was withdrawn."""
    found = withdrawn(layout)
    if not found:
        return None
    return {"clips": len(found.video_ids), "versions_before": list(found.versions)}


def write_withdrawn(layout: Layout, found: Withdrawn) -> None:
    """Write the tombstones, all at once; none are no file."""
    if not found:
        return
    entries = [_plain(entry) for entry in found.entries]
    versions = list(found.versions)
    write_json(
        layout.root / NAME, {"format": FORMAT, "withdrawn": entries, "versions_before": versions}
    )


def without(clips: Sequence[Clip], found: Withdrawn) -> tuple[list[Clip], list[Clip]]:
    """The clips that stay, and those that are withdrawn, each in the given order."""
    gone = [clip for clip in clips if found.names(clip)]
    return [clip for clip in clips if not found.names(clip)] if gone else list(clips), gone


def told(gone: Sequence[Clip]) -> list[str]:
    """A note with their count, if there are any; it names none of them."""
    if not gone:
        return []
    return [
        f"{len(gone)} clips that the sources name, or the generators would make, were withdrawn and are "
        "left out"
    ]


def handed_on(sources: Iterable[SourceSpec]) -> Withdrawn:
    """What was withdrawn from the runs that are sources of another."""
    found = NOTHING
    for source in sources:
        if source.kind == "run" and (path := getattr(source, "path", None)):
            found = found.joined(withdrawn(Layout(Path(path))))
    return found


def hand_on(layout: Layout, sources: Iterable[SourceSpec]) -> list[str]:
    """Take over the tombstones of source runs; returns a note where there are new ones.

    A clip of theirs that this folder read before is still in its store, and only a withdrawal of its own
    takes it out; the note says how.
    """
    own = withdrawn(layout)
    together = own.joined(handed_on(sources))
    if together.entries == own.entries:
        return []
    write_withdrawn(layout, together)
    return [
        f"a source run withdrew {len(together.entries) - len(own.entries) or 'more'} clips since this "
        f"folder read it; `videoprefer withdraw {layout.root}` takes out what is still here"
    ]


def refuse_pending(layout: Layout) -> None:
    """Raise :class:`SetupError` where a withdrawal was interrupted: half a clip is still there."""
    if (layout.work / PENDING).is_file():
        raise SetupError(
            f"{layout.root}: a withdrawal was interrupted here; `videoprefer withdraw {layout.root}` "
            "finishes it, and then this command can go on"
        )


@functools.lru_cache(maxsize=8)
def _read(path: Path, _stamp: int) -> Withdrawn:
    try:
        said = json.loads(path.read_text("utf-8"))
        if said["format"] != FORMAT:
            raise SetupError(
                f"{path}: format {said['format']}, and this version reads {FORMAT}; update videoprefer"
            )
        return Withdrawn.of(said["withdrawn"], said["versions_before"])
    except (ValueError, KeyError, TypeError) as error:
        raise SetupError(
            f"{path}: not a whole list of withdrawn clips ({error}); restore the file, or withdraw the "
            "clips again into a new one"
        ) from error


def _entry(said: dict[str, Any]) -> Withdrawal:
    return Withdrawal(**{**said, "video_ids": tuple(said["video_ids"])})


def _plain(entry: Withdrawal) -> dict[str, Any]:
    return {k: v for k, v in dataclasses.asdict(entry).items() if v is not None}


def _key(entry: Withdrawal) -> str:
    return entry.sha256 or "/".join(entry.video_ids)


def _together(known: Withdrawal, other: Withdrawal) -> Withdrawal:
    return dataclasses.replace(
        known,
        video_ids=tuple(sorted({*known.video_ids, *other.video_ids})),
        reason=known.reason or other.reason,
        date=known.date or other.date,
    )
