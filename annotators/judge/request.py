"""What is asked: everything of a question that shapes the reply, as the journal keys it."""

import dataclasses

from annotators.base import Question
from annotators.chat.spec import ChatSpec
from annotators.journal import Request
from prompts import render, reply_schema
from schemas import Settings

INTERFACE = "openai"  # the same request buys the same reply at once or in a batch
LONGER = 4  # times the token cap for a reply that was cut at it: paid for, and worth one more try


def request_of(
    spec: ChatSpec, question: Question, *, attempt: int = 0, longer: bool = False
) -> Request:
    """Everything that shapes the reply to a question. No frame is read for it.

    ``attempt`` counts the replies to this question that were set aside; ``longer`` asks again with
    a larger cap.
    """
    frames, rubric = question.frames, question.rubric
    words = render(
        rubric, prompt=frames.prompt, n_frames=len(frames.jpeg_sha256), times_s=frames.times_s
    )
    return Request(
        kind=INTERFACE,
        model=spec.model,
        rubric=rubric.name,
        rubric_version=rubric.version,
        system=words.system,
        user=words.user,
        reply_format=spec.reply_format,
        reply_schema=reply_schema(rubric),
        frames=frames.jpeg_sha256,
        draw=question.draw,
        settings=effective(spec, question.draw, longer=longer),
        attempt=attempt,
    )


def requested(spec: ChatSpec) -> Settings:
    """Settings as the configuration asks for them."""
    return Settings(
        temperature=spec.temperature,
        top_p=spec.top_p,
        seed=spec.seed,
        effort=spec.effort,
        max_output_tokens=spec.max_output_tokens,
        image_detail=spec.image_detail,
    )


def effective(spec: ChatSpec, draw: int, *, longer: bool = False) -> Settings:
    """Settings as they are sent: the seed is the draw's own, the cap may have grown."""
    return dataclasses.replace(
        requested(spec),
        seed=None if spec.seed is None else spec.seed + draw,
        max_output_tokens=spec.max_output_tokens * (LONGER if longer else 1),
    )
