"""What the rows of the tables say that their replies cost when they were bought, by judge and outcome.

A reply may answer several dimensions, and a request several draws: what it cost stands on the first of
its rows. Here it is shared evenly among all of them, so that a reply counts once and every verdict of it
alike.
"""

import dataclasses
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.health.kinds import kind_of
from pipeline.report.tables import read_table
from schemas.layout import Layout

USABLE = "usable"
KINDS = (USABLE, "refused", "unreadable", "failed", "not_applicable")  # numbered as `health.kinds`
_COLUMNS = ("annotator_id", "reply_key", "cost_usd")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Verdicts of one judge that came to the same: ``reason`` None for usable ones.

    ``usd`` is of those whose cost is known; ``unknown`` counts the others. ``first_usd`` is of it, on
    clips that were judged before a gate.
    """

    account: str
    kind: str
    reason: str | None
    verdicts: int
    usd: float
    unknown: int = 0
    first_usd: float = 0.0


def costs_of(layout: Layout, first: Collection[str] = ()) -> list[Cost]:
    """Of every judge, usable verdicts before failures. ``first``: clips of the first waves.

    Verdicts of a reply of which any row's cost is unknown are of unknown cost.
    """
    table = pa.concat_tables([*_usable(layout, first), _failed(layout, first)]).combine_chunks()
    if not len(table):
        return []
    usd = _shared(table)
    known = np.where(np.isfinite(usd), usd, 0.0)
    counted = _marked(
        table.select(["annotator_id", "kind", "reason"]),
        usd=pa.array(known),
        unknown=pa.array((~np.isfinite(usd)).astype(np.int64)),
        first_usd=pa.array(known * table.column("first").to_numpy()),
    )
    sums = [("usd", "sum"), ("unknown", "sum"), ("first_usd", "sum"), ([], "count_all")]
    costs = [
        Cost(
            account=row["annotator_id"],
            kind=row["kind"],
            reason=row["reason"],
            verdicts=row["count_all"],
            **{name: row[f"{name}_sum"] for name in ("usd", "unknown", "first_usd")},
        )
        for row in counted.group_by(["annotator_id", "kind", "reason"]).aggregate(sums).to_pylist()
    ]
    return sorted(costs, key=lambda c: (c.account, KINDS.index(c.kind), -c.verdicts, str(c.reason)))


def failed_clips(layout: Layout) -> tuple[float, int]:
    """What clips cost that could not be made, as far as it is known, and how many cost something."""
    where = ("stage", ["video"])
    column = read_table(layout, "failures", columns=["cost_usd"], among=where).column("cost_usd")
    costs = [cost for cost in column.to_pylist() if cost]
    return sum(costs), len(costs)


def _shared(table: pa.Table) -> np.ndarray:
    """Cost of each row (N,), that of its reply over the reply's rows; NaN where it is unknown."""
    usd = table.column("cost_usd").to_numpy(zero_copy_only=False).astype(float)  # null becomes NaN
    keys = table.column("reply_key")
    own = pc.binary_join_element_wise(table.column("annotator_id"), keys, "\n")
    named = pc.is_valid(keys).to_numpy(zero_copy_only=False)
    codes = np.arange(len(table))  # a row without a reply stands alone
    replies = own.filter(pa.array(named)).combine_chunks().dictionary_encode()
    if len(replies):
        indices = replies.indices if isinstance(replies, pa.DictionaryArray) else None
        if indices is None:
            indices = pa.concat_arrays([chunk.indices for chunk in replies.chunks])
        codes[named] = len(table) + indices.to_numpy(zero_copy_only=False)
    _, group = np.unique(codes, return_inverse=True)
    totals, sizes = np.bincount(group, weights=usd), np.bincount(group)
    return (totals / sizes)[group]


def _usable(layout: Layout, first: Collection[str]) -> Iterator[pa.Table]:
    for name, clips in (("annotations", "video_id"), ("comparisons", "video_ids")):
        table = read_table(layout, name, columns=[*_COLUMNS, clips])
        ahead = (
            [_is_first(shown, first) for shown in table.column(clips).to_pylist()] if first else []
        )
        yield _marked(
            table.select(_COLUMNS),
            kind=pa.repeat(USABLE, len(table)),
            reason=pa.nulls(len(table), pa.string()),
            first=pa.array(ahead or [False] * len(table), pa.bool_()),
        )


def _failed(layout: Layout, first: Collection[str]) -> pa.Table:
    where = ("stage", ["annotate", "compare"])
    columns = ["stage", "key", "reason", "reply_key", "cost_usd"]
    table = read_table(layout, "failures", columns=columns, among=where)
    stages, keys, reasons = (table.column(n).to_pylist() for n in columns[:3])
    owed = [_owed(stage, key) for stage, key in zip(stages, keys, strict=True)]
    judged = table.select(["reply_key", "cost_usd"]).add_column(
        0, "annotator_id", pa.array([account for _, account in owed], pa.string())
    )
    return _marked(
        judged,
        kind=pa.array([KINDS[kind_of(reason)] for reason in reasons], pa.string()),
        reason=pa.array(reasons, pa.string()),
        first=pa.array([_is_first(clip, first) for clip, _ in owed], pa.bool_()),
    )


def _owed(stage: str, key: str) -> tuple[str, str]:
    """Clip (the first of several, joined to the others by +) and judge of the key of a failure.

    ``clip/dimension/judge/draw``, with the prompt before it where clips are compared. A judge's name may
    hold slashes, the rest may not.
    """
    clip, _, *name = key.split("/")[1 if stage == "compare" else 0 : -1]
    return clip, "/".join(name)


def _is_first(shown: Any, first: Collection[str]) -> bool:
    """Whether a clip is among the first; of several that are compared, which come together, any."""
    clips = [shown, *shown.split("+")] if isinstance(shown, str) else shown
    return any(clip in first for clip in clips)


def _marked(table: pa.Table, **columns: pa.Array) -> pa.Table:
    for name, column in columns.items():
        table = table.append_column(name, column)
    return table
