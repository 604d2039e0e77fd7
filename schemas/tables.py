"""Records as Parquet tables: the schema follows the record's fields; rows go both ways unchanged."""

import dataclasses
import functools
import operator
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any, TypeVar

import pyarrow as pa

from schemas.annotation import Annotation, Comparison, Lineup, Preference, Score
from schemas.base import RecordError
from schemas.failure import Failure
from schemas.frames import ClipCheck, FrameSet
from schemas.human import HumanRating, HumanVote
from schemas.video import Clip, Prompt, Video

R = TypeVar("R")

# The version of all tables together; each file states it, and `schemas.versions` reads older files.
# Whoever changes a record's fields, or what one means, adds a line here; a new field has a default,
# which is what older files mean by its absence.
# 1: the first.
# 2: `videos` and `clips` have `terms`: what their generator's makers allow (older: null, not known).
#    In `prompts`, `split` is what was assigned, and null says that the prompt was left out of all
#    splits (older: null says that it was drawn by hash, and only the pairs tell what came of it).
SCHEMA_VERSION = 2

# table name -> record and key fields. `clips` and `lineups` are work lists of a run, not published.
TABLES: dict[str, tuple[type, tuple[str, ...]]] = {
    "prompts": (Prompt, ("prompt_id",)),
    "clips": (Clip, ("video_id",)),
    "videos": (Video, ("video_id",)),
    "frames": (FrameSet, ("video_id",)),
    "clip_checks": (ClipCheck, ("video_id",)),
    "annotations": (Annotation, ("video_id", "dimension", "annotator_id", "draw")),
    "comparisons": (Comparison, ("prompt_id", "video_ids", "dimension", "annotator_id", "draw")),
    "lineups": (Lineup, ("prompt_id", "rubric", "draw", "video_ids")),
    "scores": (Score, ("video_id", "dimension", "annotator_id")),
    "preferences": (Preference, ("pair_id",)),
    "human_ratings": (HumanRating, ("video_id", "rater", "dimension")),
    "human_votes": (HumanVote, ("video_a", "video_b", "rater", "dimension")),
    "failures": (Failure, ("stage", "key")),
}
_TABLE_OF = {record: name for name, (record, _) in TABLES.items()}
_SCALARS = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


def table_of(record: type) -> str:
    """Name of the table that holds this kind of record."""
    return _TABLE_OF[record]


def key_of(row: Any) -> str:
    """The record's key fields joined by ``/`` (lists of ids by ``+``)."""
    found = _key_getter(type(row))(row)  # type: ignore[arg-type]
    return found if isinstance(found, str) else join_key(*found)


@functools.cache
def _key_getter(record: Any) -> Callable[[Any], Any]:
    """The key fields of a record: a tuple of them, or the only one."""
    return operator.attrgetter(*TABLES[table_of(record)][1])


def join_key(*fields: object) -> str:
    """Key fields joined by ``/``."""
    try:
        return "/".join(fields)  # type: ignore[arg-type]  # nearly all keys are texts alone
    except TypeError:
        return _joined(fields)


def _joined(fields: Iterable[object]) -> str:
    return "/".join("+".join(f) if isinstance(f, (tuple, list)) else str(f) for f in fields)


def _arrow_type(hint: Any) -> pa.DataType:
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return _arrow_type(next(a for a in arguments if a is not type(None)))
    if typing.get_origin(hint) is tuple:
        return pa.list_(_arrow_type(arguments[0]))
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return pa.struct(_arrow_fields(hint))
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return pa.string()
    return _SCALARS[hint]


def _arrow_fields(record: type) -> list[pa.Field]:
    hints = typing.get_type_hints(record)
    return [pa.field(f.name, _arrow_type(hints[f.name])) for f in dataclasses.fields(record)]


@functools.cache
def arrow_schema(record: Any) -> pa.Schema:
    """The Arrow schema of a record's table; its metadata hold the schema version."""
    metadata = {"schema_version": str(SCHEMA_VERSION), "record": record.__name__}
    return pa.schema(_arrow_fields(record), metadata=metadata)


def to_row(record: Any) -> dict[str, Any]:
    """A record as a dictionary of plain values, as ``dataclasses.asdict`` gives it: that one copies every
    single value, which takes ten times as long."""
    values, nested = _writers(type(record))  # type: ignore[arg-type]
    row = values(record)
    for name in nested:
        row[name] = _plain(row[name])
    return row


@functools.cache
def _writers(record: Any) -> tuple[Callable[[Any], dict[str, Any]], tuple[str, ...]]:
    """What makes a dictionary of a record, and the fields in which there may be other records."""
    names = [field.name for field in dataclasses.fields(record)]
    hints = typing.get_type_hints(record)
    nested = tuple(name for name in names if _nests(hints[name]))
    return lambda one: {name: getattr(one, name) for name in names}, nested


def _nests(hint: Any) -> bool:
    found: bool = dataclasses.is_dataclass(hint) or any(map(_nests, typing.get_args(hint)))
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return type(value)(map(_plain, value))
    return to_row(value) if dataclasses.is_dataclass(value) else value


@functools.cache
def _readers(record: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(record)
    return {f.name: _reader(hints[f.name]) for f in dataclasses.fields(record)}


def _reader(hint: Any) -> Any:
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return _reader(next(a for a in arguments if a is not type(None)))
    if typing.get_origin(hint) is tuple:
        return tuple
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return functools.partial(from_row, hint)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint
    return None


def from_row(record: type[R], row: dict[str, Any]) -> R:
    """The record of a row. Raises :class:`RecordError` for unknown or missing columns."""
    readers = _readers(record)  # type: ignore[arg-type]
    values = {}
    for name, value in row.items():
        if name not in readers:
            raise RecordError(f"{record.__name__} has no field {name!r}")
        reader = readers[name]
        values[name] = reader(value) if reader is not None and value is not None else value
    try:
        return record(**values)
    except TypeError as error:
        raise RecordError(f"{record.__name__}: {error}") from error


def to_table(record: type, rows: Iterable[Any]) -> pa.Table:
    """Records of one kind as an Arrow table, in the given order.

    Column by column: a dictionary for each row would take ten times as long.
    """
    schema, rows = arrow_schema(record), list(rows)
    columns = zip(*map(operator.attrgetter(*schema.names), rows)) if rows else [()] * len(schema)
    arrays = [_to_array(values, field.type) for values, field in zip(columns, schema)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _to_array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """The values of one field; records within a record become rows of their own."""
    if pa.types.is_struct(kind):
        return _to_struct(values, kind)
    if pa.types.is_list(kind) and pa.types.is_struct(kind.value_type):
        values = [None if value is None else [to_row(one) for one in value] for value in values]
    return pa.array(values, kind)


def _to_struct(values: Sequence[Any], kind: pa.StructType) -> pa.Array:
    """Column by column, too."""
    fields = list(kind)
    columns = [
        [None if value is None else getattr(value, field.name) for value in values]
        for field in fields
    ]
    arrays = [_to_array(column, field.type) for column, field in zip(columns, fields)]
    none = pa.array([value is None for value in values], pa.bool_())
    return pa.StructArray.from_arrays(arrays, fields=fields, mask=none)


def from_table(record: type[R], table: pa.Table) -> Iterator[R]:
    """Records of an Arrow table; columns that the record does not have (images) are skipped."""
    known = _readers(record)  # type: ignore[arg-type]
    names = [name for name in table.column_names if name in known]
    for batch in table.select(names).to_batches():
        for row in batch.to_pylist():
            yield from_row(record, row)
