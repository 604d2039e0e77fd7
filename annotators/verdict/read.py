"""From the text of a reply to one score per dimension, or to the reason why there is none.

Strict JSON first. Then everything in the text that plainly is an answer is collected: objects
inside fences or prose, tags, tables, and lines such as ``Rating: 4``. If all of it agrees, that is
the answer; if it does not, nobody knows which one was meant: ``several_answers``, or
``contradiction`` where the number and the scale's own word for a level disagree. A number that
merely occurs in the text is never taken for a score.
"""

import dataclasses
from typing import Any

from annotators.verdict.alone import bare_answer
from annotators.verdict.fields import doubtful, in_object
from annotators.verdict.lines import rationale_in, read_lines
from annotators.verdict.mentions import Mention, Names
from annotators.verdict.objects import Pairs, take_json, take_xml, whole_json
from annotators.verdict.plain import plain, without_thoughts
from annotators.verdict.sentences import takes_back
from annotators.verdict.silence import saw_nothing, short, why_silent
from schemas import Dimension, Reason, Rubric


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The score of one dimension: always one of the scale's own numbers."""

    dimension: str
    score: int
    rationale: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """Why there is no score for one dimension."""

    dimension: str
    reason: Reason
    message: str


Verdict = tuple[Judgement | Unusable, ...]  # one per dimension, in the order of the rubric


def read_verdict(text: str, rubric: Rubric) -> Verdict:
    """The verdict in the text of a reply, on every dimension of the rubric."""
    whole = whole_json(text)
    if whole is not None and (verdict := _exact(whole, rubric)):
        return verdict
    names = Names(rubric)
    found, cut = (
        (list(in_object(whole, names)), False) if whole is not None else _mentions(text, names)
    )
    if cut:
        return unusable(rubric, Reason.TRUNCATED, f"the reply is cut off: {short(text[-120:])}")
    said = [mention.rationale for mention in found if mention.rationale]
    if found and (saw_nothing(text) or any(map(saw_nothing, said))):
        return unusable(rubric, Reason.REFUSAL, f"the judge says it saw nothing: {short(text)}")
    return tuple(
        _settle(
            dimension,
            [m for m in found if m.dimension == dimension.name],
            text,
            any_found=any(not (m.loose and isinstance(m.value, Reason)) for m in found),
        )
        for dimension in rubric.dimensions
    )


def unusable(rubric: Rubric, reason: Reason, message: str) -> tuple[Unusable, ...]:
    """The same reason for every dimension: a refusal, a filter, a cut."""
    return tuple(
        Unusable(dimension=dimension.name, reason=reason, message=message)
        for dimension in rubric.dimensions
    )


def _exact(whole: Pairs, rubric: Rubric) -> Verdict | None:
    """The verdict of an object that is what the reply schema asks for, to the letter.

    None sends it to the tolerant reading: another shape, a score off the scale, or a rationale that
    may say something else than its number.
    """
    fields = {dimension.name: whole for dimension in rubric.dimensions}
    if len(fields) > 1:
        fields = dict(whole)
        if len(whole) != len(fields) or fields.keys() != {d.name for d in rubric.dimensions}:
            return None
    said = [_exactly(fields[dimension.name], dimension) for dimension in rubric.dimensions]
    return tuple(one for one in said if one) if all(said) else None


def _exactly(pairs: Any, dimension: Dimension) -> Judgement | None:
    if not isinstance(pairs, Pairs) or len(pairs) != 2:
        return None
    match dict(pairs):
        case {"score": float(score), "rationale": str(why)}:
            known = any(score == point.score for point in dimension.scale)
            if known and not doubtful(why, dimension):
                return Judgement(
                    dimension=dimension.name, score=int(score), rationale=why.strip() or None
                )
    return None


def _mentions(text: str, names: Names) -> tuple[list[Mention], bool]:
    """Everything in the text that answers, and whether the text ends inside an answer."""
    outside, unfinished = without_thoughts(text)
    strict = take_json(outside, strict=True)  # before anything is changed: rationales are kept
    lenient = take_json(plain(strict.rest), strict=False)
    tags = take_xml(lenient.rest)
    objects = (*strict.objects, *lenient.objects, *tags.objects)
    found = [mention for one in objects for mention in in_object(one, names)]
    found += _in_text(tags.rest, strict.rest, names, bare=not objects)
    if found and takes_back(tags.rest):
        names_found = {m.dimension for m in found}
        found += [Mention(dimension=name, value=Reason.SEVERAL_ANSWERS) for name in names_found]
    cut = lenient.cut or tags.cut or (unfinished and not found) or _list_left_open(tags.rest)
    if not found and not objects and text.count("{") > text.count("}"):
        cut = True
    return found, cut


def _in_text(text: str, raw: str, names: Names, *, bare: bool) -> list[Mention]:
    found = bare_answer(text, names.only) if bare and names.only else []
    rationale = rationale_in(raw)
    return [dataclasses.replace(m, rationale=rationale) for m in found + read_lines(text, names)]


def _list_left_open(rest: str) -> bool:
    """Whether what surrounds the objects is the start of a list that never ends."""
    around = "".join(rest.split())
    return around.startswith("[") and not around.strip("[,")


def _settle(
    dimension: Dimension, found: list[Mention], text: str, *, any_found: bool
) -> Judgement | Unusable:
    numbers = {m.value for m in found if isinstance(m.value, float)}
    levels = {m.level for m in found if m.level is not None}
    values = numbers | {
        m.value for m in found if isinstance(m.value, Reason) and _counts(m, numbers)
    }
    if not values:
        return _nothing(dimension, text, any_found=any_found and not found)
    if len(values) > 1:
        said = ", ".join(sorted(_show(value) for value in values))
        return _refused(dimension, Reason.SEVERAL_ANSWERS, f"the reply gives several: {said}")
    value = values.pop()
    if value is Reason.NO_ANSWER and (silent := why_silent(text))[0] is Reason.REFUSAL:
        return _refused(dimension, *silent)
    if isinstance(value, Reason):
        return _refused(dimension, value, "the reply names the field, but no single number of it")
    return _on_scale(dimension, value, levels, found)


def _on_scale(
    dimension: Dimension, value: float, levels: set[int], found: list[Mention]
) -> Judgement | Unusable:
    points = {point.score: point.label for point in dimension.scale}
    if value not in points:
        message = f"{value:g} is no level of the scale {dimension.low} to {dimension.high}"
        return _refused(dimension, Reason.OFF_SCALE, message)
    if odd := [points[level] for level in sorted(levels) if level != value]:
        message = f"the number is {value:g}, the words beside it say {odd[0]!r}"
        return _refused(dimension, Reason.CONTRADICTION, message)
    rationales = [mention.rationale for mention in found if mention.rationale]
    return Judgement(
        dimension=dimension.name, score=int(value), rationale=rationales[0] if rationales else None
    )


def _counts(mention: Mention, numbers: set[float]) -> bool:
    """A level's word instead of a number is held against the number elsewhere, if there is one."""
    if mention.value is not Reason.NO_ANSWER:
        return True
    return not mention.loose and not (numbers and mention.level is not None)


def _show(value: float | Reason) -> str:
    return value.replace("_", " ") if isinstance(value, Reason) else f"{value:g}"


def _nothing(dimension: Dimension, text: str, *, any_found: bool) -> Unusable:
    if any_found and not saw_nothing(text):
        return _refused(dimension, Reason.MISSING_DIMENSION, "the reply scores other dimensions")
    reason, message = why_silent(text)
    return _refused(dimension, reason, message)


def _refused(dimension: Dimension, reason: Reason, message: str) -> Unusable:
    return Unusable(dimension=dimension.name, reason=reason, message=message)
