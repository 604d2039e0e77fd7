"""What judges said, from files: scores of clips, choices between clips, replies to a benchmark."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from pipeline.audit.choices import Choice
from pipeline.formats.finder import ClipFinder
from schemas import Score

Key = tuple[str, str, str]  # annotator_id, dimension, video_id


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class JudgesRead:
    """Scores and choices of judges, and what of the file was left out."""

    scores: tuple[Score, ...] = ()
    choices: tuple[Choice, ...] = ()
    left_out: Mapping[str, int] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    rationales: Mapping[Key, str] = dataclasses.field(default_factory=dict)
    temperatures: Mapping[Key, float] = dataclasses.field(default_factory=dict)


def read_judges(path: str | Path, finder: ClipFinder) -> JudgesRead:
    """Scores and choices of a file of judges."""
    raise NotImplementedError
