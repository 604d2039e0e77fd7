"""What a file of human data holds, whoever wrote it."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline.formats.finder import ClipFinder
from schemas import HumanRating, HumanVote

MEAN = "mean"  # the rater where a file holds only the mean of several
ANYBODY = "human"  # the rater where a file names none

Scale = tuple[float, float]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PeopleRead:
    """Ratings of clips and votes between clips, and what of the file was left out.

    ``scale`` is what the ratings can be at least and at most, None where there are none or it
    differs by dimension; ``scales`` tells it for every dimension that was rated. ``left_out`` counts
    by a phrase that ends a sentence beginning with the number (``rows are about clips that are not
    here``). ``notes`` are what a reader of any number made of this must know: that ratings are means
    of several raters, that a slot need not be one person.
    """

    ratings: tuple[HumanRating, ...] = ()
    votes: tuple[HumanVote, ...] = ()
    scale: Scale | None = None
    scales: Mapping[str, Scale] = dataclasses.field(default_factory=dict)
    left_out: Mapping[str, int] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def scale_of(self, dimension: str) -> Scale | None:
        """What the ratings of one dimension can be; None where the file does not tell."""
        return self.scales.get(dimension, self.scale)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """How one kind of file is told and read.

    ``read(path, finder, scale)`` raises ``SetupError`` naming file and row; ``scale`` is the
    caller's own, None for the format's. ``is_it(path)`` looks at the first rows alone and never raises
    for a file of another kind.
    """

    kind: str
    what: str  # in a few words, for a list of the kinds
    read: Callable[[Path, ClipFinder, Scale | None], PeopleRead]
    is_it: Callable[[Path], bool]
