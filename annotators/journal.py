"""The journal: every paid reply as the server sent it, kept under a hash of all that shaped it.

Only the store is trusted. A reply is on disk before anybody reads it, so a process killed at any
moment has lost at most what was in flight, and reading it again is free. An entry is never
overwritten: of two replies to equal requests the first one kept is the answer, on every machine.
"""

import asyncio
import concurrent.futures
import dataclasses
import json
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from schemas import Settings
from schemas.ids import canonical_json, sha256_hex
from schemas.store import Store, blob_name

FORMAT = 1


class JournalError(ValueError):
    """An entry cannot be trusted; the message names its file and what to do."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Everything that shapes a reply, and nothing else: no credentials, host, time or retries."""

    kind: str  # of the annotator: which interface was spoken
    model: str
    rubric: str
    rubric_version: int
    system: str
    user: str
    reply_format: str
    reply_schema: dict[str, Any]
    frames: tuple[str, ...]  # SHA-256 of each JPEG as sent, in order
    settings: Settings  # as sent
    draw: int  # so that three draws are the first three of five

    def description(self) -> dict[str, Any]:
        """The request in plain values. Settings that were not sent are left out, so that a setting
        invented later does not change the keys of requests that do not use it."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        settings = dataclasses.asdict(self.settings)
        return fields | {
            "frames": list(self.frames),
            "settings": {k: v for k, v in settings.items() if v is not None},
        }

    @property
    def key(self) -> str:
        """SHA-256 of the canonical JSON of the description."""
        return _key(self.description())


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A paid reply: the body of the response, character by character, and the price that held."""

    key: str
    request: dict[str, Any]
    body: str
    price: dict[str, float] | None = None  # of the day it was bought; not part of the key


class Journal:
    """Entries in a store. Cheap to make: it holds nothing but the store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def get(self, key: str) -> Entry | None:
        """The entry of a key, None if there is none.

        Raises :class:`JournalError` for one that is damaged: buying it again silently would hide
        the damage, and the file may still be mended.
        """
        data = self.store.get(entry_name(key))
        return None if data is None else _read(key, data, self.store.path(entry_name(key)))

    def put(self, request: Request, body: str, price: dict[str, float] | None = None) -> Entry:
        """Keep a reply; on disk when this returns. The entry that was kept first is returned.

        Raises :class:`JournalError` where the store cannot be written, a full disk for example.
        """
        entry = Entry(key=request.key, request=request.description(), body=body, price=price)
        try:
            written = self.store.put(entry_name(entry.key), _write(entry), durable=True)
        except OSError as error:
            path = self.store.path(entry_name(entry.key))
            raise JournalError(f"{path}: cannot be written: {error}") from error
        return entry if written else self.get(entry.key) or entry

    async def once(
        self,
        request: Request,
        buy: Callable[[], AbstractAsyncContextManager[str]],
        price: dict[str, float] | None = None,
    ) -> Entry:
        """The entry of a request, bought by ``buy`` if it is not there.

        ``buy`` yields the body and ends only when it is on disk: whatever limits the requests in
        flight then limits, too, the replies that a kill can lose.

        Equal requests in flight anywhere in this process share one call, and its exception too.
        """
        here, leads = _join(self.store.root, request.key)
        if not leads:
            return await asyncio.shield(asyncio.wrap_future(here))
        try:
            entry = await asyncio.to_thread(self.get, request.key)
            if entry is None:
                async with buy() as body:
                    entry = await asyncio.to_thread(self.put, request, body, price)
        except BaseException as error:
            _leave(self.store.root, request.key).set_exception(error)
            raise
        _leave(self.store.root, request.key).set_result(entry)
        return entry


def entry_name(key: str) -> str:
    """Where the entry of a key lies in the store."""
    return blob_name(key, ".json")


_Flight = concurrent.futures.Future[Entry]
_in_flight: dict[tuple[str, str], _Flight] = {}  # process-wide: annotators may share a journal
_lock = threading.Lock()


def _join(root: str, key: str) -> tuple[_Flight, bool]:
    with _lock:
        found = _in_flight.get((root, key))
        if found is not None:
            return found, False
        flight = _in_flight[root, key] = _Flight()
        flight.set_running_or_notify_cancel()  # a follower that is cancelled must not cancel it
        return flight, True


def _leave(root: str, key: str) -> _Flight:
    with _lock:
        return _in_flight.pop((root, key))


def _key(description: dict[str, Any]) -> str:
    return sha256_hex(canonical_json(description).encode())


def _write(entry: Entry) -> bytes:
    content = {
        "format": FORMAT,
        **dataclasses.asdict(entry),
        "body_sha256": sha256_hex(entry.body.encode()),
    }
    return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()


def _read(key: str, data: bytes, path: str) -> Entry:
    try:
        content = json.loads(data)
        body, request, price = content["body"], content["request"], content["price"]
        whole = content["key"] == key == _key(request) and (
            sha256_hex(body.encode()) == content["body_sha256"]
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise JournalError(
            f"{path}: not a whole journal entry ({error}); restore the file, or "
            "delete it to buy this reply again"
        ) from error
    if not whole:
        raise JournalError(
            f"{path}: its content does not match its own hashes; restore the file, "
            "or delete it to buy this reply again"
        )
    return Entry(key=key, request=request, body=body, price=price)
