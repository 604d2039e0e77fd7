"""What an answer about several videos is: one letter, or letters in an order, best first.

Everything here reads a short text that is the answer and nothing else; where in a reply such a text
stands is for ``order_fields`` and ``order_lines`` to say.
"""

import dataclasses
import re

from schemas import Reason

NOUN = r"(?i:videos?|clips?|models?|options?|candidates?|samples?)"
NAME = rf"(?:(?i:the\s+)?{NOUN}[\s_-]*)?[\"'“‘(\[]{{0,3}}[A-Z][\"'”’)\]]{{0,3}}(?![A-Za-z'’])"
_ONE = re.compile(
    rf"(?:(?:the\s+)?{NOUN}[\s_-]*)?(?P<letter>[a-z])"
    r"|(?:the\s+)?(?P<place>first|second|third|fourth)\s+(?:video|clip)",
    re.IGNORECASE,
)
_BEGINS = re.compile(rf"(?:{_ONE.pattern})(?![a-z])", re.IGNORECASE)
_PLACES = {"first": "A", "second": "B", "third": "C", "fourth": "D"}
_DRESS = re.compile(r"[*_`\"'“”‘’\[\](){}$\u2600-\u27bf\U0001f300-\U0001faff]|\\boxed|\s[.]\Z")
_TIE = re.compile(
    r"(?:(?:it(?:'s| is)|they are|(?:overall )?(?:a|an|the)) )?"
    r"(?:tie[ds]?|draw|equal(?:ly good)?|same|identical|both|neither|none|"
    r"no (?:preference|difference|winner)|either|indistinguishable)"
    r"(?: (?:are )?(?:videos?|of them|good|bad|equal(?:ly good)?))*",
    re.IGNORECASE,
)
_ABOVE = re.compile(r"\s*(?:>+|≻+|→|-+>|=>)\s*")
_LISTED = re.compile(r"\s*(?:,\s*then\b|\bthen\b|[,;])\s*", re.IGNORECASE)
_NUMBERED = re.compile(rf"\s*(?P<number>\d)[.)]\s*(?P<name>{NAME})\s*[,;]?")
_CHAIN = re.compile(  # an order, and the reason for it
    rf"(?P<order>{NAME}(?:\s*[>≻]+\s*{NAME})+)\s*(?:[.;(–—]\s|-\s|,?\s(?i:because|since|as|due\s+to)\s)(?P<why>.+)"
)
_EITHER = re.compile(r"\s*(?:/|\||\bor\b|\band\b|&|\bvs\.?)\s*", re.IGNORECASE)
_LEVEL = re.compile(r"\s*(?:=+|~|≈)\s*")
_WORSE = re.compile(r"\s*(?:<+|≺+)\s*")
_BEHIND = re.compile(  # what may follow the one letter of an answer without changing it
    r"(?P<one>.{1,24}?)\s*(?:[-–—:,(.;]\s+|\s(?=because\b|since\b|as\b|due\s+to\b|(?:is|wins)\s*\Z"
    r"|is\s+(?:better|best|the\s+(?:better|best|winner))\W*\Z))(?P<why>.+)",
    re.IGNORECASE | re.DOTALL,
)
_UNSURE = re.compile(
    r"\b(?:or|but|though|although|unless|if|not|wait|actually|no|rather|instead|however|maybe|"
    r"correction|reconsider\w*|choice|verdict|answer|winner|vote)\b",
    re.IGNORECASE,
)
_NOTHING = frozenset(("", "null", "none given", "n/a", "na", "-", "?", "...", "…", "unknown"))
_TURNED = re.compile(r"\b(?:worst|least|lowest|bad)\b.{0,12}\b(?:to|first)\b", re.IGNORECASE)
WORST_FIRST = "the order is given with the worst first; the best first was asked for"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Letters, best first; one letter alone is the best of them."""

    letters: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NoOrder:
    """An answer that is no order."""

    reason: Reason
    message: str


Answer = Order | NoOrder


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One place of a reply that answers.

    ``dimension`` is None where it answers something that was not asked; ``beside`` holds what the
    rationale of the same object concludes.
    """

    dimension: str | None
    answer: Answer
    rationale: str | None = None
    beside: tuple[Answer, ...] = ()


ODD = NoOrder(reason=Reason.OFF_SCALE, message="the reply answers with nothing that was offered")
TIE = NoOrder(
    reason=Reason.OFF_SCALE, message="the judge answers with a tie, though none was offered"
)
SEVERAL = NoOrder(reason=Reason.SEVERAL_ANSWERS, message="the reply names several videos at once")
TURNED = NoOrder(reason=Reason.OFF_SCALE, message=WORST_FIRST)


def worst_first(text: str) -> bool:
    """Whether words about a ranking say that it begins with the worst."""
    return _TURNED.search(text) is not None


def answer_of(
    text: str, n_clips: int, *, ranked: bool = False, reasons: bool = True
) -> Answer | None:
    """The answer that a text is, with whatever dress: ``B``, ``**Video B**``, ``B > A``, ``[C, B, A]``.

    ``ranked``: the text is called a ranking; else two letters and a comma may be two answers.
    ``reasons``: a reason may follow the one letter. None where it is no answer: empty, or words about
    something else.
    """
    if len(text) > 200:
        return None
    text = re.sub(r"(?<=\S)\s\((?=[A-Za-z])", " - ", text)  # a reason in brackets
    bare = " ".join(_DRESS.sub("", text).split()).strip(" .!,;:")
    if bare.lower() in _NOTHING:
        return None
    if letter := letter_of(bare):
        return Order(letters=(letter,))
    if _TIE.fullmatch(bare):
        return TIE
    if n_clips > 2 and re.fullmatch(rf"[A-Z]{{{n_clips}}}", bare) and len(set(bare)) == n_clips:
        return Order(letters=tuple(bare))
    if numbered := _numbered(bare):
        return numbered
    if not _BEGINS.match(bare):  # most lines
        return None
    order = _chain(bare, listed=ranked or n_clips > 2) or _reasoned_chain(bare)
    return order or (_reasoned(bare) if reasons else None)


def _numbered(text: str) -> Order | None:
    """``1. C 2. A 3. B``, on one line."""
    items = list(_NUMBERED.finditer(text))
    if len(items) < 2 or _NUMBERED.sub("", text).strip(" ."):
        return None
    if [int(item["number"]) for item in items] != list(range(1, len(items) + 1)):
        return None
    return Order(letters=tuple(str(letter_of(item["name"])) for item in items))


def letter_of(text: str) -> str | None:
    """The one letter that a text names: ``B``, ``b``, ``Video B``, ``the second video``."""
    found = _ONE.fullmatch(text.strip())
    if found is None:
        return None
    return _PLACES[found["place"].lower()] if found["place"] else found["letter"].upper()


def _chain(text: str, *, listed: bool) -> Answer | None:
    """Letters with one kind of sign between them; ``A > B, C`` may be anything."""
    for signs, answer in ((_LEVEL, TIE), (_EITHER, SEVERAL), (_WORSE, TURNED)):
        parts = [one for part in signs.split(text) for one in _ABOVE.split(part)]
        if signs.search(text) and all(map(letter_of, parts)):
            return answer
    for signs in (_ABOVE, _LISTED):
        letters = [letter_of(part) for part in signs.split(text)]
        if len(letters) > 1 and all(letters):
            if signs is _LISTED and not listed and "then" not in text:
                return SEVERAL
            return Order(letters=tuple(letter for letter in letters if letter))
    return None


def _reasoned_chain(text: str) -> Answer | None:
    found = _CHAIN.fullmatch(text)
    if found is None or _UNSURE.search(found["why"][:80]):
        return None
    return _chain(found["order"], listed=False)


def _reasoned(text: str) -> Answer | None:
    """``B - it is sharper``; not where the reason takes it back or names another answer."""
    found = _BEHIND.fullmatch(text)
    letter = letter_of(found["one"]) if found else None
    if found is None or letter is None or _UNSURE.search(found["why"][:80]):
        return None
    return SEVERAL if letter_of(found["why"].strip(" .")) else Order(letters=(letter,))


def settled(answer: Order, letters: tuple[str, ...]) -> Answer:
    """The order of all letters that were shown; of two the other one follows from the first."""
    given = answer.letters
    if strange := [letter for letter in given if letter not in letters]:
        return _off(f"{strange[0]} is no video that was shown ({', '.join(letters)})")
    if twice := [letter for letter in letters if given.count(letter) > 1]:
        return _off(f"the ranking names {twice[0]} more than once")
    if len(letters) == 2 and len(given) == 1:
        return Order(letters=(given[0], *(letter for letter in letters if letter != given[0])))
    if missing := [letter for letter in letters if letter not in given]:
        return _off(f"the ranking lacks {', '.join(missing)}")
    return answer


def _off(message: str) -> NoOrder:
    return NoOrder(reason=Reason.OFF_SCALE, message=message)
