"""What is asked: everything of a question that shapes the reply, as the journal keys it."""

import dataclasses

from annotators.base import Question
from annotators.journal import Request
from annotators.judge.spec import JudgeSpec
from prompts import Rendered, render, render_several, reply_schema
from schemas import Rubric, Settings

LONGER = 4  # times the token cap for a reply that was cut at it: paid for, and worth one more try


def request_of(
    spec: JudgeSpec,
    question: Question,
    *,
    attempt: int = 0,
    longer: bool = False,
    alone: bool = False,
) -> Request:
    """Everything that shapes the reply to a question. No frame is read for it.

    Draws that share a request have the same one: its key is that of draw 0. ``attempt`` counts the
    replies to this question that were set aside; ``longer`` asks again with a larger cap; ``alone``
    asks for this draw only, where it lacks a reply among those of the others.
    """
    rubric = question.rubric
    words = _words(spec, question)
    choices = None if alone else spec.choices(rubric)
    draw = question.draw if choices is None else 0
    return Request(
        kind=spec.interface,
        model=spec.model_name,
        rubric=rubric.name,
        rubric_version=rubric.version,
        system=words.system,
        user=words.user,
        captions=words.captions,
        reply_format=spec.reply_format,
        reply_schema=reply_schema(rubric, len(question.clips)),
        frames=tuple(sha256 for clip in question.clips for sha256 in clip.pictures),
        draw=draw,
        settings=dataclasses.replace(
            effective(spec, rubric, draw, longer=longer),
            choices=choices,
            logprobs=spec.wants_distribution(rubric) or None,
        ),
        attempt=attempt,
        engine=spec.engine,
        occasion=question.occasion,
    )


def _words(spec: JudgeSpec, question: Question) -> Rendered:
    order = f"{question.frames.video_id} {question.draw}" if spec.levels == "shuffled" else None
    if question.others:
        return render_several(
            question.rubric,
            prompt=question.frames.prompt,
            clips=[(len(clip.jpeg_sha256), clip.times_s) for clip in question.clips],
            order_key=order,
            montage=question.frames.montage_columns is not None,
        )
    frames = question.frames
    return render(
        question.rubric,
        prompt=frames.prompt,
        n_frames=len(frames.jpeg_sha256),
        times_s=frames.times_s,
        order_key=order,
        montage=frames.montage_columns is not None,
    )


def requested(spec: JudgeSpec) -> Settings:
    """Settings as the configuration asks for them."""
    return Settings(
        temperature=spec.temperature,
        top_p=spec.top_p,
        seed=spec.seed,
        effort=spec.asked_effort,
        max_output_tokens=spec.max_output_tokens,
        image_detail=spec.shown_detail,
    )


def effective(spec: JudgeSpec, rubric: Rubric, draw: int, *, longer: bool = False) -> Settings:
    """Settings as they are sent: the seed is the draw's own, the cap may have grown."""
    return dataclasses.replace(
        requested(spec),
        seed=None if spec.seed is None else spec.seed + draw,
        max_output_tokens=spec.output_cap(rubric) * (LONGER if longer else 1),
    )
