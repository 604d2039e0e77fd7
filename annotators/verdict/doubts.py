"""What a reply says about its own numbers: that another was meant, or another scale."""

import re

from schemas import Dimension

_TAKES_BACK = re.compile(
    r"\b(?:actually|on\s+second\s+thought|wait|correction|scratch\s+that|i\s+meant|make\s+(?:that|it)|"
    r"let\s+me\s+re(?:vise|consider)|upon\s+re(?:flection|consideration))\b"
    r"[^.!?\n]{0,60}?(?<![\w.])\d+(?:/\d+)?(?![\w%])\s*(?:[.!*\"')\]]|\Z)"
    r"|(?:^|[.!?]\s)\s?or\s(?:maybe\s|perhaps\s)?\d+\b"
    r"|\b\d\s(?:is|would\sbe|could\sbe)\s(?:also|equally|just\sas)\s\w+",
    re.IGNORECASE,
)
_OTHER_SCALE = re.compile(
    r"\b(?:scale|range|rate|rating|scored?)\b[ \w:(*]{0,20}?\b(?:\d{1,3}\s?(?:-|–|to|and)\s?|out\sof\s)"
    r"(?P<top>\d{1,3})\b(?!\.\d)|\bscale\sof\s(?P<of>\d{1,3})\b(?!\s?(?:-|–|to\b|and\b|\.\d))"
    r"|\b(?P<point>\d{1,3})-point\s+scale"
    r"|(?P<turned>\b1\s?(?:=|is|being)\s?(?:the\s)?(?:best|highest|excellent)\b|\blower\sis\sbetter)",
    re.IGNORECASE,
)


def takes_back(text: str) -> bool:
    """Whether a sentence offers another number for the one before: ``Actually, I meant 3.``"""
    return _TAKES_BACK.search(text) is not None


def says_other_scale(text: str, dimension: Dimension) -> bool:
    """Whether the reply says which scale it means, and it is not this one, or not this way round."""
    for match in _OTHER_SCALE.finditer(text):
        top = match["top"] or match["of"] or match["point"]
        if top is None or int(top) > dimension.high:
            return True
    return False
