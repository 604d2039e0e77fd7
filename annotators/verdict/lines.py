"""Answers in plain text: lines such as ``Rating: 4`` or ``**Video quality**: 3/5``, and tables."""

import dataclasses
import functools
import re
from collections.abc import Iterator

from annotators.verdict.alone import marked
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
)
from annotators.verdict.numbers import Value, is_form, read_value
from annotators.verdict.objects import WRAPPERS, is_quotation
from annotators.verdict.sentences import says_other_scale, score_said, scores_in_passing, split
from annotators.verdict.tables import rows
from schemas import Dimension, Reason

_LONGEST = 400  # characters of a line that are looked at
_LIST = re.compile(r"[\W_]*(?:\d{1,2}[.)]\s)?[\W_]*")
_HEADING = re.compile(
    r"\s*(?:(?P<marks>#+\s|\*\*)?(?P<title>[^|:]{1,60}?)[*_`\s]*(?P<colon>:?)[*_`\s]*)\Z"
)
_SUBJECT = re.compile(
    r"(?:dimension|aspect|criterion|metric|category)[\s*_`]{0,4}:[\s*_`\"']{0,6}([\w /-]{1,60})",
    re.IGNORECASE,
)
_SCALE = (
    r"(?:\s*[(\[](?:on\s+a\s+)?(?:scale\s+(?:of\s+)?|from\s+|out\s+of\s+|/)?"
    r"(?:\d{1,4}\s*(?:-|–|to|/)\s*)?(?P<top>\d{1,4})[)\]]|\s+out\s+of\s+(?P<of>\d{1,4}))?"
)
_BELOW = re.compile(  # the number on the line below its label
    r"^([ \t>#*_-]{0,9}(?:(?:final|overall|my|the)[ ])?(?:score|rating))[*_: ]{0,6}\n\n?"
    r"([*_`\[(]{0,4}\d{1,3}(?:\.\d{1,3})?(?: ?/ ?\d{1,3})?[*_`\])]{0,4})[ \t]{0,9}$",
    re.IGNORECASE | re.MULTILINE,
)
_ASPECT = re.compile(r"(?P<title>[A-Za-z][\w /-]{1,40}?)[*_`\s]*(?:[:–—(]|\s-\s)")
_FOR_ALL = re.compile(r"(?:\w+,?\s+){0,2}(?:final|overall)\b", re.IGNORECASE)


def read_lines(text: str, names: Names) -> list[Mention]:
    """Answers in lines that start with a dimension's name or a word for a score, and in sentences.

    A word for a score answers the dimension whose heading stands above, else the only dimension.
    In a line that begins with an aspect (``Motion: jerky. Score: 2``) it answers the aspect.
    """
    lines = [
        (line, row if start == 0 else "", _is_about_other(row, names))
        for row in rows(_BELOW.sub(r"\1: \2", text))
        for start, line in enumerate(split(row))
    ]
    found: list[Mention] = []
    sections: list[tuple[str, Mention]] = []
    about, other, before, title = names.only, False, "", ""
    for at, (line, row, aside) in enumerate(lines):
        match = _line(tuple(names.spoken)).match(_bare_line(line))
        if match is None:
            about, other = _heading(line, names, about, other)
            title = _title(row, names, title)
            if names.only and not (other or aside or _quoted(line, before)):
                found += _in_sentence(line, names.only, opens=not before)
        elif not _quoted(line, before):
            last = at > len(lines) - 50 and not any(rest.strip() for rest, *_ in lines[at + 1 :])
            for_all = bool(match["name"] or match["of_name"] or _FOR_ALL.match(_bare_line(line)))
            said = _answer(match, names, about, other=other or (aside and not for_all), last=last)
            sections += [("" if for_all else title, mention) for mention in said]
        before = line if line.strip() else before
    found += _about_sections(sections) if names.only else [mention for _, mention in sections]
    if names.only:
        found += marked(text, names.only)
        answered = any(mention.dimension for mention in found)
        said_so = scores_in_passing(text, names.only) if answered else ()
        found += [Mention(dimension=names.only.name, value=value) for value in said_so]
        if found and says_other_scale(text, names.only):
            return [dataclasses.replace(m, value=_off(m.value)) for m in found]
    return found


def _about_sections(sections: list[tuple[str, Mention]]) -> Iterator[Mention]:
    """The mentions; a score under each of several titles is about those, whatever they are."""
    several = len({title for title, _ in sections if title}) > 1
    for title, one in sections:
        of_part = several and title
        yield Mention(dimension=None, value=Reason.NO_ANSWER) if of_part else one


def _title(row: str, names: Names, above: str) -> str:
    """What a line is headed by, else what stands above; "" under a title of the whole answer."""
    match = _ASPECT.match(_bare_line(row)) or _HEADING.match(row[:_LONGEST])
    if match is None or not (match.re is _ASPECT or match["marks"] or match["colon"]):
        return above
    title = bare(_bare_line(match["title"]))
    whole = title in WRAPPERS or title in RATIONALE_FIELDS or names.dimension(title)
    return "" if whole else title


def _is_about_other(row: str, names: Names) -> bool:
    """Whether a line begins with an aspect or a part of the clip: ``**Sharpness** - clear.``"""
    match = _ASPECT.match(_bare_line(row))
    return match is not None and names.is_other(match["title"])


def _in_sentence(line: str, dimension: Dimension, *, opens: bool) -> Iterator[Mention]:
    value = score_said(line, dimension, opens_reply=opens)
    if value and value.number is not Reason.NO_ANSWER:
        yield mention(dimension.name, value)


def _off(value: float | Reason) -> float | Reason:
    return value if isinstance(value, Reason) else Reason.OFF_SCALE


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
        rf"[*_`\"']*{_SCALE}[\s*_`\"'”]*(?P<sep>:=|=>|->|→|[:=]+|\bis\b:?|(?=\d(?:\s?/\s?\d)?[*_.\s]*\Z))(?!=)(?P<value>.+)\Z",
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
    if not match["sep"] and word not in SCORE_FIELDS:  # `Score 4`, but no `Level 4`
        return
    loose = match["sep"].lower().startswith("is") or word in LOOSE_FIELDS + LABEL_FIELDS
    loose = loose or (not word and not re.search(r"\d", match["value"]))
    if word in LABEL_FIELDS and word not in LOOSE_FIELDS and value.level is None:
        return
    yield mention(dimension.name, value, loose=loose)


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
