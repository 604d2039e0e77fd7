"""Answers in objects: fields that are named as a dimension or, if it is the only one, as a score."""

import re
from collections.abc import Iterator
from typing import Any

from annotators.verdict.mentions import (
    FOREIGN_FIELDS,
    LABEL_FIELDS,
    LOOSE_FIELDS,
    RATIONALE_FIELDS,
    SCORE_FIELDS,
    Mention,
    Names,
    bare,
    mention,
    normal,
)
from annotators.verdict.numbers import Value, level_of, read_value
from annotators.verdict.objects import WRAPPERS, Pairs
from annotators.verdict.sentences import says_other_scale, scores_in_passing
from annotators.verdict.silence import saw_nothing
from schemas import Dimension, Reason

_SUBJECT_FIELDS = ("dimension", "aspect", "criterion", "criteria", "metric", "question")
_PART_FIELDS = ("frame", "frame_index", "frame_id", "second", "timestamp", "time_s", "shot")
_TOP_FIELD = re.compile(
    r"(?:(?:score|rating)_)?(?:max|maximum|scale|out_of|range)(?:_(?:score|rating|value|max))?\Z"
)


def in_object(pairs: Pairs, names: Names) -> Iterator[Mention]:
    """Every answer of an object: flat, an object of score and rationale per dimension, a list of
    such objects that name their dimension, and all of it wrapped."""
    fields = {normal(field): value for field, value in pairs}
    if any(field in fields for field in _PART_FIELDS):
        yield from _about_other(pairs)
        return
    subject = next(
        (str(fields[f]) for f in _SUBJECT_FIELDS if isinstance(fields.get(f), str)), None
    )
    about = names.dimension(subject) if subject else names.only
    if subject and about is None:
        yield from _about_other(pairs)
        return
    for field, value in pairs:
        yield from _in_field(field, value, pairs, names, about)


def _in_field(
    field: str, value: Any, pairs: Pairs, names: Names, about: Dimension | None
) -> Iterator[Mention]:
    name, named = normal(field), names.dimension(field)
    if named is None and about is not None and _is_score(name) and not isinstance(value, Pairs):
        named = about
    if named and isinstance(value, Pairs):
        scores = [(k, v) for k, v in value if _is_score(normal(k)) or normal(k) == "value"]
        yield from (_one(named, v, value, loose=_is_loose(normal(k))) for k, v in scores)
    elif named:
        wordy = isinstance(value, str) and not _is_score(name) and not re.search(r"\d", value)
        yield _one(named, value, pairs, loose=wordy or _is_loose(name))
    elif isinstance(value, Pairs | list):
        inside = [value] if isinstance(value, Pairs) else [v for v in value if isinstance(v, Pairs)]
        for inner in inside:
            whole = name in WRAPPERS and not (len(inside) > 1 and _is_part(inner, names))
            yield from in_object(inner, names) if whole else _about_other(inner)
    elif names.is_other(field) and isinstance(_value(value, None).number, float):
        yield Mention(dimension=None, value=Reason.NO_ANSWER)


def _is_part(pairs: Pairs, names: Names) -> bool:
    """Whether one object of a list is headed by anything but a dimension: ``{"item": 1, ...}``."""
    fields = {normal(field): str(value) for field, value in pairs}
    if any(names.dimension(fields.get(field, "")) for field in _SUBJECT_FIELDS):
        return False
    return any(
        not (_is_score(name) or name in RATIONALE_FIELDS or names.dimension(name))
        for name in fields
    )


def _about_other(pairs: Pairs) -> Iterator[Mention]:
    if any(_is_score(normal(field)) for field, _ in pairs):
        yield Mention(dimension=None, value=Reason.NO_ANSWER)


def _one(dimension: Dimension, value: Any, beside: Pairs, *, loose: bool) -> Mention:
    read = _value(value, dimension)
    number = _on_scale(read.number, beside, dimension)
    levels = [read.level, *_levels_beside(dimension, beside)]
    said = [level for level in levels if level is not None]
    level = next((level for level in said if level != number), said[0] if said else None)
    value = Value(number=number, level=level)
    return mention(dimension.name, value, rationale=_words(beside), loose=loose)


def _value(value: Any, dimension: Dimension | None) -> Value:
    if isinstance(value, float):  # every number of the decoder is one
        return Value(number=Reason.NO_ANSWER if value != value else value)
    if isinstance(value, str) and dimension is not None:
        return read_value(value, dimension)
    several = isinstance(value, list) and len(value) > 1
    return Value(number=Reason.SEVERAL_ANSWERS if several else Reason.NO_ANSWER)


def _on_scale(number: float | Reason, beside: Pairs, dimension: Dimension) -> float | Reason:
    """The number, unless the object itself says that its scale ends elsewhere."""
    if isinstance(number, Reason):
        return number
    if says_other_scale(_words(beside) or "", dimension):
        return Reason.OFF_SCALE
    for field, value in beside:
        if _TOP_FIELD.match(normal(field)):
            tops = [value] if isinstance(value, float) else re.findall(r"\d{1,6}", str(value)[:60])
            if tops and float(tops[-1]) != dimension.high:
                return Reason.OFF_SCALE
    return number


def doubtful(rationale: str, dimension: Dimension) -> bool:
    """Whether a rationale may disown, or say another one than, the number it stands beside."""
    return (
        saw_nothing(rationale)
        or any(True for _ in _levels_in(rationale, dimension))
        or says_other_scale(rationale, dimension)
    )


def _levels_in(rationale: str, dimension: Dimension) -> Iterator[int]:
    """The levels that a rationale names as its verdict."""
    if found := level_of(rationale, dimension, ends=r"(?=\s*(?:[.!]|\Z))"):
        yield found[0]
    said = set(scores_in_passing(rationale, dimension))
    yield from (point.score for point in dimension.scale if point.score in said)


def _levels_beside(dimension: Dimension, beside: Pairs) -> Iterator[int]:
    """The levels that the object's own words name."""
    for field, value in beside:
        name, found = normal(field), None
        if isinstance(value, str) and (name in LABEL_FIELDS or _is_score(name)):
            found = level_of(value, dimension)
        elif isinstance(value, str) and name in RATIONALE_FIELDS:
            yield from _levels_in(value, dimension)
        if found:
            yield found[0]


def _words(pairs: Pairs) -> str | None:
    said = [v for field, v in pairs if normal(field) in RATIONALE_FIELDS and isinstance(v, str)]
    return said[0].strip() or None if said else None


def _is_score(name: str) -> bool:
    return bare(name) in SCORE_FIELDS + LOOSE_FIELDS + FOREIGN_FIELDS


def _is_loose(name: str) -> bool:
    return bare(name) in LOOSE_FIELDS
