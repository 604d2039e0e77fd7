"""Answers about several videos in objects: a choice, a ranking, ranks by letter, one per dimension."""

from collections.abc import Iterator
from typing import Any

from annotators.verdict.mentions import RATIONALE_FIELDS, Names, bare, normal
from annotators.verdict.objects import WRAPPERS, Pairs
from annotators.verdict.order_lines import concluded
from annotators.verdict.order_sentences import sentences
from annotators.verdict.orders import (
    ODD,
    SEVERAL,
    TIE,
    TURNED,
    Answer,
    NoOrder,
    Order,
    Said,
    answer_of,
    letter_of,
    worst_first,
)
from schemas import Reason

_CHOICES = """
    choice verdict final_verdict final_choice answer final_answer vote winner preference preferred
    better best decision selection selected pick preferred_video better_video best_video chosen
    chosen_video winning_video overall_winner"""
_RANKINGS = """
    ranking rankings ranked rank ranks order final_ranking ranking_order ranked_videos
    ranking_best_to_worst best_to_worst ranking_best_first final_order"""
CHOICE_FIELDS = frozenset(_CHOICES.split())
RANK_FIELDS = frozenset(_RANKINGS.split())
_SUBJECT_FIELDS = ("dimension", "aspect", "criterion", "criteria", "metric", "question", "scale")
_LETTER_FIELDS = ("video", "clip", "letter", "label", "id", "name", "video_id", "option")
_PLACE_FIELDS = ("rank", "place", "position", "ranking")
_EMPTY = NoOrder(reason=Reason.NO_ANSWER, message="the reply names the field, but no answer in it")


def in_object(pairs: Pairs, names: Names, n_clips: int, about: str | None = None) -> Iterator[Said]:
    """Every answer of an object, flat, one object per dimension, listed, or wrapped."""
    fields = {normal(field): value for field, value in pairs}
    told = [fields[f] for f in _SUBJECT_FIELDS if isinstance(fields.get(f), str)]
    only = names.only.name if names.only else None
    if told:
        named = names.dimension(told[0])
        about, only = (named.name if named else None), None
    subject = about or only
    if _by_letter(pairs):  # numbers that nobody called ranks may as well be scores
        yield _said(subject, ODD, pairs, n_clips)
        return
    for field, value in pairs:
        yield from _in_field(field, value, pairs, names, n_clips, subject)


def _in_field(
    field: str, value: Any, pairs: Pairs, names: Names, n_clips: int, subject: str | None
) -> Iterator[Said]:
    name, named = normal(field), names.dimension(field)
    answers = name in CHOICE_FIELDS or name in RANK_FIELDS
    if named and isinstance(value, Pairs):
        yield from in_object(value, names, n_clips, named.name)
    elif named and isinstance(value, str | list):
        yield _said(named.name, _value(value, n_clips, ranks=True), pairs, n_clips)
    elif worst_first(name.replace("_", " ")) and isinstance(value, str | list):
        yield _said(subject, TURNED, pairs, n_clips)
    elif name in RANK_FIELDS and isinstance(value, Pairs) and (places := _by_rank(value)):
        yield _said(subject, _by_place(places), pairs, n_clips)
    elif answers and isinstance(value, Pairs):
        yield from in_object(value, names, n_clips, subject)
    elif answers:
        yield _said(subject, _value(value, n_clips, ranks=name in RANK_FIELDS), pairs, n_clips)
    elif name in WRAPPERS and isinstance(value, Pairs):
        yield from in_object(value, names, n_clips, subject)
    elif name in WRAPPERS and isinstance(value, list):
        for inner in value:
            if isinstance(inner, Pairs):
                yield from in_object(inner, names, n_clips, subject)
    elif names.is_other(field) and _other(value, n_clips):
        yield Said(dimension=None, answer=_EMPTY)


def _other(value: Any, n_clips: int) -> bool:
    if isinstance(value, Pairs):
        return any(normal(field) in CHOICE_FIELDS | RANK_FIELDS for field, _ in value)
    return isinstance(value, str) and answer_of(value, n_clips) is not None


def _said(dimension: str | None, answer: Answer, pairs: Pairs, n_clips: int) -> Said:
    words = [v for f, v in pairs if normal(f) in RATIONALE_FIELDS and isinstance(v, str)]
    return Said(
        dimension=dimension,
        answer=answer,
        rationale=words[0].strip() or None if words else None,
        beside=tuple(answer for why in words for answer in concluded(why, n_clips)),
    )


def _value(value: Any, n_clips: int, *, ranks: bool) -> Answer:
    if isinstance(value, str):
        spoken = answer_of(value, n_clips, ranked=ranks)
        if spoken is None:
            spoken = next(iter(sentences(value, n_clips)), None)
        return spoken or (ODD if len(value.strip(" .-?_<>")) > 0 and not _blank(value) else _EMPTY)
    if isinstance(value, list):
        return _listed(value, n_clips) if ranks else (SEVERAL if len(value) > 1 else _EMPTY)
    return ODD if isinstance(value, float) else _EMPTY


def _blank(value: str) -> bool:
    return bare(value) in ("", "null", "n_a", "unknown", "none_given")


def _listed(values: list[Any], n_clips: int) -> Answer:
    """A list of letters, best first; of objects that name a letter each, and perhaps its rank."""
    if not values:
        return _EMPTY
    if all(isinstance(value, Pairs) for value in values):
        return _entries(values)
    letters: list[str] = []
    for value in values:
        answer = answer_of(value, n_clips) if isinstance(value, str) else None
        if isinstance(value, list) or answer is TIE:
            return TIE
        if not isinstance(answer, Order) or len(answer.letters) > 1:
            return ODD
        letters += answer.letters
    return Order(letters=tuple(letters))


def _entries(values: list[Pairs]) -> Answer:
    found = []
    for at, pairs in enumerate(values):
        fields = {normal(field): value for field, value in pairs}
        letter = next((letter_of(str(fields[f])) for f in _LETTER_FIELDS if f in fields), None)
        place = next((fields[f] for f in _PLACE_FIELDS if f in fields), None)
        if letter is None or not isinstance(place, float | None):
            return ODD
        found.append((letter, at + 1.0 if place is None else place))
    return _by_place(found)


def _by_letter(pairs: Pairs) -> list[tuple[str, float]]:
    """The numbers of ``{"A": 2, "B": 1}``; empty where anything else stands in the object."""
    found = [(letter_of(field), value) for field, value in pairs]
    sure = [(letter, value) for letter, value in found if letter and isinstance(value, float)]
    return sure if len(sure) == len(found) else []


def _by_rank(pairs: Pairs) -> list[tuple[str, float]]:
    """Ranks, by letter or the other way round: ``{"1": "B", "2": "A"}``."""
    if not all(field.isdecimal() and isinstance(value, str) for field, value in pairs):
        return _by_letter(pairs)
    found = [(letter_of(value), float(field)) for field, value in pairs]
    sure = [(letter, place) for letter, place in found if letter]
    return sure if len(sure) == len(found) else []


def _by_place(found: list[tuple[str, float]]) -> Answer:
    places = sorted(place for _, place in found)
    if len(set(places)) < len(places):
        return TIE
    if places != [float(at + 1) for at in range(len(places))]:
        return ODD  # as scores are
    return Order(letters=tuple(letter for letter, _ in sorted(found, key=lambda one: one[1])))
