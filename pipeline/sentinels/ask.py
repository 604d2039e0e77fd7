"""Judges asked about the sentinels, all at the same time, through the door that a run uses."""

import contextlib
from collections.abc import Sequence
from typing import Any

from annotators.base import Outcome, Question, Resources
from annotators.journal import Journal
from annotators.judge.spec import JudgeSpec
from annotators.ledger import SENTINELS
from schemas import FrameSet, Rubric

Answers = list[tuple[Question, Sequence[Outcome]]]


def questions(
    clips: Sequence[FrameSet], rubrics: Sequence[Rubric], draws: int, occasion: str
) -> list[Question]:
    """Every clip under every rubric, so many times."""
    return [
        Question(frames=frames, rubric=rubric, draw=draw, occasion=occasion, purpose=SENTINELS)
        for frames in clips
        for rubric in rubrics
        for draw in range(draws)
    ]


def ask(
    judges: Sequence[JudgeSpec], asked: Sequence[Question], resources: Resources
) -> dict[str, Answers]:
    """Answers by annotator_id. Replies that the journal holds are free, new ones are kept there."""
    with contextlib.ExitStack() as opened:
        waiting: list[tuple[str, Question, Any]] = []
        for judge in judges:
            annotator = judge.open(resources)
            opened.callback(annotator.close)
            waiting += [(judge.annotator_id, one, annotator.submit(one)) for one in asked]
        answers: dict[str, Answers] = {judge.annotator_id: [] for judge in judges}
        for annotator_id, question, future in waiting:
            answers[annotator_id].append((question, future.result()))
    _compact(answers, resources)
    return answers


def _compact(answers: dict[str, Answers], resources: Resources) -> None:
    """A year of nights leaves no hundred thousand small files in the journal."""
    outcomes = (o for found in answers.values() for _, many in found for o in many)
    keys = {o.reply_key for o in outcomes if o.reply_key is not None}
    if keys:
        Journal(resources.journal).compact(keys)
