"""The labels that a judge chooses among, and where a text names them."""

import bisect
import dataclasses
import functools
import re
from collections.abc import Iterator

from annotators.verdict.objects import is_quotation

_LOOSE = r"[\s*_`'\"“”‘’]{0,4}"
_ECHO_WITHIN = 800  # characters that hold the whole list of labels, with a sentence about each
MANY = 50  # labels that are looked at with what stands around them
BRACKETS = re.compile(r"\[{1,2}([^\[\]\n]{1,80})\]{1,2}(?!\()|\[\[([^\[\]\n]{1,80})$", re.MULTILINE)
_PLACEHOLDER = re.compile(
    r"\W*(?:your\b.*|(?:final\s+)?(?:label|verdict|choice|answer)|\.{2,}|…|x|_+)\W*\Z", re.I
)
_UNSAID = re.compile(  # right before a label: it is not chosen, or only if
    r"\b(?:not|never|n?either)\s+(?:(?:choose|pick|say|give|be|select|vote\s+for)\s+)?[\s*_`'\"“]*\Z"
    r"|(?:^|[.!?]\s)\W{0,3}(?:if|unless|had)\s[^.!?\n]{0,100}\Z",
    re.IGNORECASE,
)
_UNMEANT = re.compile(
    r"\]*[\s*_`]{0,4}(?:would|could|might|may|is\s+what|if|unless)\b|\]*[>=?]", re.I
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One of the labels a judge may answer with.

    ``choice``: what it means; ``text``: the label without brackets; ``words``: the sentences that
    the request itself explains it by. A sentence right beside another label contradicts it.
    """

    choice: str
    text: str
    words: tuple[str, ...] = ()


GENAI_BENCH = (
    Label(choice="a", text="A>B", words=("Model A is better",)),
    Label(choice="b", text="B>A", words=("Model B is better",)),
    Label(
        choice="both_good", text="A=B=Good", words=("Tie, relatively the same acceptable quality",)
    ),
    Label(choice="both_bad", text="A=B=Bad", words=("Both are bad",)),
)  # what the video arena of GenAI-Bench asks for, in double brackets


def choice_of(text: str, labels: tuple[Label, ...], *, named: bool = False) -> str | None:
    """The choice that a text is, and nothing else; ``named``: it may also be the choice's name."""
    key = _key(text)
    for label in labels:
        spoken = {_key(label.text), *map(_key, label.words)} | (
            {_key(label.choice)} if named else set()
        )
        if key in spoken:
            return label.choice
    return None


def _key(text: str) -> str:
    return re.sub(r"={2,}", "=", re.sub(r"[\s*_`'\"“”‘’,]+", "", text[:200].lower()))


@functools.cache
def labelled(labels: tuple[Label, ...]) -> re.Pattern[str]:
    """A label anywhere, with quotes or blanks between its signs; never a part of a longer chain."""
    one = [
        _LOOSE.join(re.escape(sign) for sign in label.text if not sign.isspace())
        for label in sorted(labels, key=lambda label: -len(label.text))
    ]
    return re.compile(rf"(?<![\w<>=])(?:{'|'.join(one)})(?![\w<>=]|{_LOOSE}[<>=])", re.IGNORECASE)


@functools.cache
def unbracketed(labels: tuple[Label, ...]) -> re.Pattern[str]:
    """A label, or its sentence, right after a word for a verdict; group ``label``."""
    words = "|".join(re.escape(words) for label in labels for words in label.words) or r"(?!)"
    return re.compile(
        r"(?:^[ \t>#*_\-]{0,12}|[.!:*]\s{1,2})(?:(?:therefore|so|thus),?\s)?(?:(?:my|the|final)\s){0,2}"
        r"(?:verdict|choice|answer|decision|winner|vote)(?:\sis)?[\s*_]{0,6}[:=]?[\s*_`'\"“(]{1,6}"
        rf"(?P<label>{labelled(labels).pattern}|(?:{words})(?=[\s*_]{{0,4}}(?:[.!\n]|\Z))){_LOOSE}"
        r"(?=[)\s]{0,3}(?:[.,;:!(—–/\n-]|\Z|(?:because|since|as|or)\b))",
        re.IGNORECASE | re.MULTILINE,
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One place of a text that names a label, or stands in a label's brackets."""

    start: int
    end: int
    choice: str | None  # None: an answer, but none of those offered
    meant: bool = True  # False: `not [[A>B]]`, `[[A>B]]?`: no answer, but it spoils another one


def mentioned(text: str, labels: tuple[Label, ...]) -> list[Found]:
    """Every place that names a label, in order, without the request said back."""
    return _without_echo(sorted(_in_text(text, labels), key=lambda one: one.start), labels)


def _in_text(text: str, labels: tuple[Label, ...]) -> Iterator[Found]:
    """Labels in brackets anywhere; without brackets only alone on the last line, or after a word
    for a verdict."""
    spans = []
    for match in BRACKETS.finditer(text):
        spans.append((match.start(), match.end()))
        found = list(in_brackets(match, labels))
        if len(spans) > MANY:  # nobody means one of so many by what stands around it
            yield from found
            continue
        before = text[max(0, match.start() - 160) : match.start()] if found else ""
        unmeant = _UNSAID.search(before) or _UNMEANT.match(text, match.end())
        if not is_quotation(before):
            yield from (dataclasses.replace(one, meant=not unmeant) for one in found)
    starts = [start for start, _ in spans]
    bare = [
        match for match in unbracketed(labels).finditer(text) if not _inside(match, spans, starts)
    ]
    for match in bare:
        line = text[match.start("label") : match.start("label") + 200].partition("\n")[0]
        for one in [match["label"], *labelled(labels).findall(line)]:
            yield Found(
                start=match.start("label"), end=match.end("label"), choice=choice_of(one, labels)
            )
    lines = text.strip().split("\n")
    if len(lines) == 1 and not spans and not bare:
        choice = choice_of(lines[0].strip(" .!()[]"), labels)
        if choice:
            yield Found(start=0, end=len(text), choice=choice)


def in_brackets(match: re.Match[str], labels: tuple[Label, ...]) -> Iterator[Found]:
    """The labels in one pair of brackets; a choice of None for an answer that was not offered."""
    inner, double = match[1] or match[2], match[0].startswith("[[")
    choice = choice_of(inner, labels)
    if choice is None and match[1] is None:  # never closed: the label, then whatever follows
        started = labelled(labels).match(inner.strip(" *_`'\""))
        if started is None:
            return
        choice = choice_of(started[0], labels)
    many = (
        [choice_of(one[0], labels) for one in labelled(labels).finditer(inner)]
        if choice is None
        else []
    )
    if choice is not None or len(many) > 1:
        for one in many if len(many) > 1 else [choice]:
            yield Found(start=match.start(), end=match.end(), choice=one)
    elif double and not _PLACEHOLDER.match(inner):
        yield Found(start=match.start(), end=match.end(), choice=None)


def _without_echo(found: list[Found], labels: tuple[Label, ...]) -> list[Found]:
    """The mentions without the first complete list of all labels, if it stands close together."""
    everything = {label.choice for label in labels}
    size = len(everything)
    for at in range(len(found) - size + 1):
        run = found[at : at + size]
        if {one.choice for one in run} == everything and run[-1].end - run[0].start <= _ECHO_WITHIN:
            return found[:at] + found[at + size :]
    return found


def _inside(match: re.Match[str], spans: list[tuple[int, int]], starts: list[int]) -> bool:
    at = bisect.bisect_right(starts, match.start("label")) - 1
    return at >= 0 and match.start("label") < spans[at][1]
