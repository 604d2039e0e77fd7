"""Which tables of other versions are read, and how: older ones with defaults, newer ones not at all.

Every Parquet file of a table says in its metadata which record it holds (``record``) and by which
version of the schemas it was written (``schema_version``); what changed from one to the next stands in
`schemas.tables`. A file of an older version lacks the columns that came later: they get the defaults of
the record's fields, so that a table may consist of files of several versions. A file of a newer version
may mean something else by what it calls the same, so it is refused.

Every reader of tables asks :func:`columns_in` before it reads a file, which costs a look at a footer
that is read anyway, and hands what it read to :func:`completed` where a column is missing.
"""

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Any, cast

import pyarrow as pa

from schemas.options import SetupError
from schemas.tables import SCHEMA_VERSION, TABLES, arrow_schema, table_of

_RECORDS = {record.__name__: record for record, _ in TABLES.values()}


class TableError(SetupError):
    """A file that is no table of ours, or one of a version that is not known here."""


def check_version(version: object, where: object, *, ours: int = SCHEMA_VERSION) -> int:
    """The version that a file states. Raises :class:`TableError` for a newer one, and for none.

    ``version`` is a number, or the digits of one as Parquet's metadata hold them.
    """
    text = version.decode("ascii", "replace") if isinstance(version, bytes) else str(version)
    if isinstance(version, bool) or not text.isdecimal() or int(text) < 1:
        raise TableError(
            f"{where}: schema_version is {text!r}, not a number from 1 on; restore the file"
        )
    if int(text) > ours:
        raise TableError(
            f"{where}: was written by a newer videoprefer (schema version {text}; this one reads up to "
            f"{ours}); update videoprefer, or write the data anew with this one"
        )
    return int(text)


def version_of(schema: pa.Schema, where: object) -> int:
    """The schema version of a table's file. Raises :class:`TableError` as :func:`check_version`, and
    where the file does not state one."""
    version = (schema.metadata or {}).get(b"schema_version")
    if version is None:
        raise _foreign(where)
    return check_version(version, where)


def record_in(schema: pa.Schema, where: object) -> type[Any]:
    """The record that a table's file holds. Raises :class:`TableError` as :func:`columns_in`."""
    metadata = schema.metadata or {}
    if b"record" not in metadata:
        raise _foreign(where)
    version_of(schema, where)  # a newer version may have records that are not known here
    name = metadata[b"record"].decode("utf-8", "replace")
    if name not in _RECORDS:
        raise TableError(
            f"{where}: holds {name}, which is no record of videoprefer; restore the file"
        )
    return _RECORDS[name]


def columns_in(
    record: type[Any], schema: pa.Schema, where: object, names: Sequence[str] | None = None
) -> list[str]:
    """Those columns of a record (all, or some ``names``) that a file of its table has.

    The others are newer than the file, and :func:`completed` adds them. Raises :class:`TableError` for
    a file that is no table of this record, one of a newer version, and one that lacks a column which
    its version has.
    """
    found = record_in(schema, where)
    if found is not record:
        raise TableError(
            f"{where}: holds {found.__name__} (table {table_of(found)}), expected {record.__name__} "
            f"(table {table_of(record)}); put it where it belongs, or restore the file"
        )
    wanted = _schema(record).names if names is None else names
    have = set(schema.names)
    absent = [name for name in wanted if name not in have]
    if absent:
        _check_absent(record, absent, version_of(schema, where), where)
    return [name for name in wanted if name in have]


def completed(
    record: type[Any], batch: pa.RecordBatch, names: Sequence[str] | None = None
) -> pa.RecordBatch:
    """A batch with all columns of a record (or ``names``), in that order and of their types.

    Columns that are not there get the default of the record's field.
    """
    schema = _schema(record)
    wanted = schema if names is None else pa.schema([schema.field(name) for name in names])
    have = set(batch.schema.names)
    columns = [
        batch.column(field.name).cast(field.type)
        if field.name in have
        else _repeated(default_of(record, field.name), batch.num_rows, field.type)
        for field in wanted
    ]
    return pa.record_batch(columns, schema=wanted)


def _schema(record: type[Any]) -> pa.Schema:
    return arrow_schema(cast(Hashable, record))


def default_of(record: type[Any], name: str) -> Any:
    """The default of a record's field, as a plain value. KeyError for a field without one."""
    field = next(f for f in dataclasses.fields(record) if f.name == name)
    if field.default is not dataclasses.MISSING:
        value = field.default
    elif field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    else:
        raise KeyError(name)
    if isinstance(value, tuple):
        return list(value)
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value  # type: ignore[arg-type]


def _repeated(value: Any, n: int, kind: pa.DataType) -> pa.Array:
    return pa.nulls(n, kind) if value is None else pa.repeat(pa.scalar(value, kind), n)


def _check_absent(record: type[Any], absent: Sequence[str], version: int, where: object) -> None:
    fields = {f.name: f for f in dataclasses.fields(record)}
    for name in absent:
        if name not in fields:
            raise TableError(f"{where}: {record.__name__} has no column {name!r}")
        field = fields[name]
        required = (
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        )
        if required or version == SCHEMA_VERSION:
            raise TableError(
                f"{where}: has no column {name}, which table {table_of(record)} of schema version "
                f"{version} has; restore the file, or make the table anew"
            )


def _foreign(where: object) -> TableError:
    return TableError(
        f"{where}: is no table of videoprefer (its metadata name no record and no schema_version); name "
        "the folder of a run, or of a dataset as it was published"
    )
