"""Answers in plain text: lines such as ``Rating: 4`` or ``**Video quality**: 3/5``."""

import dataclasses
import functools
import re
from collections.abc import Mapping

from schemas import Reason

SCORE_FIELDS = ("score", "rating")
RATIONALE_FIELDS = ("rationale", "reason", "reasoning", "explanation")

_WORDS = {
    word: number
    for number, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    )
}
_DRESS = r"[\s*_`\"'“”‘’\[\](){}<>]*"  # what people put around a number
_VALUE = re.compile(
    rf"{_DRESS}(?P<number>[-+−]?\s*\d+(?:\.\d+)?|(?:{'|'.join(_WORDS)})\b)"
    rf"(?:{_DRESS}(?:/|out\s+of|of)\s*(?P<top>\d+))?(?P<rest>.*)\Z",
    re.IGNORECASE | re.DOTALL,
)
_ANOTHER = re.compile(  # a second number that is offered beside the first: 3 or 4, 3-4, 3, 4
    rf"{_DRESS}(?:or|and|to|through|-|–|—|~|,|/|\\|\||&){_DRESS}\d", re.IGNORECASE
)
_ECHO = re.compile(  # the instruction said back: <1-5>, an integer from 1 to 5
    rf"{_DRESS}(?:an?\s+\w+\s+(?:number\s+)?(?:from|between)\s+)?(?P<low>\d+)\s*(?:-|–|to|and)"
    rf"\s*(?P<high>\d+)"
    rf"{_DRESS}[.,]?",
    re.IGNORECASE,
)
_WHOLE = re.compile(rf"{_DRESS}[.,;]?\s*\Z")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """One place of a reply that answers a dimension: a number, or why it is none."""

    dimension: str
    value: float | Reason
    rationale: str | None


def normal(name: str) -> str:
    """Field names as they are compared: ``Video-Quality`` is ``video_quality``."""
    return re.sub(r"[\W_]+", "_", name.strip().lower()).strip("_")


def number_in(text: str, high: float) -> float | Reason:
    """The one number that a value starts with: ``4``, ``[[4]]``, ``4/5``, ``4 - Good``, ``four``.

    ``high`` is the top of the scale: 8/10 is an answer, but on another one.
    """
    match = _VALUE.match(text)
    if match is None:
        return Reason.NO_ANSWER
    if _ANOTHER.match(match["rest"]):
        return Reason.SEVERAL_ANSWERS
    if match["rest"].lstrip().startswith("%"):
        return Reason.OFF_SCALE
    if match["top"] and float(match["top"]) != high:
        return Reason.OFF_SCALE
    word = match["number"].lower()
    return _WORDS[word] if word in _WORDS else float(re.sub(r"\s", "", word.replace("−", "-")))


def read_lines(text: str, scales: Mapping[str, tuple[int, int]]) -> list[Mention]:
    """Answers in lines that start with a dimension's name or, if there is only one, with a word for
    a score; the reply may then also be the bare number.

    ``scales``: lowest and highest score of each dimension by its name.
    """
    only = next(iter(scales)) if len(scales) == 1 else None
    if only and (match := _VALUE.match(text)) and _WHOLE.match(match["rest"]):
        return [Mention(dimension=only, value=number_in(text, scales[only][1]), rationale=None)]
    labels = {normal(name): name for name in scales} | (
        {field: only for field in SCORE_FIELDS} if only else {}
    )
    rationale = _rationale(text)
    found = []
    for match in _line(tuple(labels)).finditer(text):
        name, value = labels[normal(match["label"])], match["value"]
        if not _is_echo(value, scales[name]):
            number = number_in(value, scales[name][1])
            found.append(Mention(dimension=name, value=number, rationale=rationale))
    return found


def _is_echo(value: str, scale: tuple[int, int]) -> bool:
    """Whether the value is the whole scale: 1-5 is the instruction, 3-4 is two answers."""
    match = _ECHO.fullmatch(value.strip())
    return match is not None and (int(match["low"]), int(match["high"])) == scale


@functools.cache
def _line(labels: tuple[str, ...]) -> re.Pattern[str]:
    spoken = "|".join(re.escape(label).replace("_", r"[\W_]+") for label in labels)
    return re.compile(
        rf"^[\s>#*\-•\d.)\"'_{{`]*(?:(?:final|overall|my|the)\s+)*(?P<label>{spoken})"
        rf"(?:\s+(?:{'|'.join(SCORE_FIELDS)}))?[\s*_`\"']*[:=]+(?P<value>[^\n]+)$",
        re.IGNORECASE | re.MULTILINE,
    )


def _rationale(text: str) -> str | None:
    match = re.search(
        rf"^[\s>#*\-•\"'_`]*(?:{'|'.join(RATIONALE_FIELDS)})[\s*_`\"']*[:=]"
        r"[\s*_`\"']*(?P<said>.+)",
        text,
        re.IGNORECASE | re.MULTILINE,
    )
    return match["said"].strip().rstrip("*_\"'},") or None if match else None
