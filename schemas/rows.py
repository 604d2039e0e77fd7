"""Rows of a plain table: CSV (or TSV), JSON Lines, a JSON list or Parquet, each with its number.

Text may be compressed: ``*.csv.gz`` and the like are read as what they hold.
"""

import csv
import gzip
import io
import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.address import Address, place_of
from schemas.options import SetupError

Row = dict[str, Any]


def read_rows(
    path: str | Path, required: Sequence[str] = (), aliases: Mapping[str, str] | None = None
) -> Iterator[tuple[int, Row]]:
    """Every row of a table with its number, as a dictionary by column.

    The number is the one an editor or a spreadsheet shows: in CSV the header is row 1 and the first
    row 2, in JSON Lines it is the line, in a JSON list and in Parquet rows count from 1. An empty
    CSV cell is None, as is a JSON or Parquet null; other CSV values are text as written, those of
    JSON and Parquet have their type. ``aliases`` maps other names of a column to the one used here.

    Raises :class:`SetupError` naming file and row: at once where the file is absent or of another
    kind; on iteration where there are no rows, a required column is absent or a row is unreadable.
    """
    file = local_file(path)
    readers = {
        ".csv": _csv,
        ".tsv": _csv,
        ".jsonl": _json_lines,
        ".ndjson": _json_lines,
        ".json": _json_list,
        ".parquet": _parquet,
    }
    reader = readers.get(plain_name(file).suffix.lower())
    if reader is None or (reader is _parquet and compressed(file)):
        raise SetupError(f"{file}: expected a file named {', '.join('*' + s for s in readers)}")
    return _checked(file, reader(file), required, aliases or {})


def local_file(path: str | Path) -> Path:
    """The file of a table or list, on this machine or in a store (gs://, s3://, hf://).

    Raises :class:`SetupError` for anything else, and for one that is not there or may not be read.
    """
    try:
        file = place_of(path)
        found = os.path.isfile(os.fspath(file))
    except FileNotFoundError:
        found = False
    except OSError as error:
        raise SetupError(str(error)) from error
    if not isinstance(file, Address) and re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(path)):
        raise SetupError(
            f"{path}: a table is read from this machine or a store (gs://, s3://, hf://); fetch it and "
            "name the local file (what its rows name may stay where it is)"
        )
    if not found:
        raise SetupError(f"{file}: no such file")
    if not os.access(file, os.R_OK):
        raise SetupError(f"{file}: may not be read; change its permissions")
    return file


def compressed(file: Path) -> bool:
    """Whether a file is named as one that gzip made."""
    return file.suffix.lower() == ".gz"


def plain_name(file: Path) -> Path:
    """The file's path without the ``.gz`` of a compressed one."""
    return file.with_suffix("") if compressed(file) else file


def open_bytes(file: Path) -> IO[bytes]:
    """A file's bytes, decompressed where its name ends in ``.gz``."""
    return cast(IO[bytes], gzip.open(file)) if compressed(file) else file.open("rb")


def read_json(path: str | Path) -> Any:
    """What a JSON file holds, whole. Raises :class:`SetupError` for one that cannot be read."""
    file = local_file(path)
    return _json(file, read_bytes(file))


def read_json_lines(path: str | Path) -> Iterator[tuple[int, Row]]:
    """The objects of a file of JSON Lines, whatever it is named, each with its line's number."""
    return _json_lines(local_file(path))


def read_bytes(file: Path) -> bytes:
    """All of a file, decompressed where its name ends in ``.gz``. Raises :class:`SetupError`."""
    try:
        with open_bytes(file) as stream:
            return stream.read()
    except _NOT_GZIP as error:
        raise _not_gzip(file, error) from error


_NOT_GZIP = (gzip.BadGzipFile, zlib.error, EOFError)


def _not_gzip(file: Path, error: Exception) -> SetupError:
    return SetupError(f"{file}: is named .gz and cannot be decompressed ({error}); copy it anew")


def _json(file: Path, data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:  # bad JSON, not UTF-8, nested too deeply
        raise SetupError(f"{file}: not readable as JSON: {error}") from error


def _checked(
    file: Path, rows: Iterable[tuple[int, Row]], required: Sequence[str], aliases: Mapping[str, str]
) -> Iterator[tuple[int, Row]]:
    number = None
    for number, row in rows:
        for alias, name in aliases.items():
            if alias in row and name in row:
                raise SetupError(f"{file}: columns {name!r} and {alias!r} mean the same; keep one")
            if alias in row:
                row[name] = row.pop(alias)
        absent = [name for name in required if name not in row]
        if absent:
            missing = ", ".join(_spelled(name, aliases) for name in absent)
            raise SetupError(
                f"{file}: row {number} has no column {missing}; it has "
                + (", ".join(map(str, row)) or "none")
            )
        yield number, row
    if number is None:
        raise SetupError(f"{file}: has no rows")


def _spelled(name: str, aliases: Mapping[str, str]) -> str:
    others = [alias for alias, meant in aliases.items() if meant == name]
    return f"{name!r}" + "".join(f" (or {other!r})" for other in others)


def _csv(file: Path) -> Iterator[tuple[int, Row]]:
    delimiter = "\t" if plain_name(file).suffix.lower() == ".tsv" else ","
    number = 0
    try:
        with io.TextIOWrapper(open_bytes(file), encoding="utf-8-sig", newline="") as stream:
            lines = enumerate(csv.reader(stream, delimiter=delimiter, strict=True), start=1)
            header = _header(file, next(lines, (1, []))[1])
            number = 1
            for number, cells in lines:
                if not cells:  # a blank line
                    continue
                if len(cells) != len(header):
                    raise SetupError(
                        f"{file}: row {number} has {len(cells)} cells, the header has {len(header)}"
                    )
                yield number, {name: cell or None for name, cell in zip(header, cells)}
    except UnicodeDecodeError as error:
        raise SetupError(f"{file}: not UTF-8 text ({error}); save it as UTF-8") from error
    except csv.Error as error:
        raise SetupError(f"{file}: row {number + 1} is not readable as CSV: {error}") from error
    except _NOT_GZIP as error:
        raise _not_gzip(file, error) from error


def _header(file: Path, names: list[str]) -> list[str]:
    names = [name.strip() for name in names]
    if not any(names):
        raise SetupError(f"{file}: no header; the first row must name the columns")
    other = next((mark for mark in (";", "\t", "|") if mark in names[0]), None)
    if len(names) == 1 and other:
        raise SetupError(
            f"{file}: its cells are parted by {other!r}; save it with commas as *.csv, or with tabs as *.tsv"
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SetupError(f"{file}: row 1 names column {twice[0]!r} more than once")
    return names


def _json_lines(file: Path) -> Iterator[tuple[int, Row]]:
    try:
        with open_bytes(file) as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    yield number, _json_line(file, number, line)
    except _NOT_GZIP as error:
        raise _not_gzip(file, error) from error


def _json_line(file: Path, number: int, line: bytes) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:  # bad JSON, not UTF-8, nested too deeply
        raise SetupError(f"{file}: row {number} is not JSON: {error}") from error
    if not isinstance(row, dict):
        raise SetupError(f"{file}: row {number} is not a JSON object")
    if rb"\u" in line:
        _refuse_half_letters(file, number, row)
    return row


def _json_list(file: Path) -> Iterator[tuple[int, Row]]:
    data = read_bytes(file)
    rows = _json(file, data)
    if not isinstance(rows, list):
        raise SetupError(f"{file}: expected a JSON list of objects; name JSON Lines *.jsonl")
    escaped = rb"\u" in data  # looked for once: the file may be large
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise SetupError(f"{file}: row {number} is not a JSON object")
        if escaped:
            _refuse_half_letters(file, number, row)
        yield number, row


def _refuse_half_letters(file: Path, number: int, row: Row) -> None:
    """JSON can name half of a letter, which no table of ours can hold."""
    for name, value in row.items():
        try:
            str(value).encode()
        except UnicodeEncodeError as error:
            raise SetupError(
                f"{file}: row {number}, {name}: holds half of a letter "
                f"({error.object[error.start]!r}); write the file anew as UTF-8"
            ) from error


def _parquet(file: Path) -> Iterator[tuple[int, Row]]:
    number = 0
    try:
        with pq.ParquetFile(file) as parquet:
            for batch in parquet.iter_batches():
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (pa.ArrowException, OSError) as error:  # the latter for damaged pages
        raise SetupError(f"{file}: not readable as Parquet: {error}") from error
