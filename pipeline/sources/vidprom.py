"""Prompts that people typed into a text-to-video bot (VidProM), with their clips where unpacked."""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from pipeline.formats.vidprom import (
    LICENCE,
    PROBABILITIES,
    VidProMRow,
    read_vidprom,
    uuid_in,
    without_options,
)
from pipeline.sources.base import ClipSource, Found
from pipeline.sources.chosen import Chosen
from pipeline.sources.folders import is_video, joined, names_below, open_listing
from pipeline.sources.listing import Listing, Where
from schemas import ids
from schemas.options import SetupError
from schemas.rows import local_file

PACKED = (".tar", ".tar.gz", ".tgz")
Clips = dict[str, dict[str, list[str]]]  # generator: uuid: names below its folder


class VidProMSource(ClipSource):
    """A source ``{kind: vidprom}``: the rows of VidProM's table that pass the filters set here."""

    kind: Literal["vidprom"] = "vidprom"
    path: str  # VidProM_unique.csv or VidProM_semantic_unique.csv
    # highest probability that passes, one for all six or by column; None: no row is left out for it
    max_probability: float | dict[str, float] | None = None
    words: tuple[int, int] | None = None  # fewest and most words of a prompt; None: any number
    strip_options: bool = False  # take generator options (-motion 2, --ar 16:9) off a prompt's end
    videos: dict[str, str] = Field(default_factory=dict)  # generator: folder of its unpacked tars
    without_clips: Literal["leave_out", "keep"] = "leave_out"  # prompts of no clip, with `videos`
    prompt_licence: str | None = LICENCE

    @field_validator("max_probability")
    @classmethod
    def _known(cls, value: float | dict[str, float] | None) -> float | dict[str, float] | None:
        limits = value if isinstance(value, dict) else {} if value is None else {"all": value}
        for name, most in limits.items():
            if isinstance(value, dict) and name not in PROBABILITIES:
                raise ValueError(f"{name!r} is not one of {', '.join(PROBABILITIES)}")
            if not 0 <= most <= 1:
                raise ValueError("a probability lies in [0, 1]")
        return value

    @field_validator("words")
    @classmethod
    def _ordered(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value is not None and not 0 < value[0] <= value[1]:
            raise ValueError("expected [fewest, most], from 1 on")
        return value

    def read(self) -> Found:
        """The prompts that pass, in the table's order, and their clips; ids are the table's UUIDs.

        The table streams: with ``limit`` memory holds that many prompts, whatever its size, and the
        choice is that of ``base.limited``. Each reason for leaving rows out is counted in a note.
        """
        file = local_file(self.path)
        allowed = self.model_copy(update={"roots": [*self.roots, *self.videos.values()]})
        listing = open_listing(file.name, str(file.parent), allowed)
        clips = {name: _by_uuid(folder) for name, folder in sorted(self.videos.items())}
        chosen: Chosen[VidProMRow] = Chosen(self.limit)
        counts = _Counts()
        for row in _passing(self, clips, counts):
            chosen.add(row.uuid, row)
        for row in chosen.rows():
            _list(self, listing, row, clips)
        listing.notes += counts.told(file, clips)
        return listing.found()


class _Counts:
    """What the table held and what was left out of it."""

    def __init__(self) -> None:
        self.rows = 0
        self.out: Counter[str] = Counter()  # by reason
        self.claimed: set[str] = set()  # ids of clips whose row passed

    def told(self, file: Path, clips: Clips) -> list[str]:
        if self.rows == sum(self.out.values()):
            raise SetupError(f"{file}: no row of {self.rows} is left: {self._reasons()}")
        said = [f"{file}: {self._reasons()}"] if self.out else []
        for generator, found in clips.items():
            idle = sum(len(names) for uuid, names in found.items() if uuid not in self.claimed)
            if idle:
                said.append(f"{file}: {idle} clips of {generator} belong to no row that is left")
        return said

    def _reasons(self) -> str:
        parts = [f"{n} with {reason}" for reason, n in sorted(self.out.items())]
        return f"of {self.rows} rows left out: {', '.join(parts)}"


def _passing(options: VidProMSource, clips: Clips, counts: _Counts) -> Iterator[VidProMRow]:
    most = _thresholds(options.max_probability)
    for row in read_vidprom(options.path, tuple(most)):
        counts.rows += 1
        if options.strip_options and row.text is not None:
            row = dataclasses.replace(row, text=without_options(row.text) or None)
        reason = _reason(row, most, options.words)
        if reason is None and clips:
            if any(row.uuid in found for found in clips.values()):
                counts.claimed.add(row.uuid)
            elif options.without_clips == "leave_out":
                reason = "no clip"
        if reason is None:
            yield row
        else:
            counts.out[reason] += 1


def _thresholds(value: float | dict[str, float] | None) -> dict[str, float]:
    if value is None or isinstance(value, dict):
        return value or {}
    return dict.fromkeys(PROBABILITIES, value)


def _reason(row: VidProMRow, most: dict[str, float], words: tuple[int, int] | None) -> str | None:
    """Why a row is left out, the first that holds; None if it passes."""
    if row.text is None:
        return "no prompt"
    if any(value is None for value in row.probabilities.values()):
        return "a probability missing"
    if any(value > most[name] for name, value in row.probabilities.items() if value is not None):
        return "a probability above max_probability"
    if words is not None and not words[0] <= len(row.text.split()) <= words[1]:
        return "fewer or more words than asked for"
    return None


def _by_uuid(folder: str) -> dict[str, list[str]]:
    names = names_below(folder)
    found: dict[str, list[str]] = {}
    for name in names:
        uuid = uuid_in(name.rpartition("/")[2]) if is_video(name) else None
        if uuid is not None:
            found.setdefault(uuid, []).append(name)
    if found:
        return found
    packed = [name for name in names if name.lower().endswith(PACKED)]
    raise SetupError(
        f"{folder}: {packed[0]} is packed; unpack the tar files there (tar -xf) and run again"
        if packed
        else f"{folder}: no clip in it has a UUID in its name"
    )


def _list(options: VidProMSource, listing: Listing, row: VidProMRow, clips: Clips) -> None:
    where = Where(options.path, row.number)
    prompt = listing.prompt(
        where, row.text or "", prompt_id=row.uuid, licence=options.prompt_licence
    )
    for generator, found in clips.items():
        for name in found.get(row.uuid, []):
            place = joined(options.videos[generator], name)
            video_id = ids.video_id(row.uuid, generator, name)
            listing.clip(Where(place), prompt, generator, place, video_id=video_id)
