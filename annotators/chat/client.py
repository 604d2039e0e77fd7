"""The client of one endpoint: one body out, the reply's text and headers back. It never retries."""

import asyncio
from collections.abc import Mapping

import openai

from annotators.chat import errors
from annotators.chat.completion import is_completion
from annotators.chat.spec import Endpoint

# what makes the client hand over a response unread: text as the server sent it, and its headers
_RAW = {"X-Stainless-Raw-Response": "true", "Content-Type": "application/json"}


class Client:
    """Sends bodies to one endpoint."""

    def __init__(self, way: Endpoint, key: str, *, connections: int, timeout_s: float) -> None:
        limits = type(openai.DEFAULT_CONNECTION_LIMITS)(
            max_connections=connections, max_keepalive_connections=connections
        )
        self.key, self._timeout_s = key, timeout_s
        self._client = openai.AsyncOpenAI(
            api_key=key or "none",
            base_url=way.url,
            http_client=openai.DefaultAsyncHttpxClient(limits=limits, timeout=timeout_s),
            max_retries=0,
            timeout=timeout_s,
        )

    async def post(self, body: bytes) -> tuple[str, Mapping[str, str]]:
        """The text of a completion, as sent, and the headers.

        Raises what the ``openai`` package raises, :class:`TimeoutError`, and
        :class:`~annotators.chat.errors.NoCompletion`.
        """
        async with asyncio.timeout(self._timeout_s):  # the client's own limit is per read
            response = await self._client.post(
                "/chat/completions", cast_to=object, content=body, options={"headers": _RAW}
            )
        text: str = response.text  # type: ignore[attr-defined]
        if not is_completion(text):
            raise errors.NoCompletion(text)
        return text, response.headers  # type: ignore[attr-defined]

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
