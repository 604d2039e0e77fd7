"""The one number in an answer's value: ``4``, ``[[4]]``, ``4/5``, ``4 - Good``, ``four``.

What stands behind a number decides whether it is a score: ``4 because ...`` is one, ``4 dogs``,
``4K``, ``<4``, ``4+`` and ``one of the best`` are not.
"""

import dataclasses
import functools
import re
import unicodedata

from annotators.verdict.plain import plain
from schemas import Dimension, Reason

NUMBER_WORDS = {
    word: number
    for number, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    )
}
_LONGEST = 300  # characters of a value that are looked at; bounds every pattern below
_OPEN = r"[\s*_`\"'“”‘’«\[({$\\]*"
_CLOSE = r"[\s*_`\"'“”‘’»\])}$\\]*"
_NUMBER = rf"(?:[-+]?\s?\d{{1,3}}(?:,\d{{3}})+(?!\d)|[-+]?\s?\d+(?:\.\d+)?|(?:{'|'.join(NUMBER_WORDS)})\b)"
_VALUE = re.compile(
    rf"(?P<dress>{_OPEN})(?P<pair>(?:between|from|either)\s+)?(?:an?\s+)?(?P<number>{_NUMBER})(?P<rest>.*)\Z",
    re.IGNORECASE | re.DOTALL,
)
_TOP = re.compile(
    rf"{_CLOSE}[(\[]?(?:/|out\s+of|of|von)\s*{_OPEN}(?P<top>\d+(?:\.0)?|(?:{'|'.join(NUMBER_WORDS)})\b)(?![.,]?\d)",
    re.IGNORECASE,
)
_PART = re.compile(
    r"\s*%|\s?[½¼¾⅓⅔⅛]|\s+and\s+a\s+half\b|\s+point\s+\w|\s+\d+/\d|\s*per\s?cent\b", re.IGNORECASE
)
_UNIT = re.compile(r"[\s-]*(?:(?:stars?|points?|pts)\b\.?|[★⭐🌟]|分(?!\w))", re.IGNORECASE)
_ANOTHER = re.compile(  # a second number that is offered beside the first: 3 or 4, 3-4, 3, 4
    rf"{_CLOSE}(?:or|and|to|through|vs\.?|->|=>|[-–—~,/\\|&→]|\.\.+|…){_OPEN}{_NUMBER}|\s+\d",
    re.IGNORECASE,
)
_COMMENT = re.compile(  # what may follow a number without changing it
    r"\s*(?:[.,;!|—–…](?!\d)|:(?!\d)|-(?=\s)|//|#|\(|\[|<|(?:because|since|as|due\s+to|given|overall|rather\s+than)\b)",
    re.IGNORECASE,
)
_DOUBT = re.compile(  # ... (or 3), ... maybe 5, ... no, 2 and: 4 (motion), 2 (light)
    r"\b(?:or|maybe|perhaps|possibly|probably|arguably|almost|nearly|closer|leaning|otherwise|no|"
    rf"actually|rather(?!\s+than)|then)\b[^.!?;\w]*(?:(?:even|to|an?|is|it|towards?)\s+)*{_NUMBER}"
    rf"|[,;/]\s*{_NUMBER}\s*(?:\(|for\b|/|\Z)",
    re.IGNORECASE,
)
_AGAIN = re.compile(rf"[(\[]\s*(?P<number>{_NUMBER})\s*[)\]]", re.IGNORECASE)  # four (4)
_ECHO = re.compile(  # the instruction said back: <1-5>, an integer from 1 to 5, 1|2|3|4|5
    r"[\s*_`\"'“”<\[({]*(?:an?\s+\w+\s+(?:number\s+)?(?:from|between)\s+)?"
    r"(?P<numbers>\d+(?:\s*(?:-|–|to|and|,\s*or|or|,|\||/)\s*\d+)+)[\s*_`\"'”>\])}]*(?:[.,;]|\Z)",
    re.IGNORECASE,
)
_BLANK = re.compile(  # a form that was not filled in
    r"[\s\"'*`]*(?:<[a-z][^<>]{0,60}>|\[[a-z][^\[\]]{0,60}\]|\.{3}|…|_+|[xn?](?!\w))[\s\"'*`,.}]*(?:\Z|,)",
    re.IGNORECASE,
)
_LABEL_ENDS = r"(?=[\s*_`\"'”]*(?:\Z|[.,;:!)\]}(—–<|]|-\s))"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What a value comes to: a number or why it is none, and the level its words name, if any."""

    number: float | Reason
    level: int | None = None


def is_form(text: str, dimension: Dimension) -> bool:
    """Whether a value is the request said back (``<1-5>``, ``<score>``); 3-4 is two answers."""
    text = text[:_LONGEST]
    if match := _ECHO.match(text):
        numbers = [int(n) for n in re.findall(r"\d{1,9}", match["numbers"])]
        scores = [point.score for point in dimension.scale]
        return numbers in (scores, [dimension.low, dimension.high])
    return _BLANK.match(text) is not None


def read_value(text: str, dimension: Dimension, *, last: bool = False) -> Value:
    """The number that a value starts with, on the scale of its dimension.

    8/10 is an answer, but on another scale. ``last``: nothing follows in the reply, so that a
    bracket left open shows a cut.
    """
    text = re.sub(r"\\boxed\{([^{}\n]{0,40})\}", r"\1", plain(text)[:_LONGEST]).strip()
    text = re.sub(r"\A<\s*([^<>]{1,20}?)\s*>", r"\1 ", text)
    named = level_of(text, dimension, ends=r"(?=[\s*_`\"'”]*(?:\Z|[(:,.;=\[—–|-]|\d))")
    if named is not None:
        text = re.sub(r"\A[\s:,;=—–|(\[\"'*-]+", "", text[named[1] :])
    level = named[0] if named else None
    match = _VALUE.match(text)
    if match is None:
        return Value(number=_sign(text), level=level)
    if match["pair"] and not _ANOTHER.match(match["rest"]):
        return Value(number=Reason.NO_ANSWER, level=level)
    number = _judge(match, dimension, last=last and named is None)
    after = re.sub(r"\A[\s\-–—:,.(\[\"'*_=)\]}/]+", "", _behind(match["rest"]))
    said = level_of(after, dimension, ends=_LABEL_ENDS)
    return Value(number=number, level=said[0] if said else level)


def level_of(
    text: str, dimension: Dimension, *, ends: str = r"(?=[\s.!\"'*]*\Z)"
) -> tuple[int, int] | None:
    """The level whose own label a text starts with, and where the label ends; None where no label
    of the scale, or one that several levels share, stands there."""
    for score, pattern in _labels(tuple((p.score, p.label) for p in dimension.scale), ends):
        if match := pattern.match(text[:_LONGEST]):
            return score, match.end()
    return None


@functools.lru_cache(maxsize=256)
def _labels(points: tuple[tuple[int, str], ...], ends: str) -> list[tuple[int, re.Pattern[str]]]:
    """A pattern for each label that only one level has, the longest first."""
    lowered = [label.lower() for _, label in points]
    own = [(score, label) for score, label in points if lowered.count(label.lower()) == 1]
    return [
        (score, re.compile(rf"[\s*_`\"'“(\[]*{_spoken(label)}\b{ends}", re.IGNORECASE))
        for score, label in sorted(own, key=lambda point: -len(point[1]))
    ]


def _spoken(label: str) -> str:
    return r"\s+".join(map(re.escape, label.split()))


def _judge(match: re.Match[str], dimension: Dimension, *, last: bool) -> float | Reason:
    rest = match["rest"]
    top = _TOP.match(rest)
    behind = _behind(rest)
    if _PART.match(rest) or _PART.match(behind):
        return Reason.OFF_SCALE
    if not top and _ANOTHER.match(behind):
        return Reason.SEVERAL_ANSWERS
    if re.match(r"\s*/\s*\Z", rest) or (last and _never_closed(match["dress"], rest)):
        return Reason.TRUNCATED
    comment = re.sub(rf"\A{_CLOSE}", "", behind)
    label = level_of(re.sub(r"\A[\s-]+", "", comment), dimension, ends=_LABEL_ENDS)
    if comment and label is None and not _COMMENT.match(comment):
        return Reason.NO_ANSWER
    if not comment.startswith(".") and _DOUBT.search(re.split(r"[.!?]\s", comment)[0][:80]):
        return Reason.SEVERAL_ANSWERS
    again = _AGAIN.match(comment)
    if again and _float(again["number"]) != _float(match["number"]):
        return Reason.SEVERAL_ANSWERS
    if top and _float(top["top"]) != dimension.high:
        return Reason.OFF_SCALE
    return _float(match["number"])


def _behind(rest: str) -> str:
    """What follows a number, its top and its unit."""
    top = _TOP.match(rest)
    rest = rest[top.end() :] if top else rest
    unit = _UNIT.match(rest)
    return rest[unit.end() :] if unit else rest


def _never_closed(dress: str, rest: str) -> bool:
    return any(
        dress.count(opened) > rest.count(closed) for opened, closed in ("[]", "()")
    ) and not rest.strip("])} \n*_`\"'")


def _float(number: str) -> float:
    word = number.lower()
    return float(NUMBER_WORDS[word]) if word in NUMBER_WORDS else float(re.sub(r"[\s,]", "", word))


def _sign(text: str) -> float | Reason:
    """One sign that is a number in another script and nothing else: 四, Ⅳ. Letters used as Roman
    numerals are none: an I is a word, too."""
    sign = text.strip(" *_`\"'“”[](){}.。分")
    if len(sign) == 1 and unicodedata.category(sign) in ("Lo", "Nl"):
        number = unicodedata.numeric(sign, None)
        return Reason.NO_ANSWER if number is None else number
    return Reason.NO_ANSWER
