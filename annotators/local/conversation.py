"""A request as the turns of a chat, in the shape that chat templates read."""

import functools
from collections.abc import Sequence
from typing import Any

Message = dict[str, Any]
_IMAGE: dict[str, Any] = {"type": "image"}


def conversation(
    system: str, user: str, *, captions: Sequence[tuple[str, int]], n_images: int
) -> list[Message]:
    """The rubric, then the clip's words and pictures; several clips each after its caption.

    ``captions``: words before a clip's frames, and how many frames. They add up to ``n_images``.
    """
    parts: list[dict[str, Any]] = [_words(user)]
    for words, n_frames in captions:
        parts += [_words(words), *[_IMAGE] * n_frames]
    if not captions:
        parts += [_IMAGE] * n_images
    return [
        {"role": "system", "content": [_words(system)]},
        {"role": "user", "content": parts},
    ]


def _words(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def as_text(processor: Any, messages: Sequence[Message]) -> str:
    """The text of a request as the model's chat template writes it.

    A prompt is data that anybody may have written: where it spells one of the tokens that the model
    steers by (``<|im_end|>``, ``<image>``), a blank is put behind the token's first letter.
    """
    signs = _signs(processor)
    safe = [
        {**message, "content": [_defused(part, signs) for part in message["content"]]}
        for message in messages
    ]
    return processor.apply_chat_template(safe, add_generation_prompt=True, tokenize=False)


def _defused(part: dict[str, Any], signs: Sequence[str]) -> dict[str, Any]:
    if part["type"] != "text":
        return part
    text = part["text"]
    for sign in signs:
        text = text.replace(sign, f"{sign[0]} {sign[1:]}")
    return {**part, "text": text}


def _signs(processor: Any) -> tuple[str, ...]:
    """Every token that stands for itself and not for letters, the longest first."""
    return _signs_of(processor.tokenizer, _image_token(processor) or "")


@functools.lru_cache(maxsize=8)
def _signs_of(tokenizer: Any, image_token: str) -> tuple[str, ...]:
    added = (token.content for token in tokenizer.added_tokens_decoder.values() if token.special)
    found = {image_token, *added, *tokenizer.all_special_tokens}
    return tuple(sorted((sign for sign in found if len(sign) > 1), key=lambda s: (-len(s), s)))


def _image_token(processor: Any) -> str | None:
    token = getattr(processor, "image_token", None)
    return token if isinstance(token, str) else None
