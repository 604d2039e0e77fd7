"""What the engine is asked and what it answers, whoever asks."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from PIL import Image

from annotators.local.conversation import Message


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One reply to be made. Equal jobs get equal replies, up to rounding."""

    key: str  # of what is drawn: another key, another draw
    messages: Sequence[Message]
    pictures: tuple[Image.Image, ...]
    schema: dict[str, Any] | None  # None: free text
    temperature: float  # 0: the most likely token
    top_p: float  # 1: every token
    max_tokens: int
    top_logprobs: int = 0  # alternatives to note with each token; 0: none are noted


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """A token of a reply and how likely it was, before the schema took anything away (natural
    logarithms, at temperature 1), with the alternatives."""

    raw: bytes
    logprob: float
    top: tuple[tuple[bytes, float], ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the model said."""

    text: str
    finish_reason: str  # stop or length
    input_tokens: int
    output_tokens: int
    spoken: tuple[Spoken, ...] = ()  # where the job asked for them


class JobFailed(Exception):
    """There is no reply; the message says what to do. ``too_large``: memory or length do not suffice."""

    def __init__(self, message: str, *, too_large: bool = False, memory: bool = False) -> None:
        super().__init__(message)
        self.message, self.too_large = message, too_large or memory
        self.memory = memory  # it may suffice for fewer at once
