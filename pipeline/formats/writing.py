"""What every writer of other people's formats is given, and what it must say and do.

A writer is a module of this room that also reads its format. It never touches a file before
:class:`Plan` says what would be written and what would be lost; ``pipeline.export`` does the rest: it
puts the media in place, has the rows written, held to the loader's rules, read back and compared.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from schemas import OVERALL, SPLITS, FrameSet, Preference, Prompt, Score, Video
from schemas.layout import Layout

Row = dict[str, Any]  # of a format, in plain values, as its file holds them


class ExportError(ValueError):
    """What was written breaks a rule of the format's loader; names file, row and field."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """A dataset folder as a writer sees it. Everything is sorted by its key."""

    layout: Layout
    prompts: Mapping[str, Prompt]  # by prompt_id
    videos: Mapping[str, Video]  # by video_id
    frames: Mapping[str, FrameSet]  # by video_id; a clip without frames is in `videos` alone
    scores: Mapping[tuple[str, str], Score]  # consensus, by (video_id, dimension), `overall` too
    scales: Mapping[str, tuple[float, float]]  # of a dimension's rubric, where it has bounds
    preferences: Sequence[Preference]  # of the chosen splits, all dimensions
    rationales: Mapping[tuple[str, str], str]  # of one draw, by (video_id, dimension)
    # why a clip's file cannot be placed, by video_id: it is gone, or lies in an object store
    absent: Mapping[str, str] = dataclasses.field(default_factory=dict)
    # the split of a prompt, by prompt_id; a prompt that is in none is not there
    splits: Mapping[str, str] = dataclasses.field(default_factory=dict)
    # clips that stand in no split, for their content does in another one, by video_id
    unpaired: frozenset[str] = frozenset()
    held_out: frozenset[str] = frozenset()  # generators whose clips stand in the test split alone
    # preferences that no format can say are not in `preferences`, and counted here as in Plan
    left_out: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Those that scores or preferences are about, ``overall`` last."""
        found = {d for _, d in self.scores} | {p.dimension for p in self.preferences}
        return (*sorted(found - {OVERALL}), *([OVERALL] if OVERALL in found else []))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the user chose."""

    dimensions: Mapping[str, str] = dataclasses.field(default_factory=dict)  # theirs -> ours
    splits: tuple[str, ...] = SPLITS
    picture: Literal["middle", "first", "last"] = "middle"  # of a clip, for formats of pictures
    media: Literal["copy", "link"] = "copy"  # hard links where the file system has them


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Medium:
    """A file that the rows name: the clip itself, or one of the frames that were taken of it."""

    video_id: str
    frame: int | None = None  # position in ``FrameSet.jpeg_sha256``; None: the clip's file


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The media that one row holds together (a clip, a pair, a ranking) and the prompt it states."""

    prompt: str
    media: tuple[str, ...]  # keys of ``Plan.media``


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an export would write.

    ``files`` maps each table's path in the export to its rows; ``media`` each media file's path to
    what it holds. ``left_out`` counts what cannot be written, by a phrase that ends a sentence
    beginning with the number (``pairs are ties, which the format cannot say``); ``lost`` are
    sentences on what the format has no place for (margins, other dimensions, motion). Of ``named`` the
    room holds that the prompt is that of every clip, byte for byte, and that the clips of one row
    differ in content.
    """

    files: Mapping[str, Sequence[Row]]
    media: Mapping[str, Medium]
    named: Sequence[Named] = ()  # every medium stands in one of them, at least
    embedded: Sequence[Medium] = ()  # what rows hold themselves, as bytes; no file of its own
    left_out: Mapping[str, int] = dataclasses.field(default_factory=dict)
    lost: Sequence[str] = ()
    notes: Sequence[str] = ()  # what a user of the export must know

    @property
    def n_rows(self) -> int:
        """Of all tables."""
        return sum(len(rows) for rows in self.files.values())


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """One format.

    ``plan`` raises ``SetupError`` where the material cannot be said in this format at all. ``write``
    writes ``plan.files`` below a folder in which the media lie already. ``check`` holds the folder to
    the rules of the format's loader and returns how many rows (or files) each rule held for; it
    raises :class:`ExportError` at the first that does not. ``read`` gives the rows of one file back,
    in plain values, with code that shares nothing with ``write``; they must equal those planned.
    """

    name: str  # as in ``--format``
    what: str  # in a few words, for a list of the formats
    loader: str  # whose loader's rules are checked: repository and file
    unit: Literal["clip", "pair", "ranking", "text"]
    # their dimension -> ours, where names differ and the user says nothing
    theirs: Mapping[str, str]
    plan: Callable[[Material, Choice], Plan]
    write: Callable[[Plan, Path], None]
    check: Callable[[Path, Plan], Mapping[str, int]]
    read: Callable[[Path, str], Sequence[Row]]  # folder, path of the table in it
    cannot: str = ""  # what the format has no place for, in a few words, for a list of the formats
