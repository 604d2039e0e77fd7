"""A reply as the body of a chat completion: the shape in which the journal keeps every reply."""

import json
from typing import Any

from annotators.local.job import Reply, Spoken


def body_of(model: str, fingerprint: str | None, reply: Reply) -> str:
    """JSON, the same character by character for the same reply: it holds no time and no id."""
    return json.dumps(completion_of(model, fingerprint, [reply]), ensure_ascii=False)


def completion_of(model: str, fingerprint: str | None, replies: list[Reply]) -> dict[str, Any]:
    """Replies to one request, with the usage of all together (the request is counted once)."""
    tokens_in, tokens_out = replies[0].input_tokens, sum(r.output_tokens for r in replies)
    return {
        "object": "chat.completion",
        "model": model,
        "system_fingerprint": fingerprint,
        "choices": [_choice(i, reply) for i, reply in enumerate(replies)],
        "usage": {
            "prompt_tokens": tokens_in,
            "completion_tokens": tokens_out,
            "total_tokens": tokens_in + tokens_out,
        },
    }


def _choice(index: int, reply: Reply) -> dict[str, Any]:
    return {
        "index": index,
        "finish_reason": reply.finish_reason,
        "message": {"role": "assistant", "content": reply.text},
        "logprobs": {"content": [_token(one) for one in reply.spoken]} if reply.spoken else None,
    }


def _token(one: Spoken) -> dict[str, Any]:
    top = [_alternative(raw, logprob) for raw, logprob in one.top]
    return {**_alternative(one.raw, one.logprob), "top_logprobs": top}


def _alternative(raw: bytes, logprob: float) -> dict[str, Any]:
    """``bytes`` are exact; ``token`` shows a part of a letter as the replacement character."""
    return {"token": raw.decode(errors="replace"), "logprob": logprob, "bytes": list(raw)}
