"""The rows of one run's table as a merge sees them: read, told apart, left out with their clip."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.digests import batches, combined, digests_of, row_digests
from pipeline.dataset.merge.sources import Source
from pipeline.dataset.merge.union import Mask, Part, repeated
from schemas.options import SetupError
from schemas.tables import TABLES, join_key

# what of a row counts when two runs have it; what is not named here may differ, and the first's stays
SAYS = {
    "videos": ("sha256",),
    "frames": ("policy", "indices", "jpeg_sha256", "montage_sha256"),
    "human_ratings": ("score",),
    "human_votes": ("choice",),
}
JUDGED = ("annotations", "comparisons")
PEOPLE = ("human_ratings", "human_votes")
# column, or columns, that name a table's clips
CLIPS = {
    "videos": ("video_id",),
    "frames": ("video_id",),
    "clip_checks": ("video_id",),
    "annotations": ("video_id",),
    "comparisons": ("video_ids",),
    "human_ratings": ("video_id",),
    "human_votes": ("video_a", "video_b"),
}
WITHDRAWN = "of a clip that was withdrawn"


def part_of(source: Source, table: str, renamed: Mapping[str, str] | None = None) -> Part:
    """Rows of a table. Raises :class:`SetupError` where a key is there twice."""
    record, keys = TABLES[table]
    files = source.files(table)
    if says := SAYS.get(table):
        found = digests_of(files, record, dict.fromkeys((*keys, *says)))
        part = Part(combined([found[n] for n in keys]), combined([found[n] for n in says]))
    else:
        part = Part(*row_digests(files, record, keys, renamed=renamed))
    twice = repeated(part.keys)
    if len(twice):
        row = row_at(source, table, int(twice[0]))
        raise SetupError(
            f"{source.layout.table(table)}: two rows have the key "
            f"{join_key(*(row[name] for name in keys))}, so this is not a table of a run; run that run "
            "again (--rebuild) to have its tables"
        )
    return part


def row_at(source: Source, table: str, place: int) -> dict[str, Any]:
    """One row of a run's table, by its place."""
    for batch in batches(source.files(table), TABLES[table][0]):
        if place < len(batch):
            row: dict[str, Any] = batch.slice(place, 1).to_pylist()[0]
            return row
        place -= len(batch)
    raise IndexError(f"{source.layout.table(table)}: no row {place}")


def leave_out_clips(
    part: Part, source: Source, table: str, clips: frozenset[str], why: str
) -> None:
    """Rows that name one of the clips."""
    if not clips:
        return
    known = pa.array(sorted(clips), pa.string())
    masks = []
    for batch in batches(source.files(table), TABLES[table][0], CLIPS[table]):
        named = np.zeros(len(batch), bool)
        for column in batch.columns:
            named |= _names(column, known)
        masks.append(named)
    part.leave_out(np.concatenate(masks) if masks else np.zeros(0, bool), why)


def _names(column: pa.Array, known: pa.Array) -> Mask:
    if not pa.types.is_list(column.type):
        return np.asarray(pc.is_in(column, value_set=known).to_numpy(zero_copy_only=False))
    rows = pc.list_parent_indices(column).to_numpy(zero_copy_only=False)
    hits = pc.is_in(column.flatten(), value_set=known).to_numpy(zero_copy_only=False)
    found = np.zeros(len(column), bool)
    found[rows[hits]] = True
    return found
