"""The client of one endpoint: one body out, the reply's text and headers back. It never retries."""

import asyncio
import itertools
import json
from collections.abc import Mapping
from typing import Any

import httpx2  # what the openai package speaks through
import openai

from annotators.chat import errors
from annotators.chat.spec import Endpoint
from annotators.judge.completion import is_completion

# what makes the client hand over a response unread: text as the server sent it, and its headers
_RAW = {"X-Stainless-Raw-Response": "true", "Content-Type": "application/json"}
# A pool looks at each of its idle connections for every request; with all 256 in one pool that was
# 45 % of the CPU of a call (scripts/bench/judging.py), so each keeps this many.
PER_POOL = 16
LONGEST_CONNECT_S = 20.0


class Client:
    """Sends bodies to one endpoint. ``connections``: how many requests are in flight at most."""

    def __init__(self, way: Endpoint, key: str, *, connections: int, timeout_s: float) -> None:
        self.key, self._timeout_s = key, timeout_s
        # the caller bounds what is in flight; a pool that did, too, would wait while others idle
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=2 * PER_POOL)
        tls = httpx2.create_ssl_context()  # takes 15 ms: one for all pools
        # shorter than an attempt, so that one that never reached the server is known not to be billed
        timeout = httpx2.Timeout(timeout_s, connect=min(timeout_s / 2, LONGEST_CONNECT_S))
        self._clients = [
            openai.AsyncOpenAI(
                api_key=key or "none",
                base_url=way.url,
                default_headers=headers_for(way, key),
                # no redirects: frames would go where nobody sent them, or nothing at all
                http_client=openai.DefaultAsyncHttpxClient(
                    limits=limits, timeout=timeout, verify=tls, follow_redirects=False
                ),
                max_retries=0,
                timeout=timeout,
            )
            for _ in range(-(-connections // PER_POOL))
        ]
        self._in_turn = itertools.cycle(self._clients)

    async def post(self, body: bytes) -> tuple[str, Mapping[str, str]]:
        """The text of a completion, as sent, and the headers.

        Raises what the ``openai`` package raises, :class:`TimeoutError`, and
        :class:`~annotators.chat.errors.NoCompletion`.
        """
        async with asyncio.timeout(self._timeout_s):  # the client's own limit is per read
            response = await next(self._in_turn).post(
                "/chat/completions", cast_to=object, content=body, options={"headers": _RAW}
            )
        text = _text(response)
        if not is_completion(text):
            raise errors.NoCompletion(text, response)
        return text, response.headers  # type: ignore[attr-defined]

    async def close(self) -> None:
        """Close the connections."""
        for client in self._clients:
            await client.close()


def headers_for(way: Endpoint, key: str) -> dict[str, Any]:
    """Headers against what the package takes from the environment: accounts at OpenAI go to no
    other server, and nothing replaces the key."""
    own = {"Authorization": f"Bearer {key or 'none'}"}
    if way.base_url is None:
        return own
    return {**own, "OpenAI-Organization": openai.Omit(), "OpenAI-Project": openai.Omit()}


def _text(response: Any) -> str:
    """JSON shows its encoding, UTF-8 nearly always, whatever the header says (RFC 8259, section
    8.1); where it does not hold, what the header says."""
    try:
        return response.content.decode(json.detect_encoding(response.content))
    except UnicodeDecodeError:
        return response.text
