"""Which rows of several runs are in the merged dataset, table by table, each by a rule that is said.

The order matters: a clip that is withdrawn takes its rows along, a clip that an earlier run's checks leave
out is judged by none, and a failure stands only for a row that no run has.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.digests import batches
from pipeline.dataset.merge.failures import failures
from pipeline.dataset.merge.judges import judged, said_by_people
from pipeline.dataset.merge.parts import PEOPLE, WITHDRAWN, leave_out_clips, part_of, row_at
from pipeline.dataset.merge.sources import Source
from pipeline.dataset.merge.union import Mask, Part, Union
from schemas.options import SetupError
from schemas.tables import TABLES

OTHER_FIELDS = "an earlier run's row of the same content stays"
OTHER_FRAMES = "an earlier run took other frames of the clip, and its row stays"
OTHER_CHECK = "an earlier run's checks of the clip stay"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What of every run is in the output: parts by table, one for each run in order, and the other names
    that annotators of a run got."""

    parts: Mapping[str, Sequence[Part]]
    renamed: Sequence[Mapping[str, str]]


def choose(sources: Sequence[Source], on_conflict: str, say: Callable[[str], None]) -> Chosen:
    """Decide about every row of every table but prompts, scores and preferences.

    Raises :class:`SetupError` where two runs have other bytes under one video_id, where people or judges
    contradict each other and ``on_conflict`` is ``refuse``, and for a table that holds a key twice.
    """
    say("merge: clips")
    gone = _withdrawn(sources)
    found = {"videos": _first_stays(sources, "videos", gone, OTHER_FIELDS)}
    found["frames"] = _first_stays(sources, "frames", gone, OTHER_FRAMES)
    found["clip_checks"] = _first_stays(sources, "clip_checks", gone, OTHER_CHECK)
    unjudged = _left_out_by_checks(sources, found["clip_checks"])
    say("merge: what judges said")
    of_judges, renamed = judged(sources, gone, unjudged, on_conflict)
    found |= of_judges
    say("merge: what people said")
    for table in PEOPLE:
        found[table] = said_by_people(sources, table, gone, on_conflict)
    found["failures"] = failures(sources, found, gone, renamed)
    return Chosen(parts={t: union.parts for t, union in found.items()}, renamed=renamed)


def _withdrawn(sources: Sequence[Source]) -> frozenset[str]:
    """Ids of clips that any run withdrew, by id or by content."""
    ids = {i for source in sources for i in source.withdrawn.video_ids}
    contents = pa.array(
        sorted({c for source in sources for c in source.withdrawn.contents}), pa.string()
    )
    if len(contents):
        record = TABLES["videos"][0]
        for source in sources:
            for batch in batches(source.files("videos"), record, ("video_id", "sha256")):
                own = pc.is_in(batch.column("sha256"), value_set=contents)
                ids.update(batch.column("video_id").filter(own).to_pylist())
    return frozenset(ids)


def _first_stays(sources: Sequence[Source], table: str, gone: frozenset[str], why: str) -> Union:
    union = Union()
    for source in sources:
        part = part_of(source, table)
        leave_out_clips(part, source, table, gone, WITHDRAWN)
        alike, other = union.meet(part)
        if table == "videos" and other.any():
            raise SetupError(_other_bytes(source, sources, union, part, other))
        part.known(alike)
        part.leave_out(other, why)
        union.add(part)
    return union


def _other_bytes(
    source: Source, sources: Sequence[Source], union: Union, part: Part, other: Mask
) -> str:
    place = int(np.flatnonzero(other)[0])
    mine = row_at(source, "videos", place)
    number, at = (int(found[0]) for found in union.holders(part.keys[[place]]))
    theirs = row_at(sources[number], "videos", at)
    return (
        f"table videos: {int(other.sum())} clips have other bytes in {source.name} than in an earlier "
        f"run under the same video_id, such as {mine['video_id']} (of {mine['generator']}): sha256 "
        f"{theirs['sha256']} in {sources[number].name}, {mine['sha256']} in {source.name}; give one of "
        "them an id of its own (column video_id of its manifest) and run it again"
    )


def _left_out_by_checks(sources: Sequence[Source], checks: Union) -> frozenset[str]:
    found: set[str] = set()
    for source, part in zip(sources, checks.parts, strict=True):
        at = 0
        for batch in batches(
            source.files("clip_checks"), TABLES["clip_checks"][0], ("video_id", "left_out")
        ):
            kept = pa.array(part.keep[at : at + len(batch)])
            at += len(batch)
            own = pc.and_(batch.column("left_out"), kept)
            found.update(batch.column("video_id").filter(own).to_pylist())
    return frozenset(found)
