"""What a reply says in sentences: its score, another number instead of it, another scale.

``I would rate this video a 4 out of 5.`` is an answer because every word up to the number belongs
to a closed list: an opening that sums up, who speaks or what is judged, a verb that scores. With
``it``, or with nothing judged at all, the sentence is about whatever stood before: then it counts
only where it sums up, or opens the reply.
"""

import functools
import re
from collections.abc import Iterator

from annotators.verdict.numbers import NUMBER_WORDS, Value, read_value
from schemas import Dimension

_SUMS_UP = (
    r"overall|in\s+(?:conclusion|summary|short)|to\s+(?:conclude|sum\s+up|summari[sz]e)"
    r"|all\s+in\s+all|based\s+on\b[^.!?:;\"“]{1,120}"
)
_OPENS = (
    rf"(?:(?P<sum>{_SUMS_UP}),?\s+|(?:therefore|thus|so|hence|finally|consequently),?\s+"
    r"|(?:given|considering|due\s+to|because\s+of|on\s+a\s+scale|while|although|after|upon|having|looking\s+at)\b[^.!?:;\"“]{1,120},\s+"
    r"|[^.!?:;\"“]{1,120},\s+(?:and\s+)?(?:so|therefore|thus|hence)\s+)?"
)
_VIDEO = r"(?:the|this)\s+(?:(?:generated|given|provided|whole|entire)\s+)?(?:video|clip)"
_SCORE = r"(?:(?:final|overall|total)\s+)?(?:score|rating|level)"
_FITTING = r"(?:most\s+)?(?:appropriate|suitable|fitting)"
_A_SCORE = rf"(?:(?:an?|the)\s+)?(?:{_SCORE}\s+)?(?:of\s+)?"
_UNSURE = re.compile(  # in an opening: the sentence is not about the clip as it is, or not yet
    r"\b(?:if|unless|were|had|with(?:out)?|only|alone|just|first|second|last|better|more|less|higher|other|another|"
    r"\w+ier|smoother|sharper|clearer|initial\w*)\b",
    re.IGNORECASE,
)
_ASPECT = re.compile(r"\b(?:motion|sharpness|light\w*|colou?rs?|composition|consistency)\b", re.I)
_UNSURE_AFTER = re.compile(
    r"\b(?:if|unless|otherwise|assuming|at\s+first)\b"
    r"|\b(?:or|but|though|although|maybe|perhaps|possibly|might|could|would)\b[^.!?]*\d",
    re.IGNORECASE,
)
_WHAT_FOR = re.compile(  # behind the number: what it was given to, and the rubric's own scale
    rf"\s+(?:to|for)\s+(?P<clip>{_VIDEO})(?=\s*[.,;:!]|\s+(?:as|because|since|due|on|given)\b|\s*\Z)"
    r"|\s+on\s+(?:a|the)\s+(?:scale\s+(?:of|from)\s+)?[01]\s*(?:to|-|–)\s*\d{1,3}(?:\s+scale)?",
    re.IGNORECASE,
)
_IN_PASSING = re.compile(  # in the middle of a sentence: no answer by itself, but it may spoil one
    r"[,;(] {0,2}(?:(?:then|so|thus|hence|therefore) )?(?:the |my )?(?:final )?(?:score|rating)"
    r"(?::|=| is) {0,2}(\d[^\n]{0,40})"
    r"|\b(?:warrant|merit|deserve|justifie|earn)(?:s|ing) (?:an?|the) (?:\w{1,12} )?"
    r"(?:score|rating|level) of (\d[^\n]{0,40})",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"\d")
_ENDS = re.compile(r"(?<=[.!?;。])\s+(?=\S)")
_TAKES_BACK = re.compile(
    r"\b(?:actually|on\s+second\s+thought|wait|correction|scratch\s+that|i\s+meant|make\s+(?:that|it)|"
    r"let\s+me\s+re(?:vise|consider)|upon\s+re(?:flection|consideration))\b"
    r"[^.!?\n]{0,60}?(?<![\w.])\d+(?:/\d+)?(?![\w%])\s*(?:[.!*\"')\]]|\Z)"
    r"|(?:^|[.!?]\s)\s?or\s(?:maybe\s|perhaps\s)?\d+\b"
    r"|\b\d\s(?:is|would\sbe|could\sbe)\s(?:also|equally|just\sas)\s\w+",
    re.IGNORECASE,
)
_OTHER_SCALE = re.compile(
    r"(?<!frame )\b(?:scale|rate|rating|scored?)\b[ \w:(*]{0,20}?\b(?:[01]\s?(?:-|–|to|and)\s?|out\sof\s)"
    r"(?P<top>\d{1,3})\b(?!\.\d)|\bscale\sof\s(?P<of>\d{1,3})\b(?!\s?(?:-|–|to\b|and\b|\.\d))"
    r"|\b(?P<point>\d{1,3})-point\s+scale"
    r"|(?P<turned>\b1\s?(?:=|is|being)\s?(?:the\s)?(?:best|highest|excellent)\b|\blower\sis\sbetter)",
    re.IGNORECASE,
)


def split(line: str) -> list[str]:
    """A line, and each sentence in it that is not inside a quotation, on its own."""
    parts, at = [], 0
    for found in _ENDS.finditer(line[:20_000]):
        head = line[at : found.start()]
        if (head.count('"') + head.count("“") + head.count("”")) % 2 == 0:
            parts.append(head)
            at = found.end()
    return [*parts, line[at:]]


def score_said(sentence: str, dimension: Dimension, *, opens_reply: bool = False) -> Value | None:
    """What a sentence scores the whole clip with; None where it does not, or is not sure."""
    sentence = sentence.strip(" \t*_#>-")
    match = _sentence(dimension.name).match(sentence[:400])
    if match is None or _UNSURE.search(sentence[: match.start("says")]):
        return None
    told = _WHAT_FOR.search(match["value"])
    bound = match["bound"] or match["judged"] or match["given"] or (told and told["clip"])
    sums_up = match["sum"] and not _ASPECT.search(match["sum"])
    if not (bound or sums_up or opens_reply) or _UNSURE_AFTER.search(match["value"]):
        return None
    if re.match(
        rf"(?:from|between)\s+{dimension.low}\s+(?:to|and)\s+{dimension.high}\b", match["value"]
    ):
        return None  # what it will do
    return read_value(_WHAT_FOR.sub("", match["value"], count=1), dimension)


def scores_in_passing(text: str, dimension: Dimension) -> Iterator[float]:
    """Scores that a text gives in any of its sentences, as far as a number can be read."""
    if not _has_number(text):  # most rationales
        return
    for line in text[:20_000].split("\n"):
        for sentence in split(line):
            values = [score_said(sentence, dimension)]
            for match in _IN_PASSING.finditer(sentence):
                values.append(read_value(match[1] or match[2], dimension))
            yield from (v.number for v in values if v and isinstance(v.number, float))


def takes_back(text: str) -> bool:
    """Whether a sentence offers another number for the one before: ``Actually, I meant 3.``"""
    return _TAKES_BACK.search(text) is not None


def says_other_scale(text: str, dimension: Dimension) -> bool:
    """Whether the reply says which scale it means, and it is not this one, or not this way round."""
    for match in _OTHER_SCALE.finditer(text if _DIGIT.search(text) or "better" in text else ""):
        top = match["top"] or match["of"] or match["point"]
        if top is None or int(top) > dimension.high:
            return True
    return False


def _has_number(text: str) -> bool:
    """Whether a number may stand in a text: cheap, and never wrong about one that does."""
    low = text.lower()
    return _DIGIT.search(low) is not None or any(word in low for word in NUMBER_WORDS)


@functools.cache
def _sentence(name: str) -> re.Pattern[str]:
    """I rate the clip N; I give the clip N; the clip deserves N; the score of the clip is N.

    The clip is said by its name in ``judged``, ``given`` or ``bound``; ``sum`` is an opening that
    sums up.
    """
    words = name.replace("-", "_").split("_")
    spoken = r"\s+".join(map(re.escape, words))
    if len(words) == 2:  # video quality: quality of the video
        spoken += rf"|{re.escape(words[1])}\s+of\s+(?:the|this)\s+{re.escape(words[0])}"
    clip = (
        rf"(?:(?:(?:the|this|its)\s+)?(?:overall\s+)?(?:{spoken})(?:\s+of\s+{_VIDEO})?"
        rf"|{_VIDEO}(?!\s+(?:{spoken}|{re.escape(words[-1])})))"
    )
    gives = r"(?:give|gave|assign(?:ed)?|award(?:ed)?|choose|chose|select(?:ed)?|pick(?:ed)?)"
    speaks = (
        r"(?:I|we)(?:['’](?:d|ll|ve)|\s+(?:would|will|therefore|thus))?\s+"
        rf"(?:(?:rate|score|grade)d?\s+(?:it|(?P<judged>{clip}))\s+(?:(?:as|at|with)\s+)?"
        rf"|{gives}\s+(?:(?:it|(?P<given>{clip}))\s+)?){_A_SCORE}"
    )
    earns = (
        rf"(?P<bound>{clip}\s+(?:(?:would\s+)?(?:deserve|merit|receive|get|earn|warrant)s?"
        rf"|(?:is|can\s+be)\s+rated(?:\s+(?:as|at))?)\s+{_A_SCORE}"
        rf"|(?:the|my)\s+{_SCORE}(?:\s+(?:for|of)\s+{clip})?\s+is\s+"
        rf"|(?:my\s+{_SCORE}|the\s+{_SCORE}\s+(?:for|of)\s+{clip}|the\s+(?:{_FITTING}\s+{_SCORE}"
        rf"|{_SCORE}\s+that\s+(?:best\s+fits|fits\s+best)))\s+(?:is|would\s+be)\s+"
        rf"|{clip}\s+is\s+(?=[*_]*\d))"
    )
    return re.compile(rf"{_OPENS}(?P<says>{speaks}|{earns})(?P<value>.+)\Z", re.IGNORECASE)
