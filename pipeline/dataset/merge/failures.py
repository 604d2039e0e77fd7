"""Failures of several runs: what no run has stays missing, and says why."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.dataset.digests import U64, batches, column_digests, combined
from pipeline.dataset.merge.parts import WITHDRAWN
from pipeline.dataset.merge.sources import Source
from pipeline.dataset.merge.union import Mask, Part, Union
from pipeline.health.keys import owed_by
from schemas import Failure
from schemas.tables import TABLES, arrow_schema

MADE_GOOD = "another run has the row that failed"
OTHER_FAILURE = "an earlier run's failure of the same key stays"
OF_OTHER_CHECK = "of a check whose row an earlier run replaces"


def failures(
    sources: Sequence[Source],
    known: Mapping[str, Union],
    gone: frozenset[str],
    renamed: Sequence[Mapping[str, str]],
) -> Union:
    union = Union()
    clips = _all_clips(sources)
    for number, source in enumerate(sources):
        rows = [
            row
            for batch in batches(source.files("failures"), Failure, ("stage", "key"))
            for row in batch.to_pylist()
        ]
        keys = [failure_key(r["stage"], r["key"], renamed[number]) for r in rows]
        stages = [r["stage"] for r in rows]
        part = Part(_digest(stages, keys), np.zeros(len(rows), np.uint64))
        part.leave_out(_any(_clips_of(r["stage"], r["key"], clips) & gone for r in rows), WITHDRAWN)
        part.leave_out(_made_good(stages, keys, known, clips), MADE_GOOD)
        part.leave_out(_of_other_check(stages, keys, known["clip_checks"], number), OF_OTHER_CHECK)
        there, _ = union.meet(part)
        part.leave_out(there, OTHER_FAILURE)
        union.add(part)
    return union


def failure_key(stage: str, key: str, renamed: Mapping[str, str]) -> str:
    """The key of a failure under an annotator's other name: the last but one field, slashes and all."""
    if stage not in ("annotate", "compare") or not renamed:
        return key
    n_before = (
        2 if stage == "annotate" else 3
    )  # fields before the annotator; one, the draw, after it
    *head, rest = key.split("/", n_before)
    name, slash, draw = rest.rpartition("/")
    return "/".join([*head, f"{renamed.get(name, name)}{slash}{draw}"])


def _all_clips(sources: Sequence[Source]) -> set[str]:
    return {
        clip
        for source in sources
        for batch in batches(source.files("videos"), TABLES["videos"][0], ("video_id",))
        for clip in batch.column(0).to_pylist()
    }


def _clips_of(stage: str, key: str, clips: set[str]) -> frozenset[str]:
    if stage == "compare":
        return frozenset(owed_by(stage, key, clips).clips)
    return frozenset([key.split("/", 1)[0]])


def _made_good(
    stages: Sequence[str], keys: Sequence[str], known: Mapping[str, Union], clips: set[str]
) -> Mask:
    """Failures of a row that is in the output."""
    found = np.zeros(len(keys), bool)
    for stage, table in (("video", "videos"), ("frames", "frames")):
        at = [i for i, s in enumerate(stages) if s == stage]
        ids = pa.array([keys[i] for i in at], pa.string())
        found[at] = known[table].has(combined([column_digests(ids)]))
    for stage, table in (("annotate", "annotations"), ("compare", "comparisons")):
        at = [i for i, s in enumerate(stages) if s == stage]
        found[at] = known[table].has(_keys_owed(table, stage, [keys[i] for i in at], clips))
    return found


def _keys_owed(table: str, stage: str, keys: Sequence[str], clips: set[str]) -> U64:
    """Digests of the keys of the rows that failures stand for."""
    owed = [owed_by(stage, key, clips) for key in keys]
    columns: dict[str, list[Any]] = {
        "video_id": [one.clips[0] for one in owed],
        "prompt_id": [key.split("/", 1)[0] for key in keys],
        "video_ids": [list(one.clips) for one in owed],
        "dimension": [one.dimension for one in owed],
        "annotator_id": [one.annotator_id for one in owed],
        "draw": [one.draw for one in owed],
    }
    record, fields = TABLES[table]
    schema = arrow_schema(record)
    return combined([column_digests(pa.array(columns[f], schema.field(f).type)) for f in fields])


def _of_other_check(stages: Sequence[str], keys: Sequence[str], checks: Union, number: int) -> Mask:
    """Failures of the stage check whose clip's row of clip_checks is another run's."""
    found = np.zeros(len(keys), bool)
    at = [i for i, stage in enumerate(stages) if stage == "check"]
    ids = pa.array([keys[i] for i in at], pa.string())
    wanted = combined([column_digests(ids)])
    there = checks.has(wanted)
    if there.any():
        holder, _ = checks.holders(wanted[there])
        found[np.array(at)[there]] = holder != number
    return found


def _digest(*columns: Sequence[str]) -> U64:
    return combined([column_digests(pa.array(list(c), pa.string())) for c in columns])


def _any(found: Iterable[Any]) -> Mask:
    return np.array([bool(one) for one in found], dtype=bool)
