"""Cells of a table's row, read with errors that say file, row, column and value."""

import math
from pathlib import Path
from typing import Any

from schemas.options import SetupError
from schemas.rows import Row


def text(file: Path, number: int, row: Row, column: str) -> str:
    """A cell as text, ends trimmed. Raises :class:`SetupError` where it is empty or absent."""
    value = optional_text(row, column)
    if value is None:
        raise SetupError(f"{file}: row {number}: column {column!r} is empty")
    return value


def optional_text(row: Row, column: str) -> str | None:
    """A cell as text, ends trimmed; None where it is empty or the column is absent."""
    value = row.get(column)
    return (str(value).strip() or None) if value is not None else None


def number_or_none(file: Path, number: int, row: Row, column: str) -> float | None:
    """A cell as a number; None where it is empty or NaN, which is how tables mark a missing one.

    Raises :class:`SetupError` for anything else that is not a finite number.
    """
    value: Any = row.get(column)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if not isinstance(value, bool):
        try:
            parsed = float(value)
        except (TypeError, ValueError):
            parsed = math.inf
        if math.isnan(parsed):
            return None
        if math.isfinite(parsed):
            return parsed
    raise SetupError(f"{file}: row {number}: column {column!r}: expected a number, got {value!r}")


def flag(file: Path, number: int, row: Row, column: str) -> bool:
    """A cell as true or false; false where it is empty or the column is absent."""
    value = str(row.get(column) or "false").strip().lower()
    if value not in ("true", "false"):
        raise SetupError(
            f"{file}: row {number}: column {column!r}: expected true or false, got {value!r}"
        )
    return value == "true"
