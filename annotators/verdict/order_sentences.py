"""Sentences that say which video is better, or that none is.

As with scores, a sentence is an answer because every word of it up to its end belongs to a closed
list: ``Video B is clearly better.``, ``I prefer B because it is sharper.`` What names one point
(``better in colour``) is not on it.
"""

import re
from collections.abc import Iterator

from annotators.verdict.orders import NAME, TIE, Answer, Order, letter_of
from annotators.verdict.sentences import split

_CHOOSES = (  # no sentence of either kind is without one of its words: cheap to look for
    "better", "best", "superior", "prefer", "winner", "stronger", "wins", "choose", "chose", "pick",
    "select", "vote", "go with", "favor", "favour",
)  # fmt: skip
_LEVELS = (
    "equal", "good", "bad", "same", "identical", "tie", "draw", "comparable", "indistinguishable",
    "better", "difference", "winner", "preference",
)  # fmt: skip
_NAME = rf"(?:{NAME}|(?i:the\s+(?:first|second)\s+(?:video|clip)))"
_SUMS_UP = (
    r"(?i:overall|in\s+(?:conclusion|summary|short)|to\s+(?:conclude|sum\s+up)|all\s+in\s+all"
    r"|all\s+things\s+considered|on\s+(?:balance|the\s+whole)|therefore|thus|hence|so|finally|consequently|ultimately"
    r"|(?:based\s+on|considering|given)\b[^.!?:;\"“]{1,120},"
    r"|in\s+my\s+(?:opinion|view|judge?ment)|between\s+(?:the\s+two|A\s+and\s+B))"
)
_BUT = r"(?i:(?:but|however|yet|still|and),?\s+)?"  # spoils what was said before
_SAYS = r"(?i:I\s+(?:think|believe|find|conclude|would\s+say|'d\s+say)(?:\s+that)?\s+)?"
_HOW = (
    r"(?i:(?:(?:clearly|slightly|overall|marginally|significantly|much|far|by\s+far|somewhat|definitely|"
    r"therefore|generally|noticeably|a\s+bit|a\s+little|obviously|ultimately|simply|still|considerably|"
    r"the|overall)\s+){0,3})"
)
_BETTER = (
    r"(?i:(?:clear\s+|overall\s+)?(?:better|best|superior|preferred|preferable|winner|stronger)"
    r"(?:\s+(?:one|video|clip|choice|option))?(?:\s+(?:overall|in\s+general|of\s+(?:the\s+two|both|all|them)))?)"
)
_THAN = rf"(?:\s+(?i:than|over|to)\s+(?P<than>{_NAME}|(?i:the\s+(?:others?|rest)(?:\s+(?:one|video)s?)?)))?"
_TAIL = (
    r"(?i:[\s*_]*(?:[.!:;](?!\w)|\Z)|\s*[,;—–-]?\s+(?:because|since|as|due\s+to|thanks\s+to|for\s+its|"
    r"which|with)\b(?![^.]*\b(?:but|however|unless|except|if)\b)[^?]*\Z)"
)
_PREFERS = (
    r"(?i:(?:I|we)(?:\s+would|\s+will|['’]d|['’]ll)?\s+(?:therefore\s+|clearly\s+)?(?:prefer|choose|chose|pick|picked|"
    r"select|selected|vote\s+for|go\s+with|favou?r)\s+)"
)
_CHOICE = re.compile(
    rf"{_BUT}(?P<open>(?:{_SUMS_UP},?\s+){{0,2}}){_SAYS}(?:"
    rf"(?P<one>{_NAME})\s+(?i:is|remains|would\s+be|looks)\s+{_HOW}{_BETTER}{_THAN}"
    rf"|(?P<two>{_NAME})\s+{_HOW}(?i:wins|is\s+to\s+be\s+preferred)(?i:\s+overall)?"
    rf"|(?P<I>{_PREFERS})(?P<three>{_NAME}){_THAN.replace('than>', 'over>')}"
    rf"|(?i:the\s+(?:(?:overall|clearly)\s+)?(?:better|best|preferred|superior|winning|winner)"
    rf"(?:\s+(?:video|clip|one|choice|option))?(?:\s+overall)?\s+is\s+)(?P<four>{_NAME})"
    rf"){_TAIL}"
)
_LEVEL = re.compile(
    rf"{_BUT}(?P<open>(?:{_SUMS_UP},?\s+){{0,2}}){_SAYS}(?:"
    r"(?i:(?:both|the\s+two|these|all)(?:\s+(?:of\s+them|videos|clips))?(?:\s+are|\s+look)?\s+(?:\w+ly\s+)?"
    r"(?:equal|good|bad|the\s+same|identical|tied|comparable|indistinguishable|of\s+equal\s+quality)(?:\s+good|\s+bad)?)"
    r"|(?i:(?:it\s+is|it['’]s|this\s+is)\s+(?:a\s+)?(?:tie|draw))"
    r"|(?i:neither(?:\s+(?:video|clip|one))?\s+is\s+better(?:\s+than\s+the\s+other)?)"
    rf"|{_NAME}\s+(?i:and)\s+{_NAME}\s+(?i:are\s+(?:\w+ly\s+)?(?:equal|good|tied|the\s+same|comparable|identical)(?:\s+good)?)"
    r"|(?i:there\s+is\s+no\s+(?:clear\s+|real\s+)?(?:difference|winner|preference)))(?i:\s+overall|\s+in\s+quality)?"
    rf"{_TAIL}"
)
_LONGEST = 20_000


def sentences(text: str, n_clips: int, *, sure: bool = False) -> Iterator[Answer]:
    """What the sentences of a text choose that sum up, open it or end it.

    ``sure``: a tie is no answer, because the text explains one that was given.
    """
    text = text[:_LONGEST]
    words = _CHOOSES if sure else _CHOOSES + _LEVELS
    if not _any(words, text):
        return
    parts = [part for line in text.split("\n") for part in split(line) if part.strip()]
    for at, part in enumerate(parts):
        if not _any(words, part):  # most
            continue
        found = _CHOICE.match(part := part.strip(" \t*_#>-•\"'"))
        level = None if found or sure else _LEVEL.match(part)
        match = found or level
        if not match or not (match["open"] or at in (0, len(parts) - 1) or (found and found["I"])):
            continue
        answer = TIE if level else _chosen(match, n_clips)
        if answer:
            yield answer


def _any(words: tuple[str, ...], text: str) -> bool:
    low = " ".join(text.lower().split())
    return any(word in low for word in words)


def _chosen(found: re.Match[str], n_clips: int) -> Answer | None:
    name = found["one"] or found["two"] or found["three"] or found["four"]
    other = found["than"] or found["over"]
    letter, below = _letter(name), _letter(other) if other else None
    if letter is None or (below and n_clips > 2):  # better than one of them is no order of all
        return None
    return Order(letters=(letter, below) if below else (letter,))


def _letter(name: str) -> str | None:
    return letter_of(re.sub(r"[\"'“”‘’()\[\]*_]", "", name))
