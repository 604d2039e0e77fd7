"""The body of a chat completion, read without trust: servers differ, and a reply may say no."""

import dataclasses
import json
from typing import Any

from annotators.chat.errors import printable
from annotators.verdict import Verdict, read_verdict, unusable
from schemas import Reason, Rubric

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

    @property
    def cut(self) -> bool:
        """Whether the reply ended at its token cap."""
        return self.finish_reason == "length"


def is_completion(body: str) -> bool:
    """Whether a body answers at all: an error, or a page of a proxy, does not."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return False
    choices = data.get("choices") if isinstance(data, dict) else None
    return isinstance(choices, list) and bool(choices) and isinstance(choices[0], dict)


def read_completion(body: str) -> Completion:
    """The completion in a body for which :func:`is_completion` holds."""
    data = json.loads(body)
    choice = data["choices"][0]
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
    )


def verdict_of(completion: Completion, rubric: Rubric) -> Verdict:
    """The verdict of a completion.

    Refusals, filters and cuts pass by every reply schema, so they are looked for first.
    """
    if completion.refusal:
        return unusable(rubric, Reason.REFUSAL, f"the judge refused: {completion.refusal[:200]}")
    if completion.finish_reason == "content_filter":
        return unusable(rubric, Reason.CONTENT_FILTER, "the provider's filter stopped the reply")
    if completion.cut:
        return unusable(
            rubric, Reason.TRUNCATED, "the reply reached its token limit; raise max_output_tokens"
        )
    if not completion.text or not completion.text.strip():
        return unusable(rubric, Reason.NO_ANSWER, "the reply is empty")
    return read_verdict(completion.text, rubric)


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
