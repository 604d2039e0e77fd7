"""A judge's choice among labels: strict first, then tolerant of dress, never by guessing.

Which mention wins: none. A reply that names two different labels has given two answers, and
``Final verdict:`` before the last one does not make it the only one: judges that write a verdict
per criterion change their mind in the last line, and a reply that weighs two readings ends on
either. One exception, because it is certain: the complete list of labels in a row is the request
said back, and what follows it is the answer.
"""

import dataclasses
import html
import re
from collections.abc import Iterator, Sequence

from annotators.verdict.labels import (
    BRACKETS,
    MANY,
    Found,
    Label,
    choice_of,
    in_brackets,
    labelled,
    mentioned,
)
from annotators.verdict.mentions import RATIONALE_FIELDS, normal
from annotators.verdict.objects import Pairs, take_json
from annotators.verdict.plain import plain, without_thoughts
from annotators.verdict.silence import saw_nothing, short, why_silent
from schemas import Reason

_FIELDS = ("choice", "verdict", "final_verdict", "final_choice", "answer", "final_answer", "vote",
           "winner", "preference", "preferred", "better", "decision", "label")  # fmt: skip
_CUT = re.compile(r"\[\[?[\s'\"]*(?:[ab][\s'\"]*(?:[<>=][\sab<>=a-z'\"]*)?)?\Z", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The one choice of a reply."""

    choice: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NoChoice:
    """Why a reply holds no choice."""

    reason: Reason
    message: str


def read_choice(text: str, labels: Sequence[Label]) -> Choice | NoChoice:
    """The choice in the text of a reply.

    A bracketed answer outside the labels (``[[Tie]]``, ``[[A=B]]``) is ``off_scale``: the judge
    answered, but with nothing that was offered.
    """
    labels = tuple(labels)
    outside, unfinished = without_thoughts(html.unescape(text))
    seen = plain(outside).replace("\\[", "[").replace("\\]", "]")
    taken = take_json(seen, strict=False)
    fields = [one for pairs in taken.objects for one in _in_object(pairs, labels)]
    written = mentioned(taken.rest, labels)
    choices = {one.choice for one in written} | {choice for choice, _ in fields}
    if taken.cut or (unfinished and not choices) or _ends_in_label(taken.rest, written):
        return NoChoice(
            reason=Reason.TRUNCATED, message=f"the reply is cut off: {short(seen[-120:])}"
        )
    if not fields and not any(one.meant for one in written):
        reason, message = why_silent(text)
        return NoChoice(reason=reason, message=message)
    if saw_nothing(seen):
        return NoChoice(
            reason=Reason.REFUSAL, message=f"the judge says it saw nothing: {short(text)}"
        )
    beside = {said for one in written[:MANY] for said in _beside(taken.rest, one, labels)}
    return _settle(choices, beside | {said for _, words in fields for said in words})


def _ends_in_label(text: str, found: list[Found]) -> bool:
    text = text.rstrip()
    match = _CUT.search(text, max(0, len(text) - 80))
    return match is not None and not any(one.end > match.start() for one in found)


def _settle(choices: set[str | None], words: set[str]) -> Choice | NoChoice:
    if len(choices) > 1:
        said = ", ".join(sorted(choice or "one that was not offered" for choice in choices))
        return NoChoice(reason=Reason.SEVERAL_ANSWERS, message=f"the reply gives several: {said}")
    (choice,) = choices
    if choice is None:
        return NoChoice(
            reason=Reason.OFF_SCALE, message="the reply answers with no label that was offered"
        )
    if odd := sorted(words - {choice}):
        message = f"the label says {choice}, the sentence beside it says {odd[0]}"
        return NoChoice(reason=Reason.CONTRADICTION, message=message)
    return Choice(choice=choice)


def _beside(text: str, found: Found, labels: tuple[Label, ...]) -> Iterator[str]:
    """Choices that a sentence of the request right before or right behind a label names."""
    before = (
        text[max(0, found.start - 120) : found.start].rstrip(" *_`:-–—(>#.\n").rpartition("\n")[2]
    )
    behind = text[found.end : found.end + 120].lstrip(" *_`:-–—()]\n")
    for label in labels:
        for words in label.words:
            spoken = words.lower()
            exactly = re.match(rf"{re.escape(spoken)}\s*(?:[.!*;)\n]|\Z)", behind, re.IGNORECASE)
            sentence = before.lower()
            alone = re.search(
                rf"(?:\A|[.:!?]\s|\*|\b(?:therefore|thus|hence|so|overall),?\s)\W*{re.escape(spoken)}\Z",
                sentence,
            )
            if alone or exactly:
                yield label.choice


def _in_object(pairs: Pairs, labels: tuple[Label, ...]) -> Iterator[tuple[str | None, list[str]]]:
    """The choices of an object, each with what its rationale says in the words of the request."""
    said = [
        label.choice
        for field, value in pairs
        if normal(field) in RATIONALE_FIELDS and isinstance(value, str)
        for label in labels
        for words in label.words
        if re.match(rf"\W*{re.escape(words)}\s*(?:[.!;]|\Z)", value[:200], re.IGNORECASE)
    ]
    for field, value in pairs:
        if isinstance(value, Pairs) and normal(field) in (
            *_FIELDS,
            "result",
            "response",
            "evaluation",
        ):
            yield from _in_object(value, labels)
        elif normal(field) in _FIELDS and isinstance(value, str) and value.strip():
            named = choice_of(value.strip(" []."), labels, named=True)
            many = [] if named else labelled(labels).findall(value[:200])
            yield from ((choice_of(one, labels), said) for one in many if len(many) > 1)
            if len(many) < 2:
                yield named, said
        elif normal(field) in RATIONALE_FIELDS and isinstance(value, str):
            spoken = [
                one.choice for m in BRACKETS.finditer(value) for one in in_brackets(m, labels)
            ]
            yield from ((choice, said) for choice in spoken)
