"""What judges and people said in several runs: the same once, contradictions as the user decides."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.dataset.digests import batches
from pipeline.dataset.merge.parts import (
    JUDGED,
    PEOPLE,
    SAYS,
    WITHDRAWN,
    leave_out_clips,
    part_of,
    row_at,
)
from pipeline.dataset.merge.sources import Source
from pipeline.dataset.merge.union import Mask, Part, Union
from schemas.options import SetupError
from schemas.tables import TABLES, arrow_schema, join_key

CHOICES = ("refuse", "first", "last", "apart")
UNJUDGED = "of a clip that the checks of an earlier run leave out"
EARLIER = "an earlier run says another thing of the same key (--on-conflict first)"
LATER = "a later run says another thing of the same key (--on-conflict last)"


def judged(
    sources: Sequence[Source], gone: frozenset[str], unjudged: frozenset[str], on_conflict: str
) -> tuple[dict[str, Union], list[Mapping[str, str]]]:
    unions = {table: Union() for table in JUDGED}
    renamed: list[Mapping[str, str]] = []
    for source in sources:
        own: Mapping[str, str] = {}
        parts = {table: _of_judges(source, table, gone, unjudged) for table in JUDGED}
        if on_conflict == "apart":
            own = _apart(source, unions, parts)
        if own:
            parts = {t: _of_judges(source, t, gone, unjudged, own) for t in JUDGED}
        for table in JUDGED:
            policy = "refuse" if on_conflict == "apart" else on_conflict
            settle(source, sources, table, unions[table], parts[table], policy)
            unions[table].add(parts[table])
        renamed.append(own)
    return unions, renamed


def _of_judges(
    source: Source,
    table: str,
    gone: frozenset[str],
    unjudged: frozenset[str],
    renamed: Mapping[str, str] | None = None,
) -> Part:
    part = part_of(source, table, renamed)
    leave_out_clips(part, source, table, gone, WITHDRAWN)
    leave_out_clips(part, source, table, unjudged, UNJUDGED)
    return part


def _apart(
    source: Source, unions: Mapping[str, Union], parts: Mapping[str, Part]
) -> dict[str, str]:
    """Other names for the annotators of a run that contradict the runs before it."""
    names: set[str] = set()
    for table, part in parts.items():
        _, other = unions[table].meet(part)
        if other.any():
            names |= _annotators(source, table, other)
    return {name: f"{name}@{source.name}" for name in sorted(names)}


def _annotators(source: Source, table: str, rows: Mask) -> set[str]:
    found: set[str] = set()
    at = 0
    for batch in batches(source.files(table), TABLES[table][0], ("annotator_id",)):
        own = pa.array(rows[at : at + len(batch)])
        found.update(batch.column(0).filter(own).unique().to_pylist())
        at += len(batch)
    return found


def settle(
    source: Source,
    sources: Sequence[Source],
    table: str,
    union: Union,
    part: Part,
    policy: str,
) -> None:
    """Give the rows of a part that meet known ones their fate."""
    alike, other = union.meet(part)
    part.known(alike)
    if not other.any():
        return
    if policy == "refuse":
        raise SetupError(_contradiction(source, sources, table, union, part, other))
    if policy == "first":
        part.leave_out(other, EARLIER)
    else:
        union.replace(part.keys[other], LATER)


def _contradiction(
    source: Source,
    sources: Sequence[Source],
    table: str,
    union: Union,
    part: Part,
    other: Mask,
) -> str:
    place = int(np.flatnonzero(other)[0])
    mine = row_at(source, table, place)
    number, at = (int(found[0]) for found in union.holders(part.keys[[place]]))
    theirs = row_at(sources[number], table, at)
    columns = [n for n in SAYS.get(table, arrow_schema(TABLES[table][0]).names)]
    differs = [n for n in columns if mine.get(n) != theirs.get(n)]
    key = join_key(*(mine[name] for name in TABLES[table][1]))
    choices = "first or last" if table in PEOPLE else "first, last or apart"
    apart = (
        ""
        if table in PEOPLE
        else (f", or the later run's annotator kept apart as {mine['annotator_id']}@{source.name}")
    )
    return (
        f"table {table}: {int(other.sum())} of {len(part.keys)} rows of {source.name} say another thing "
        f"than a row of the same key in an earlier run, such as {key} of {sources[number].name}: "
        + ", ".join(
            f"{n} {_short(theirs.get(n))} there, {_short(mine.get(n))} here" for n in differs[:3]
        )
        + f"; choose with --on-conflict {choices}: the earlier row stays, the later one does{apart}"
    )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def said_by_people(
    sources: Sequence[Source], table: str, gone: frozenset[str], on_conflict: str
) -> Union:
    union = Union()
    for source in sources:
        part = part_of(source, table)
        leave_out_clips(part, source, table, gone, WITHDRAWN)
        policy = "refuse" if on_conflict == "apart" else on_conflict  # a person is not two
        settle(source, sources, table, union, part, policy)
        union.add(part)
    return union
