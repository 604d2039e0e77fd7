"""The labels that a judge chooses among, and how they look in a text."""

import dataclasses
import functools
import re

_LOOSE = r"[\s*_`'\"“”‘’]{0,4}"


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
