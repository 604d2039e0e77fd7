"""What every record is: a frozen, slotted, keyword-only dataclass that is validated at birth."""

import dataclasses
import math
import re
from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")

_IDENTIFIER = re.compile(r"[^\s/][^\n/]*\Z")
_NAME = re.compile(r"\S[^\n]*\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


@dataclass_transform(kw_only_default=True, frozen_default=True)
def record(cls: type[T]) -> type[T]:
    """Class decorator: ``dataclass(frozen=True, slots=True, kw_only=True)``."""
    return dataclasses.dataclass(frozen=True, slots=True, kw_only=True)(cls)


class RecordError(ValueError):
    """A field of a record holds what it must not; the message names record, field and value."""


def refuse(record: Any, field: str, expected: str) -> None:
    """Raise :class:`RecordError` for one field."""
    value = getattr(record, field)
    raise RecordError(f"{type(record).__name__}.{field}: expected {expected}, got {value!r}")


def _check(record: Any, fields: tuple[str, ...], good: Callable[[Any], bool], what: str) -> None:
    for field in fields:
        if not good(getattr(record, field)):
            refuse(record, field, what)


def check_ids(record: Any, *fields: str) -> None:
    """Ids are non-empty, hold no slash (they are joined by one) and no line break."""
    _check(
        record,
        fields,
        lambda v: isinstance(v, str) and bool(_IDENTIFIER.match(v)),
        "a non-empty id without '/' or line break",
    )


def check_names(record: Any, *fields: str) -> None:
    """Names of models may hold a slash (``org/model``): non-empty, no line break."""
    _check(
        record,
        fields,
        lambda v: isinstance(v, str) and bool(_NAME.match(v)),
        "a non-empty name without line break",
    )


def check_sha256(record: Any, *fields: str) -> None:
    """A lower-case hexadecimal SHA-256 digest."""
    _check(
        record,
        fields,
        lambda v: isinstance(v, str) and bool(_SHA256.match(v)),
        "64 hexadecimal digits",
    )


def check_finite(record: Any, *fields: str) -> None:
    """A real number. NaN and infinities are refused: a missing value is None or no row at all."""
    _check(record, fields, lambda v: v is None or math.isfinite(v), "a finite number")


def check_at_least(record: Any, low: float, *fields: str) -> None:
    """None, or a number of at least ``low``."""
    _check(record, fields, lambda v: v is None or v >= low, f"a number of at least {low:g}")


def check_one_of(record: Any, field: str, allowed: tuple[str, ...]) -> None:
    """One of a closed list of words."""
    _check(record, (field,), lambda v: v in allowed, "one of " + ", ".join(allowed))
