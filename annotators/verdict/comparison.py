"""What a reply says about several videos: their order, best first, else the reason why there is none.

Strict JSON first, then tolerant of dress, as for scores, and never by guessing: two different answers
are ``several_answers``, whichever comes last. A tie, a letter that was not shown, and a ranking that
lacks a letter or names one twice are ``off_scale``: the judge answered, but not what was asked.
"""

import dataclasses
import html
import re
from typing import Any

from annotators.verdict.lines import rationale_in
from annotators.verdict.mentions import Names
from annotators.verdict.objects import Pairs, take_json, take_xml, whole_json
from annotators.verdict.order_fields import in_object
from annotators.verdict.order_lines import concluded, in_text
from annotators.verdict.orders import NAME, NoOrder, Order, Said, settled
from annotators.verdict.plain import plain, without_thoughts
from annotators.verdict.read import Unusable, unusable
from annotators.verdict.silence import saw_nothing, short, why_silent
from prompts import letters
from schemas import Reason, Rubric

_CUT = re.compile(
    r"\[\[?[\s'\"]*(?:[A-Za-z][\s'\",>=A-Za-z]{0,80})?\Z|(?:\A|[\s*])[A-Z]\s*[>≻→]\s*\Z|(?:\A|\n)\s*\d[.)]\s*\Z"
)
_TAKES_BACK = re.compile(
    r"\b(?i:actually|on\s+second\s+thought|wait|correction|scratch\s+that|i\s+meant|"
    r"let\s+me\s+re(?:vise|consider)|upon\s+re(?:flection|consideration))\b"
    rf"[^.!?\n]{{0,60}}?\b{NAME}"
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """The order that one dimension's reply puts the videos in.

    ``ranking``: the rank of each video in the order shown, 1 = best; no two are alike.
    """

    dimension: str
    ranking: tuple[int, ...]
    rationale: str | None


Comparisons = tuple[Ranked | Unusable, ...]  # one per dimension, in the order of the rubric


def read_comparison(text: str, rubric: Rubric, n_clips: int) -> Comparisons:
    """The order of ``n_clips`` videos (two to 26) on every dimension of the rubric.

    Of two videos a choice and a ranking say the same, so either is read; of more only a ranking of
    all is an answer. Raises ``SetupError`` for a number of videos that cannot have letters.
    """
    shown = letters(n_clips)
    whole = whole_json(text)
    if whole is not None and (exact := _exact(whole, rubric, shown)):
        return exact
    names = Names(rubric)
    found, cut = _said(text, whole, names, n_clips)
    if cut:
        return unusable(rubric, Reason.TRUNCATED, f"the reply is cut off: {short(text[-120:])}")
    if found and saw_nothing(text):
        return unusable(rubric, Reason.REFUSAL, f"the judge says it saw nothing: {short(text)}")
    return tuple(_settle(dimension.name, found, shown, text) for dimension in rubric.dimensions)


def _exact(whole: Pairs, rubric: Rubric, shown: tuple[str, ...]) -> Comparisons | None:
    """The reply that the schema asks for, to the letter; None sends it to the tolerant reading."""
    fields = {dimension.name: whole for dimension in rubric.dimensions}
    if len(fields) > 1:
        fields = dict(whole)
        if len(whole) != len(fields) or fields.keys() != {d.name for d in rubric.dimensions}:
            return None
    said = [_exactly(d.name, fields[d.name], shown) for d in rubric.dimensions]
    return tuple(one for one in said if one) if all(said) else None


def _exactly(dimension: str, pairs: Any, shown: tuple[str, ...]) -> Ranked | None:
    if not isinstance(pairs, Pairs) or len(pairs) != 2:
        return None
    match dict(pairs):
        case {"choice": str(choice), "rationale": str(why)} if len(shown) == 2:
            given = [choice, *(letter for letter in shown if letter != choice)]
        case {"ranking": list(given), "rationale": str(why)}:
            pass
        case _:
            return None
    known = all(isinstance(letter, str) for letter in given) and sorted(given) == list(shown)
    if not known or saw_nothing(why) or any(concluded(why, len(shown))):
        return None
    return _ranked(dimension, given, shown, why)


def _ranked(dimension: str, order: Any, shown: tuple[str, ...], why: str | None) -> Ranked:
    ranks = {letter: rank for rank, letter in enumerate(order, start=1)}
    return Ranked(
        dimension=dimension,
        ranking=tuple(ranks[letter] for letter in shown),
        rationale=(why or "").strip() or None,
    )


def _said(text: str, whole: Pairs | None, names: Names, n_clips: int) -> tuple[list[Said], bool]:
    """Everything in the text that answers, and whether the text ends inside an answer."""
    if whole is not None:
        return list(in_object(whole, names, n_clips)), False
    outside, unfinished = without_thoughts(html.unescape(text))
    strict = take_json(outside, strict=True)  # before anything is changed: rationales are kept
    lenient = take_json(plain(strict.rest), strict=False)
    tags = take_xml(lenient.rest)
    objects = (*strict.objects, *lenient.objects, *tags.objects)
    found = [said for one in objects for said in in_object(one, names, n_clips)]
    rest = tags.rest.replace("\\[", "[").replace("\\]", "]")
    why = rationale_in(strict.rest)
    beside = tuple(concluded(why, n_clips)) if why else ()
    found += [
        dataclasses.replace(one, rationale=why, beside=beside)
        for one in in_text(rest, names, n_clips)
    ]
    if found and _TAKES_BACK.search(rest):
        again = NoOrder(reason=Reason.SEVERAL_ANSWERS, message="the reply takes its answer back")
        found += [Said(dimension=one.dimension, answer=again) for one in found]
    cut = lenient.cut or tags.cut or (unfinished and not found)
    cut = cut or (not found and not objects and text.count("{") > text.count("}"))
    ends = _CUT.search(rest.rstrip(), max(0, len(rest.rstrip()) - 100))
    return found, cut or (ends is not None and not objects)


def _settle(
    dimension: str, found: list[Said], shown: tuple[str, ...], text: str
) -> Ranked | Unusable:
    here = [said for said in found if said.dimension == dimension]
    if not here:
        return _nothing(dimension, text, others=bool(found))
    answers = _distinct([said.answer for said in here], shown)
    if len(answers) > 1:
        said = "; ".join(sorted(_show(answer) for answer in answers))
        return _refused(dimension, Reason.SEVERAL_ANSWERS, f"the reply gives several: {said}")
    (answer,) = answers
    if isinstance(answer, NoOrder):
        if answer.reason is Reason.NO_ANSWER and (silent := why_silent(text))[0] is Reason.REFUSAL:
            return _refused(dimension, *silent)
        return _refused(dimension, answer.reason, answer.message)
    beside = {one.letters[0] for said in here for one in said.beside if isinstance(one, Order)}
    if odd := sorted(beside - {answer.letters[0]}):
        message = f"the answer puts {answer.letters[0]} first, the words beside it say {odd[0]}"
        return _refused(dimension, Reason.CONTRADICTION, message)
    rationales = [said.rationale for said in here if said.rationale]
    return _ranked(dimension, answer.letters, shown, rationales[0] if rationales else None)


def _distinct(given: list[Order | NoOrder], shown: tuple[str, ...]) -> set[Order | NoOrder]:
    """Answers that differ. The best one alone says nothing against an order that it opens."""
    answers = {settled(one, shown) if isinstance(one, Order) else one for one in given}
    tops = {one for one in given if isinstance(one, Order) and len(one.letters) == 1}
    first = {one.letters[0] for one in answers if isinstance(one, Order)}
    if len(shown) > 2 and first and tops and {one.letters[0] for one in tops} == first:
        answers -= {settled(one, shown) for one in tops}
    return answers


def _show(answer: Order | NoOrder) -> str:
    return " > ".join(answer.letters) if isinstance(answer, Order) else answer.message


def _nothing(dimension: str, text: str, *, others: bool) -> Unusable:
    if others:
        message = "the reply answers, but not for this dimension"
        return _refused(dimension, Reason.MISSING_DIMENSION, message)
    return _refused(dimension, *why_silent(text))


def _refused(dimension: str, reason: Reason, message: str) -> Unusable:
    return Unusable(dimension=dimension, reason=reason, message=message)
