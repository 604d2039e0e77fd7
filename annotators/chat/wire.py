"""The bytes of a request, made once: retries send them again, draws share the frames in them.

A request is a few kilobytes of words around a quarter of a megabyte of base64. Walking that as Python
objects, as a client library does for every call, is most of what a call costs; so the body is put
together here and handed to the client as it goes over the wire.
"""

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any

from annotators.chat.spec import ChatSpec
from annotators.journal import Request
from annotators.judge.spec import TOP_LOGPROBS


def image_parts(jpegs: Sequence[bytes], detail: str) -> bytes:
    """The frames as the parts of a user message, in order, each with a comma before it."""
    head = b',{"type":"image_url","image_url":{"url":"data:image/jpeg;base64,'
    tail = b'","detail":' + json.dumps(detail).encode() + b"}}"
    return b"".join(part for jpeg in jpegs for part in (head, base64.b64encode(jpeg), tail))


def shown(request: Request, images: Callable[[tuple[str, ...]], bytes]) -> bytes:
    """What follows the user's words: the frames, those of several clips each after its caption.

    ``images``: the :func:`image_parts` of one clip's frames, by their hashes.
    """
    if not request.captions:
        return images(request.frames)
    parts, first = [], 0
    for words, n_frames in request.captions:
        caption = json.dumps({"type": "text", "text": words}).encode()
        parts += [b",", caption, images(request.frames[first : first + n_frames])]
        first += n_frames
    return b"".join(parts)


def body_around(spec: ChatSpec, request: Request, images: bytes) -> bytes:
    """The JSON body of a chat completion, around what is :func:`shown`."""
    words = json.dumps({"type": "text", "text": request.user}).encode()
    system = json.dumps({"role": "system", "content": request.system}).encode()
    rest = json.dumps({"model": request.model, **sampling(spec, request)}).encode()
    user = b'{"role":"user","content":[' + words + images + b"]}"
    return rest[:-1] + b',"messages":[' + system + b"," + user + b"]}"


def sampling(spec: ChatSpec, request: Request) -> dict[str, Any]:
    """Arguments of a chat completion beside model and messages; what is not set is not sent."""
    settings = request.settings
    # OpenAI's newer models refuse max_tokens, and many other servers know nothing else
    own = any(way.base_url is None for way in spec.ways)
    given = {
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "seed": settings.seed,
        "reasoning_effort": settings.effort,
        "max_completion_tokens" if own else "max_tokens": settings.max_output_tokens,
        "n": settings.choices,
        "logprobs": settings.logprobs,
        "top_logprobs": TOP_LOGPROBS if settings.logprobs else None,
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
