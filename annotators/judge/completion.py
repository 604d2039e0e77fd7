"""The body of a chat completion, read without trust: servers differ, and a reply may say no."""

import dataclasses
import functools
import json
import math
from collections.abc import Iterator
from typing import Any

from annotators.judge.distribution import Token
from annotators.judge.printable import printable

MOST_TOKENS = 10**9  # a count beyond it is no count


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What matters of a chat completion; None where the server left it out."""

    text: str | None
    refusal: str | None
    finish_reason: str | None
    model: str | None
    system_fingerprint: str | None
    input_tokens: int | None
    output_tokens: int | None  # those of reasoning too
    cached_tokens: int  # of the input tokens: billed at less by some providers
    logprobs: tuple[Token, ...] = ()  # of the reply's tokens, where they were asked for and came

    @property
    def cut(self) -> bool:
        """Whether the reply ended at its token cap."""
        return self.finish_reason == "length"


def is_completion(body: str) -> bool:
    """Whether a body answers at all: an error, or a page of a proxy, does not."""
    try:
        data = _parsed(body)
    except (ValueError, RecursionError):
        return False
    choices = data.get("choices") if isinstance(data, dict) else None
    return isinstance(choices, list) and bool(choices) and isinstance(choices[0], dict)


def read_completion(body: str) -> Completion:
    """The first reply in a body for which :func:`is_completion` holds, with the usage of all."""
    data = _parsed(body)
    return _completion(data, data["choices"][0])


def read_choice(body: str, index: int) -> Completion | None:
    """One of several replies in a body; None where the server gave fewer."""
    data = _parsed(body)
    choices = [_mapping(choice) for choice in data["choices"]]
    numbers = [_count(choice.get("index")) for choice in choices]
    if None in numbers or len(set(numbers)) < len(numbers):  # it does not count them
        numbers = list(range(len(choices)))
    return _completion(data, choices[numbers.index(index)]) if index in numbers else None


# every draw of a shared request reads its body several times, and log-probabilities make it large:
# 0.2 MB a reply, 8 ms to parse
@functools.lru_cache(16)
def _parsed(body: str) -> Any:
    return json.loads(body)


def _completion(data: dict[str, Any], choice: dict[str, Any]) -> Completion:
    message, usage = _mapping(choice.get("message")), _mapping(data.get("usage"))
    return Completion(
        text=_text(message.get("content")),
        refusal=_string(message.get("refusal")),
        finish_reason=_string(choice.get("finish_reason")),
        model=_string(data.get("model")),
        system_fingerprint=_string(data.get("system_fingerprint")),
        input_tokens=_count(usage.get("prompt_tokens")) or None,  # 0: it did not count
        output_tokens=_output_tokens(usage),
        cached_tokens=_count(_mapping(usage.get("prompt_tokens_details")).get("cached_tokens"))
        or 0,
        logprobs=tuple(_tokens(_mapping(choice.get("logprobs")).get("content"))),
    )


def _tokens(content: Any) -> Iterator[Token]:
    """What can be read of the log-probabilities; whoever uses them finds out what is missing."""
    for one in map(_mapping, content if isinstance(content, list) else ()):
        top = one.get("top_logprobs")
        yield Token(
            text=_as_text(one),
            logprob=_logprob(one.get("logprob")),
            top=tuple(
                (_as_text(other), _logprob(other.get("logprob")))
                for other in map(_mapping, top if isinstance(top, list) else ())
            ),
            raw=_raw(one.get("bytes")),
        )


def _as_text(token: dict[str, Any]) -> str:
    said = token.get("token")
    return said if isinstance(said, str) else ""


def _raw(value: Any) -> bytes | None:
    try:
        return bytes(value) if isinstance(value, list) else None
    except (TypeError, ValueError):
        return None


def _logprob(value: Any) -> float:
    real = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if real and not math.isnan(value) else -math.inf


def _output_tokens(usage: dict[str, Any]) -> int | None:
    """Some servers (xAI, Gemini) count reasoning in the total alone, and bill it as output."""
    total, tokens_in, tokens_out = (
        _count(usage.get(name)) for name in ("total_tokens", "prompt_tokens", "completion_tokens")
    )
    if total is None or tokens_in is None or tokens_out is None:
        return tokens_out
    return max(tokens_out, total - tokens_in)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _string(value: Any) -> str | None:
    return printable(value) if isinstance(value, str) and value else None


def _count(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value <= MOST_TOKENS else None


def _text(content: Any) -> str | None:
    if isinstance(content, list):  # some servers answer in parts
        return "".join(_string(_mapping(part).get("text")) or "" for part in content)
    return _string(content)
