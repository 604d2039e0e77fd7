"""The votes of VideoAlign's training CSV and of VideoGen-RewardBench's."""

from pathlib import Path

from pipeline.formats.finder import ClipFinder
from pipeline.formats.gathering import Gathering
from pipeline.formats.genai_bench_results import NOTE, said_of
from pipeline.formats.peek import columns_of
from pipeline.formats.people import ANYBODY, PeopleRead, Reader, Scale
from pipeline.formats.videoalign import ALIASES, DIMENSIONS, REQUIRED, read_videoalign

BLANK = "labels are blank"
INVALID = "labels are 'invalid', which is no vote"
MOS = "columns MOS_* are not read: no release says on what scale they are"


def read_people(path: Path, finder: ClipFinder, scale: Scale | None = None) -> PeopleRead:
    """A vote a row and dimension (VQ, MQ, TA, Overall). There is no scale.

    A label that is ``invalid`` or blank is no vote, and counted. The generators are ``A_model`` and
    ``B_model``, ``unknown`` where the table has none. Raises :class:`SetupError` as
    :func:`pipeline.formats.videoalign.read_videoalign` does.
    """
    gathering = Gathering()
    for row in read_videoalign(path):
        place = path, row.number
        a, b = (said_of(row.prompt, clip) for clip in (row.a, row.b))
        pair = gathering.pair(place, finder, a, b)
        if pair is None:
            continue
        for dimension, label in row.labels.items():
            if dimension in row.votes:
                gathering.vote(
                    place,
                    pair,
                    rater=ANYBODY,
                    dimension=dimension,
                    choice=row.votes[dimension],
                    may_repeat=True,
                )
            else:
                gathering.left_out[INVALID if label else BLANK] += 1
    means = any(name.startswith("MOS_") for name in columns_of(path))
    return gathering.read(NOTE, *([MOS] if means else []))


def _is_it(path: Path) -> bool:
    columns = {ALIASES.get(name, name) for name in columns_of(path)}
    labelled = columns.intersection(DIMENSIONS)
    return columns.issuperset(REQUIRED) and bool(labelled) and "choice" not in columns


READER = Reader(
    kind="videoalign",
    what="VideoAlign's pairs, or VideoGen-RewardBench's",
    read=read_people,
    is_it=_is_it,
)
