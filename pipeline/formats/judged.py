"""What a file of judges holds, whoever wrote it."""

import dataclasses
from collections.abc import Mapping

from pipeline.formats.choice import Choice
from schemas import Score

EVERY = "*"  # dimension of what is held against every human dimension
ALIASES = {"metric": "annotator", "aspect": "dimension"}

Key = tuple[str, str, str]  # annotator_id, dimension, video_id


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class JudgesRead:
    """Scores and choices of judges, and what of the file was left out.

    What names no dimension has the dimension ``*``. A choice is None where the judge was asked and
    gave no usable verdict. ``rationales`` and ``temperatures`` belong to scores: the rationale is that
    of the lowest draw that has one, ``temperatures`` hold the mean at each that was told.
    ``asked`` are the ids of all clips that a row names, scored or not.
    ``left_out`` and ``notes`` as in :class:`pipeline.formats.people.PeopleRead`.
    """

    scores: tuple[Score, ...] = ()
    choices: tuple[Choice, ...] = ()
    left_out: Mapping[str, int] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    rationales: Mapping[Key, str] = dataclasses.field(default_factory=dict)
    temperatures: Mapping[Key, Mapping[float, float]] = dataclasses.field(default_factory=dict)
    asked: frozenset[str] = frozenset()
