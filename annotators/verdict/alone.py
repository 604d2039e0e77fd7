"""A number that is the answer by where it stands: alone, on the first line, or in a box."""

import re
from collections.abc import Iterator

from annotators.verdict.mentions import Mention, mention
from annotators.verdict.numbers import level_of, read_value
from annotators.verdict.objects import is_quotation
from schemas import Dimension, Reason

_BOXED = re.compile(r"\\boxed\{\s*([^{}\n]{1,40})\}|\[\[([^\[\]\n]{1,20})\]\](?!\()")
_DRESS = re.compile(r"[*_`\"'“”‘’\[\](){}<>$]|[.,;!]\Z|(?<=[+-])\s")
_PLAIN = re.compile(
    r"[+-]?(?:\d+(?:\.\d+)?|[a-z]+|\S)(?:\s*(?:/|out of|of)\s*(?:\d+|[a-z]+))?(?:\s*(?:stars?|points?|分))?",
    re.IGNORECASE,
)
_SURE = re.compile(  # with its top or its label a number may open a line of prose
    r"[\s*_`]{0,4}(?:level\s+)?(?P<answer>\d\s?(?:/|out\s+of)\s?\d{1,3}|\d\s?[(–—-]\s?[A-Za-z][a-z ]{2,20}?)"
    r"[\s*_`)]{0,5}(?:\s[–—-]\s|[:.,]\s|\Z)",
    re.IGNORECASE,
)


def bare_answer(text: str, dimension: Dimension) -> list[Mention]:
    """The number that a reply is, or begins with: ``4``, ``[[4]]``, ``4/5``, ``4 - Good``.

    Words may follow on lines of their own, unless a number opens one of them or has a top,
    too: then the first is one of a list.
    """
    first, _, then = text.strip().partition("\n")
    then = then.strip()
    if re.search(r"^\W*\d|\d\s?(?:/|out\s+of)\s?\d", then, re.MULTILINE):
        return []
    if (sure := _SURE.match(first)) and (then or sure.end() < len(first)):
        value = read_value(sure["answer"], dimension)
        topped = not sure["answer"][-1:].isalpha()
        if topped or value.level is not None:
            return [mention(dimension.name, value)]
    value = read_value(first, dimension, last=not then)
    if len(first) > 60 or value.number is Reason.NO_ANSWER:
        return []
    n_words = len(re.sub(r"[^\w\s]", " ", first).split())
    plainly = _PLAIN.fullmatch(" ".join(_DRESS.sub("", first).split())) is not None
    named = value.level is not None or level_of(first, dimension, ends=r"\b") is not None
    listed = value.number in (Reason.SEVERAL_ANSWERS, Reason.OFF_SCALE, Reason.TRUNCATED)
    if listed and n_words > 6:  # a list of numbers, or a sentence
        return []
    return [mention(dimension.name, value)] if plainly or listed or (named and n_words < 9) else []


def marked(text: str, dimension: Dimension) -> Iterator[Mention]:
    """Numbers that are marked as the answer wherever they stand: ``[[4]]`` and ``\\boxed{4}``."""
    for match in _BOXED.finditer(text):
        if not re.search(r"\d", match[0]):
            continue
        value = read_value(match[1] or match[2], dimension)
        quoted = is_quotation(text[max(0, match.start() - 160) : match.start()])
        if isinstance(value.number, float) and not quoted:
            yield mention(dimension.name, value, loose=True)
