"""From the text of a reply to one score per dimension, or to the reason why there is none.

Strict JSON first. Then everything in the text that plainly is an answer is collected: JSON objects
inside fences or prose, and lines such as ``Rating: 4``. If all of it agrees, that is the answer; if
it does not, nobody knows which one was meant, and the reason is ``several_answers``. A number that
merely occurs in the text is never taken for a score.
"""

import dataclasses
import json
import math
import re
from collections.abc import Iterator
from typing import Any

from annotators.mentions import (
    RATIONALE_FIELDS,
    SCORE_FIELDS,
    Mention,
    normal,
    number_in,
    read_lines,
)
from schemas import Dimension, Reason, Rubric

_FENCE = re.compile(r"```[a-zA-Z]*")
_DECLINES = re.compile(
    r"\b(?:i|we)(?:\s+am|\s+are|['’]m)?\s+(?:cannot|can['’]?t|can\s+not|won['’]?t|unable\s+to|not\s+able\s+to)"
    r"|\bi['’]m\s+sorry|\bas\s+an\s+ai\b",
    re.IGNORECASE,
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The score of one dimension: always one of the scale's own numbers."""

    dimension: str
    score: int
    rationale: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """Why there is no score for one dimension."""

    dimension: str
    reason: Reason
    message: str


Verdict = tuple[Judgement | Unusable, ...]  # one per dimension, in the order of the rubric


def read_verdict(text: str, rubric: Rubric) -> Verdict:
    """The verdict in the text of a reply, on every dimension of the rubric."""
    found = _mentions(text, rubric)
    return tuple(
        _settle(
            dimension,
            [m for m in found if m.dimension == dimension.name],
            text,
            any_found=bool(found),
        )
        for dimension in rubric.dimensions
    )


def unusable(rubric: Rubric, reason: Reason, message: str) -> Verdict:
    """The same reason for every dimension: a refusal, a filter, a cut."""
    return tuple(
        Unusable(dimension=dimension.name, reason=reason, message=message)
        for dimension in rubric.dimensions
    )


def _mentions(text: str, rubric: Rubric) -> list[Mention]:
    objects, rest = _take_objects(_FENCE.sub("\n", text))
    found = [mention for one in objects for mention in _in_object(one, rubric)]
    if not objects and rest.count("{") > rest.count("}"):
        return found  # a cut object: what stands in it may be half a number
    return found + read_lines(rest, {d.name: (d.low, d.high) for d in rubric.dimensions})


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as its pairs: a repeated field is two answers, not the last one."""


def _take_objects(text: str) -> tuple[list[_Pairs], str]:
    """The outermost JSON objects of a text, and the text without them."""
    decoder = json.JSONDecoder(object_pairs_hook=_Pairs)
    objects, rest, at = [], [], 0
    while (start := text.find("{", at)) >= 0:
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            end = start + 1
            rest.append(text[at:end])
        else:
            objects.append(value)
            rest.append(text[at:start] + "\n")
        at = end
    return objects, "".join(rest) + text[at:]


def _in_object(pairs: _Pairs, rubric: Rubric) -> Iterator[Mention]:
    """Scores by dimension or, if there is only one, by a word for a score; the value may be an
    object that holds score and rationale, and all of it may be wrapped."""
    named = {normal(dimension.name): dimension for dimension in rubric.dimensions}
    if len(rubric.dimensions) == 1:
        named |= {field: rubric.dimensions[0] for field in SCORE_FIELDS}
    for field, value in pairs:
        dimension = named.get(normal(field))
        if dimension is None:
            yield from _in_object(value, rubric) if isinstance(value, _Pairs) else ()
        elif isinstance(value, _Pairs):
            yield from (
                _mention(dimension, inner, value)
                for key, inner in value
                if normal(key) in SCORE_FIELDS
            )
        else:
            yield _mention(dimension, value, pairs)


def _mention(dimension: Dimension, value: Any, beside: _Pairs) -> Mention:
    return Mention(
        dimension=dimension.name, value=_number(value, dimension.high), rationale=_words(beside)
    )


def _words(pairs: _Pairs) -> str | None:
    said = [
        value
        for field, value in pairs
        if normal(field) in RATIONALE_FIELDS and isinstance(value, str)
    ]
    return said[0].strip() or None if said else None


def _number(value: Any, high: float) -> float | Reason:
    if isinstance(value, str):
        return number_in(value, high)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and not math.isnan(value):
        return value
    several = isinstance(value, list) and len(value) > 1
    return Reason.SEVERAL_ANSWERS if several else Reason.NO_ANSWER


def _settle(
    dimension: Dimension, found: list[Mention], text: str, *, any_found: bool
) -> Judgement | Unusable:
    values = {mention.value for mention in found}
    if not found:
        return _nothing(dimension, text, any_found=any_found)
    if len(values) > 1:
        said = ", ".join(sorted(_show(value) for value in values))
        return _refused(dimension, Reason.SEVERAL_ANSWERS, f"the reply gives several: {said}")
    value = values.pop()
    if isinstance(value, Reason):
        return _refused(dimension, value, "the reply names the field, but no single number")
    if value not in [point.score for point in dimension.scale]:
        return _refused(
            dimension,
            Reason.OFF_SCALE,
            f"{value:g} is no level of the scale {dimension.low} to {dimension.high}",
        )
    rationales = [mention.rationale for mention in found if mention.rationale]
    return Judgement(
        dimension=dimension.name, score=int(value), rationale=rationales[0] if rationales else None
    )


def _show(value: float | Reason) -> str:
    return value.replace("_", " ") if isinstance(value, Reason) else f"{value:g}"


def _nothing(dimension: Dimension, text: str, *, any_found: bool) -> Unusable:
    if any_found:
        return _refused(dimension, Reason.MISSING_DIMENSION, "the reply scores other dimensions")
    if text.count("{") > text.count("}"):
        return _refused(dimension, Reason.TRUNCATED, "the reply ends inside its JSON object")
    if _DECLINES.search(text):
        return _refused(dimension, Reason.REFUSAL, f"the judge declined: {_short(text)}")
    return _refused(dimension, Reason.NO_ANSWER, f"no score in the reply: {_short(text)}")


def _refused(dimension: Dimension, reason: Reason, message: str) -> Unusable:
    return Unusable(dimension=dimension.name, reason=reason, message=message)


def _short(text: str) -> str:
    words = " ".join(text.split())
    return repr(words if len(words) <= 120 else words[:117] + "...")
