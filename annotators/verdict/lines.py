"""Answers in plain text: lines such as ``Rating: 4`` or ``**Video quality**: 3/5``, and tables."""

import dataclasses
import functools
import re
from collections.abc import Iterator

from annotators.verdict.doubts import says_other_scale
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
from annotators.verdict.numbers import Value, is_form, level_of, read_value
from annotators.verdict.objects import is_quotation
from annotators.verdict.tables import rows
from schemas import Dimension, Reason

_LONGEST = 400  # characters of a line that are looked at
_LIST = re.compile(r"[\s>#*\-+–•·◦▪\"'“_{`(\[]*(?:\(?\d{1,2}[.)]\s)?[\s*_`\"'“]*")
_HEADING = re.compile(
    r"\s*(?:(?P<marks>#+\s|\*\*)?(?P<title>[^|:]{1,60}?)[*_`\s]*(?P<colon>:?)[*_`\s]*)\Z"
)
_SUBJECT = re.compile(
    r"(?:dimension|aspect|criterion|metric|category)[\s*_`]{0,4}:[\s*_`\"']{0,6}([\w /-]{1,60})",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?;。])\s+(?=\S)")
_SCALE = (
    r"(?:\s*[(\[](?:on\s+a\s+)?(?:scale\s+(?:of\s+)?|from\s+|out\s+of\s+|/)?"
    r"(?:\d{1,4}\s*(?:-|–|to|/)\s*)?(?P<top>\d{1,4})[)\]]|\s+out\s+of\s+(?P<of>\d{1,4}))?"
)
_BELOW = re.compile(  # the number on the line below its label
    r"^([ \t>#*_-]{0,9}(?:(?:final|overall|my|the)[ ])?(?:score|rating))[*_: ]{0,6}\n\n?"
    r"([*_`\[(]{0,4}\d{1,3}(?:\.\d{1,3})?(?: ?/ ?\d{1,3})?[*_`\])]{0,4})[ \t]{0,9}$",
    re.IGNORECASE | re.MULTILINE,
)
_ASIDE = re.compile(
    r"[,;(] {0,2}(?:then |so )?(?:the |my |final )?(?:score|rating)(?::|=| is) {0,2}(\d[^\n]{0,40})",
    re.IGNORECASE,
)
_BOXED = re.compile(r"\\boxed\{\s*([^{}\n]{1,40})\}|\[\[([^\[\]\n]{1,20})\]\](?!\()")


def read_lines(text: str, names: Names) -> list[Mention]:
    """Answers in lines that start with a dimension's name or a word for a score.

    A word for a score answers the dimension whose heading stands above, else the only dimension.
    """
    text = _BELOW.sub(r"\1: \2", text)
    lines = [line for row in rows(text) for line in _sentences(row)]
    found: list[Mention] = []
    about, other, before = names.only, False, ""
    for at, line in enumerate(lines):
        match = _line(tuple(names.spoken)).match(_bare_line(line))
        if match is None:
            about, other = _heading(line, names, about, other)
        elif not _quoted(line, before):
            last = not any(rest.strip() for rest in lines[at + 1 : at + 50])
            found += _answer(match, names, about, other=other, last=last)
        before = line if line.strip() else before
    if names.only:
        found += _marked(text, names.only)
        found += [m for m in _aside(text, names.only) if found]
        if found and says_other_scale(text, names.only):
            return [dataclasses.replace(m, value=_off(m.value)) for m in found]
    return found


def _off(value: float | Reason) -> float | Reason:
    return value if isinstance(value, Reason) else Reason.OFF_SCALE


def _aside(text: str, dimension: Dimension) -> Iterator[Mention]:
    """Scores in the middle of a sentence: no answer by themselves, but they may spoil one."""
    for match in _ASIDE.finditer(text):
        value = read_value(match[1], dimension)
        if isinstance(value.number, float):
            yield mention(dimension.name, value)


def bare_answer(text: str, dimension: Dimension) -> list[Mention]:
    """The whole reply is one number: ``4``, ``[[4]]``, ``4/5``, ``4 - Good``; or it is the first
    line, and a rationale follows."""
    first, _, then = text.strip().partition("\n")
    explained = normal(then.strip()[:20]).startswith(RATIONALE_FIELDS)
    if len(first) > 60 or (then.strip() and not explained):
        return []
    value = read_value(first, dimension, last=not then.strip())
    short = re.sub(r"[^\w\s]", " ", first).split()
    named = level_of(first, dimension, ends=r"\b") is not None or value.level is not None
    plainly = re.fullmatch(
        r"(?:\d+(?:\.\d+)?|[a-z]+|\S)(?:\s*(?:/|out of|of)\s*(?:\d+|[a-z]+))?(?:\s*(?:stars?|points?|分))?",
        " ".join(re.sub(r"[*_`\"'“”‘’\[\](){}<>$]|[.,;!]\Z|(?<=[+-])\s", "", first).split()).lstrip(
            "+-"
        ),
        re.IGNORECASE,
    )
    off = value.number in (Reason.SEVERAL_ANSWERS, Reason.OFF_SCALE, Reason.TRUNCATED)
    if value.number is Reason.NO_ANSWER or not (plainly or (named and len(short) < 9) or off):
        return []
    if off and len(short) > 6:  # a list of numbers, or a sentence
        return []
    return [mention(dimension.name, value, rationale=rationale_in(then))]


def rationale_in(text: str) -> str | None:
    """What stands behind ``Rationale:`` at the start of a line."""
    for line in text.split("\n"):
        match = re.match(
            rf"(?:{'|'.join(RATIONALE_FIELDS)})[\s*_`\"']{{0,9}}[:=][\s*_`\"']{{0,9}}(?P<said>.+)",
            _bare_line(line, longest=None),
            re.IGNORECASE,
        )
        if match:
            return match["said"].strip().rstrip("*_\"'},") or None
    return None


@functools.cache
def _line(spoken: tuple[str, ...]) -> re.Pattern[str]:
    dimensions = "|".join(re.escape(name).replace("_", r"[\W_]{1,3}") for name in spoken)
    words = "|".join(SCORE_FIELDS + LOOSE_FIELDS + LABEL_FIELDS + FOREIGN_FIELDS)
    return re.compile(
        rf"(?:(?:therefore|thus|so|hence|finally|in\s+conclusion),?\s+)?"
        rf"(?:(?:final|overall|my|the|total)[\s_]+)*(?:(?P<name>{dimensions})(?:[\s_]+(?:score|rating|level))?"
        rf"|(?P<word>{words})(?:[\s_]+(?:score|rating|level))?"
        rf"(?:\s+(?:for|of)\s+(?:(?:the|this)\s+)?(?:video|clip|(?P<of_name>{dimensions})))?)\b"
        rf"[*_`\"']*{_SCALE}[\s*_`\"'”]*(?P<sep>:=|=>|->|→|[:=]+|\bis\b:?)(?!=)(?P<value>.+)\Z",
        re.IGNORECASE,
    )


def _answer(
    match: re.Match[str], names: Names, about: Dimension | None, *, other: bool, last: bool
) -> Iterator[Mention]:
    name = match["name"] or match["of_name"]
    dimension = names.dimension(name) if name else about
    if other and not name:
        if re.match(r"[\s*_`\"'\[(]*\d", match["value"]):
            yield Mention(dimension=None, value=Reason.NO_ANSWER)
        return
    if dimension is None or is_form(match["value"], dimension):
        return
    value = read_value(match["value"], dimension, last=last)
    top = match["top"] or match["of"]
    if top and int(top) != dimension.high and isinstance(value.number, float):
        value = Value(number=Reason.OFF_SCALE, level=value.level)
    word = bare(match["word"] or "")
    loose = match["sep"].lower().startswith("is") or word in LOOSE_FIELDS + LABEL_FIELDS
    loose = loose or (not word and not re.search(r"\d", match["value"]))
    if word in LABEL_FIELDS and word not in LOOSE_FIELDS and value.level is None:
        return
    yield mention(dimension.name, value, loose=loose)


def _marked(text: str, dimension: Dimension) -> Iterator[Mention]:
    """Numbers that are marked as the answer wherever they stand: ``[[4]]`` and ``\\boxed{4}``."""
    for match in _BOXED.finditer(text):
        if not re.search(r"\d", match[0]):
            continue
        value = read_value(match[1] or match[2], dimension)
        quoted = is_quotation(text[max(0, match.start() - 160) : match.start()])
        if isinstance(value.number, float) and not quoted:
            yield mention(dimension.name, value, loose=True)


def _bare_line(line: str, longest: int | None = _LONGEST) -> str:
    line = line[:longest].strip()
    match = _LIST.match(line)
    return line[match.end() :] if match else line


def _heading(
    line: str, names: Names, about: Dimension | None, other: bool
) -> tuple[Dimension | None, bool]:
    """What the lines below are about, and whether that is something that was not asked."""
    if subject := _SUBJECT.match(_bare_line(line)):
        dimension = names.dimension(subject[1])
        return dimension or names.only, dimension is None
    match = _HEADING.match(line[:_LONGEST])
    if match is None:
        return about, other
    title = _bare_line(match["title"])
    dimension = names.dimension(title)
    if not (match["marks"] or match["colon"] or dimension or names.is_other(title)):
        return about, other
    return dimension or names.only, dimension is None and names.is_other(title)


def _quoted(line: str, before: str) -> bool:
    opens = before.rstrip("*_` ").lower()
    says = opens.endswith((":", "reads", "says", "saying", "displays", "reading"))
    injected = "ignore" in opens and "previous" in opens
    return injected or (says and is_quotation(before))


def _sentences(line: str) -> list[str]:
    """A line, and each sentence in it that is not inside a quotation, on its own."""
    parts, at = [], 0
    for found in _SENTENCE.finditer(line[:20_000]):
        head = line[at : found.start()]
        if (head.count('"') + head.count("“") + head.count("”")) % 2 == 0:
            parts.append(head)
            at = found.end()
    return [*parts, line[at:]]
