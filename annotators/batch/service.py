"""The calls of a Files and Batches API. Each is repeated where that is safe, a bounded number of times.

A call that was answered by nothing may have worked all the same: before a file is uploaded or a batch
created again, it is looked for on the server, by its name.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import openai
from openai.types import Batch
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

from annotators.base import RunStopped
from annotators.batch.state import Shard
from annotators.chat import errors
from annotators.chat.client import headers_for
from annotators.chat.spec import Endpoint

T = TypeVar("T")
PAGE = 100  # files or batches on one page of a list


class Torn(Exception):
    """A call was answered by something that is no answer, or by half of one; it may pass."""


class Unreachable(RunStopped):
    """Errors that may pass outlasted the attempts."""


class Service:
    """One server and account.

    Every method raises :class:`RunStopped` for an error that ends the run, :class:`Unreachable`
    among them; nothing that was bought is lost by it.
    """

    def __init__(
        self, way: Endpoint, key: str, state: Path, *, timeout_s: float, max_attempts: int
    ) -> None:
        self._state, self.key, self._url, self._max_attempts = state, key, way.url, max_attempts
        self._client = openai.AsyncOpenAI(
            api_key=key or "none",
            base_url=way.url,
            default_headers=headers_for(way, key),
            max_retries=0,
            timeout=timeout_s,
        )

    async def upload(self, shard: Shard, path: Path, *, maybe_done: bool) -> str:
        """The id of the file; ``maybe_done``: an earlier call may have uploaded it."""

        async def attempt(again: bool) -> str:
            if (maybe_done or again) and (found := await self._find_file(_file_name(shard))):
                return found
            with open(path, "rb") as file:  # read as it is sent: it is large
                content = (_file_name(shard), file, "application/jsonl")
                return _id(await self._client.files.create(file=content, purpose="batch"))

        return await self._call(f"upload {shard.name}", attempt)

    async def create(self, shard: Shard, *, maybe_done: bool) -> Batch:
        """The batch of an uploaded shard; ``maybe_done``: an earlier call may have created it."""

        async def attempt(again: bool) -> Batch:
            if (maybe_done or again) and (found := await self._find_batch(shard)):
                return found
            try:
                batch = await self._client.batches.create(
                    completion_window="24h",
                    endpoint="/v1/chat/completions",  # as a line of the file says, too
                    input_file_id=shard.file_id or "",
                    metadata={"videoprefer": shard.name},
                )
            except openai.BadRequestError as error:
                if "find file" in error.message:  # one that was uploaded a moment ago
                    raise Torn(errors.said(error, self.key)) from error
                raise
            _id(batch)
            return batch

        return await self._call(f"create {shard.name}", attempt)

    async def retrieve(self, batch_id: str) -> Batch:
        """How a batch stands."""

        async def attempt(again: bool) -> Batch:
            batch = await self._client.batches.retrieve(batch_id)
            if _id(batch) != batch_id:
                raise Torn(f"asked for batch {batch_id}, got {batch.id}")
            return batch

        return await self._call(f"poll {batch_id}", attempt)

    async def download(self, file_id: str, path: Path) -> None:
        """The content of a file, written as it comes."""

        async def attempt(again: bool) -> None:
            files = self._client.files.with_streaming_response
            async with files.content(file_id) as response:
                try:
                    await response.stream_to_file(path)
                except OSError:  # the disk's fault
                    raise
                except Exception as error:  # the client leaves errors of its transport as they are
                    raise Torn(f"the file broke off: {error!r}") from error

        await self._call(f"download {file_id}", attempt)

    async def delete(self, file_id: str) -> None:
        """Remove a file from the server. One that cannot be removed stays: it costs nothing."""
        try:
            await self._client.files.delete(file_id)
        except openai.APIError:
            return

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _find_file(self, name: str) -> str | None:
        async for file in self._client.files.list(purpose="batch", limit=PAGE):
            if file.filename == name:
                return file.id
        return None

    async def _find_batch(self, shard: Shard) -> Batch | None:
        async for batch in self._client.batches.list(limit=PAGE):
            named = (batch.metadata or {}).get("videoprefer") == shard.name
            if named and batch.id not in shard.refused:
                return batch
        return None

    async def _call(self, name: str, attempt: Callable[[bool], Awaitable[T]]) -> T:
        """``attempt`` is told whether it was tried before."""
        tried = False

        async def once() -> T:
            nonlocal tried
            again, tried = tried, True
            return await attempt(again)

        retrying = AsyncRetrying(
            retry=retry_if_exception(_may_pass),
            wait=errors.wait_for(name),
            stop=stop_after_attempt(self._max_attempts),
            reraise=True,
        )
        try:
            return await retrying(once)
        except Exception as error:
            raise self._stopped(name.split()[0], error) from error

    def _stopped(self, what: str, error: Exception) -> RunStopped:
        reason = errors.reason_of(error)
        said = errors.said(error, self.key)
        if _may_pass(error):
            return Unreachable(
                f"{self._url}: {what} failed {self._max_attempts} times: {said}; batches that were "
                "created go on there, and the same command resumes"
            )
        if getattr(error, "status_code", None) in (404, 405):
            said += (
                ". A server without a Batch API is for `kind: openai`; batches and files that are "
                "gone were made with another key, or are too old: delete their folder below "
                f"{self._state} to give them up"
            )
        return RunStopped(f"{self._url}: {what}: {reason}: {said}")


def _file_name(shard: Shard) -> str:
    return f"videoprefer-{shard.name}.jsonl"


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, Torn) or errors.is_transient(error)


def _id(thing: object) -> str:
    found = getattr(thing, "id", None)  # the client hands over whatever the server sent
    if not isinstance(found, str) or not found:
        raise Torn(f"no id in the reply: {str(thing)[:200]!r}")
    return found
