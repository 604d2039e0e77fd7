"""What every record is: a frozen, slotted, keyword-only dataclass that is validated at birth."""

import dataclasses
import functools
import math
import operator
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")

_IDENTIFIER = re.compile(r"[^\s/][^\n/]*\Z")
_NAME = re.compile(r"\S[^\n]*\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


@dataclass_transform(kw_only_default=True, frozen_default=True)
def record(cls: type[T]) -> type[T]:
    """Class decorator: ``dataclass(frozen=True, slots=True, kw_only=True)``.

    A record goes through pickle as the tuple of its values, in the order of its fields.
    """
    made: Any = dataclasses.dataclass(frozen=True, slots=True, kw_only=True)(cls)
    names = [field.name for field in dataclasses.fields(made)]
    # In place of what dataclasses give to frozen ones with slots, which asks for the fields of every
    # single record: on its way from stage to stage a record is pickled several times.
    made.__getstate__, made.__setstate__ = _pickling(made, names)
    return made


def _pickling(made: Any, names: Sequence[str]) -> tuple[Callable[[Any], Any], Callable[..., None]]:
    values = operator.attrgetter(*names)
    setters = [getattr(made, name).__set__ for name in names]

    def state(self: Any) -> tuple[Any, ...]:
        found = values(self)
        return found if len(names) > 1 else (found,)

    def restore(self: Any, state: Sequence[Any]) -> None:
        for set_value, value in zip(setters, state, strict=True):
            set_value(self, value)

    return state, restore


class RecordError(ValueError):
    """A field of a record holds what it must not; the message names record, field and value."""


def refuse(record: Any, field: str, expected: str) -> None:
    """Raise :class:`RecordError` for one field."""
    value = getattr(record, field)
    raise RecordError(f"{type(record).__name__}.{field}: expected {expected}, got {value!r}")


# Records are born by the million: what is asked of each is a plain loop, and texts that repeat (an id
# of a clip stands in many rows) are matched once.


@functools.lru_cache(maxsize=8192)
def _is_id(text: str) -> bool:
    return bool(_IDENTIFIER.match(text))


@functools.lru_cache(maxsize=8192)
def _is_name(text: str) -> bool:
    return bool(_NAME.match(text))


def check_ids(record: Any, *fields: str) -> None:
    """Ids are non-empty, hold no slash (they are joined by one) and no line break."""
    for field in fields:
        value = getattr(record, field)
        if not isinstance(value, str) or not _is_id(value):
            refuse(record, field, "a non-empty id without '/' or line break")


def check_names(record: Any, *fields: str) -> None:
    """Names of models may hold a slash (``org/model``): non-empty, no line break."""
    for field in fields:
        value = getattr(record, field)
        if not isinstance(value, str) or not _is_name(value):
            refuse(record, field, "a non-empty name without line break")


def check_sha256(record: Any, *fields: str) -> None:
    """A lower-case hexadecimal SHA-256 digest."""
    for field in fields:
        value = getattr(record, field)
        if not isinstance(value, str) or not _SHA256.match(value):
            refuse(record, field, "64 hexadecimal digits")


def check_finite(record: Any, *fields: str) -> None:
    """A real number. NaN and infinities are refused: a missing value is None or no row at all."""
    for field in fields:
        value = getattr(record, field)
        if value is not None and not math.isfinite(value):
            refuse(record, field, "a finite number")


def check_at_least(record: Any, low: float, *fields: str) -> None:
    """None, or a number of at least ``low``."""
    for field in fields:
        value = getattr(record, field)
        if value is not None and not value >= low:
            refuse(record, field, f"a number of at least {low:g}")


def check_one_of(record: Any, field: str, allowed: tuple[str, ...]) -> None:
    """One of a closed list of words."""
    if getattr(record, field) not in allowed:
        refuse(record, field, "one of " + ", ".join(allowed))
