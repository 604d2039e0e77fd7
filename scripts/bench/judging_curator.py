"""Contestant ``curator``: the same work through bespokelabs-curator, all pictures in one prompt.

It gets everything that makes it fast: rate limits out of reach, no viewer, no telemetry, no display,
pictures by path (it reads each when its turn comes). Its own table of finished runs is on, as it always
is, but every run has a folder of its own, so every request is sent.
"""

import importlib.util
import os
from typing import Any

from judging_work import MODEL, RESPONSE_FORMAT, SYSTEM, USER, arguments, measure

work = arguments()
litellm = importlib.util.find_spec("litellm")
assert litellm is not None
os.environ |= {
    "TELEMETRY_ENABLED": "false",
    "CURATOR_DISABLE_CACHE": "true",
    "CURATOR_DISABLE_RICH_DISPLAY": "1",
    "CURATOR_CACHE_DIR": work.folder,
    "HF_HOME": f"{work.folder}/hf",
    "HF_HUB_OFFLINE": "1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    # it counts tokens with a vocabulary that it would download, and that litellm has brought along
    "TIKTOKEN_CACHE_DIR": f"{os.path.dirname(str(litellm.origin))}/litellm_core_utils/tokenizers",
    "OPENAI_API_KEY": "none",
    "HOME": work.folder,
}

from importlib.metadata import version  # noqa: E402

from bespokelabs import curator  # type: ignore[import-not-found]  # noqa: E402

MANY = 1_000_000_000


class Judge(curator.LLM):  # type: ignore[misc]
    """One prompt per clip."""

    def prompt(self, input: dict[str, Any]) -> Any:
        """The text and the pictures."""
        images = [curator.types.Image(url=path, detail="low") for path in input["paths"]]
        # a system prompt beside pictures ends in an error of its own, so both texts go here
        return (SYSTEM + USER.format(prompt=input["prompt"]), *images)

    def parse(self, input: dict[str, Any], response: str) -> dict[str, Any]:
        """The text as it came."""
        return {"video_id": input["video_id"], "reply": response}


def ask_all() -> int:
    """Ask everything; the number of rows."""
    judge = Judge(
        model_name=MODEL,
        backend="openai",
        generation_params={
            "temperature": 0.3,
            "max_tokens": 512,
            "response_format": RESPONSE_FORMAT,
        },
        backend_params={
            "base_url": work.url,
            "max_concurrent_requests": work.concurrency,
            "max_requests_per_minute": MANY,
            "max_tokens_per_minute": MANY,
            "max_retries": 1,
            "request_timeout": 120,
        },
    )
    rows = [
        {
            "video_id": clip.video_id,
            "prompt": clip.prompt,
            "paths": [work.path(s) for s in clip.sha256],
        }
        for clip, _ in work.items()
    ]
    return sum(bool(row["reply"]) for row in judge(rows).dataset)


if __name__ == "__main__":
    measure(ask_all, {name: version(name) for name in ("bespokelabs-curator", "aiohttp")})
