"""What is sent for a question: the part that shapes the reply (journal key), and its wire form."""

import dataclasses
from typing import Any

from annotators.base import Question
from annotators.chat import OpenAISpec
from annotators.journal import Request
from prompts import render, reply_schema
from schemas import Settings


def request_of(spec: OpenAISpec, question: Question) -> Request:
    """Everything that shapes the reply to a question. No frame is read for it."""
    frames, rubric = question.frames, question.rubric
    words = render(
        rubric, prompt=frames.prompt, n_frames=len(frames.jpeg_sha256), times_s=frames.times_s
    )
    return Request(
        kind=spec.kind,
        model=spec.model,
        rubric=rubric.name,
        rubric_version=rubric.version,
        system=words.system,
        user=words.user,
        reply_format=spec.reply_format,
        reply_schema=reply_schema(rubric),
        frames=frames.jpeg_sha256,
        draw=question.draw,
        settings=effective(spec, question.draw),
    )


def requested(spec: OpenAISpec) -> Settings:
    """Settings as the configuration asks for them."""
    return Settings(
        temperature=spec.temperature,
        top_p=spec.top_p,
        seed=spec.seed,
        max_output_tokens=spec.max_output_tokens,
        image_detail=spec.image_detail,
    )


def effective(spec: OpenAISpec, draw: int) -> Settings:
    """Settings as they are sent: the seed is the draw's own."""
    seed = None if spec.seed is None else spec.seed + draw
    return dataclasses.replace(requested(spec), seed=seed)


def message_parts(request: Request, urls: list[str]) -> list[dict[str, Any]]:
    """The user message: the clip's prompt, then its frames in order."""
    detail = request.settings.image_detail
    images = [{"type": "image_url", "image_url": {"url": url, "detail": detail}} for url in urls]
    return [{"type": "text", "text": request.user}, *images]


def sampling(spec: OpenAISpec, request: Request) -> dict[str, Any]:
    """Arguments of a chat completion beside model and messages; what is not set is not sent."""
    settings = request.settings
    # OpenAI's newer models refuse max_tokens, and many other servers know nothing else
    cap = "max_tokens" if spec.base_url else "max_completion_tokens"
    given = {
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "seed": settings.seed,
        cap: settings.max_output_tokens,
        "response_format": _response_format(request),
    }
    return {name: value for name, value in given.items() if value is not None}


def _response_format(request: Request) -> dict[str, Any] | None:
    if request.reply_format == "json_schema":
        return {
            "type": "json_schema",
            "json_schema": {"name": "verdict", "strict": True, "schema": request.reply_schema},
        }
    return {"type": "json_object"} if request.reply_format == "json_object" else None
