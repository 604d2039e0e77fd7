"""Rows of a CSV, JSON Lines or Parquet file, each with the number a person finds it by."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import fsspec
import pyarrow.parquet

from schemas.options import SetupError

Row = dict[str, Any]


def read_rows(path: str) -> Iterator[tuple[int, Row]]:
    """(row, columns) of every row. In CSV and JSON Lines a row's number is its line in the file (a
    CSV's header is line 1), in Parquet its place counted from 1.

    Raises :class:`SetupError` naming file, line and fault.
    """
    try:
        with fsspec.open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise SetupError(f"{path}: cannot be read: {error}") from error
    suffix = path.rpartition(".")[2].lower()
    if suffix == "parquet":
        return _parquet(path, data)
    if suffix not in ("csv", "jsonl"):
        raise SetupError(f"{path}: expected a file named .csv, .jsonl or .parquet")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SetupError(f"{path}: not UTF-8 text: {error}") from error
    return _csv(path, text) if suffix == "csv" else _json_lines(path, text)


def _csv(path: str, text: str) -> Iterator[tuple[int, Row]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            if None in row or None in row.values():
                raise SetupError(
                    f"{path}, line {reader.line_num}: expected "
                    f"{len(reader.fieldnames or ())} fields as in the header"
                )
            yield reader.line_num, row
    except csv.Error as error:
        raise SetupError(f"{path}, line {reader.line_num}: {error}") from error


def _json_lines(path: str, text: str) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise SetupError(f"{path}, line {number}: not JSON: {error}") from error
        if not isinstance(row, dict):
            raise SetupError(f"{path}, line {number}: expected one JSON object")
        yield number, row


def _parquet(path: str, data: bytes) -> Iterator[tuple[int, Row]]:
    try:
        table = pyarrow.parquet.read_table(io.BytesIO(data))
    except (pyarrow.ArrowException, OSError) as error:
        raise SetupError(f"{path}: not a Parquet file: {error}") from error
    yield from enumerate(table.to_pylist(), start=1)
