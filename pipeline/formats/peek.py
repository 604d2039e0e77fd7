"""A look into a file, to tell what kind it is: nothing here raises for a file of another kind."""

from pathlib import Path
from typing import Any

from schemas.options import SetupError
from schemas.rows import Row, plain_name, read_json, read_json_lines, read_rows


def first_row(path: Path) -> Row:
    """The first row of a table, empty where it is none."""
    try:
        return next((row for _, row in read_rows(path)), {})
    except (SetupError, OSError):
        return {}


def columns_of(path: Path) -> frozenset[str]:
    """The columns of a table's first row, empty where it is no table."""
    return frozenset(first_row(path))


def first_line(path: Path) -> Row:
    """The first object of JSON Lines, however the file is named; empty where it holds none."""
    try:
        return next((row for _, row in read_json_lines(path)), {})
    except (SetupError, OSError):
        return {}


def first_entry(path: Path) -> tuple[str, Any] | None:
    """The first name and value of a JSON object, None where the file holds none."""
    if plain_name(path).suffix.lower() != ".json":
        return None
    try:
        whole = read_json(path)
    except (SetupError, OSError):
        return None
    return next(iter(whole.items()), None) if isinstance(whole, dict) else None
