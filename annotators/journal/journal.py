"""The journal: every paid reply as the server sent it, kept under a hash of all that shaped it.

Only the store is trusted. A reply is on disk before anybody reads it, so a process killed at any
moment has lost at most what was in flight, and reading it again is free. An entry is never
overwritten: of two replies to equal requests the first one kept is the answer, on every machine.

``ab/KEY.json`` are loose entries, ``packs/SHA256.parquet`` many at once, ``aside/SHA256.json`` the
keys of replies that count no more. Where a pack and a loose file hold one key, the pack is right.
Every file states its format (`entry.FORMAT`): those of older ones are read, a newer one is refused.
"""

import asyncio
import concurrent.futures
import os
import re
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager

from annotators.journal.compact import compact
from annotators.journal.entry import Entry, JournalError, Request, decode, encode, entry_name
from annotators.journal.marks import merge_marks, read_marks, write_marks
from annotators.journal.packs import FOLDER, Packs
from schemas.store import Store

_LOOSE = re.compile(r"[0-9a-f]{2}/([0-9a-f]{64})\.json\Z")
AT_MOST_MOVED = 5  # times an entry may be moved while it is being read


class Journal:
    """Entries in a store. What there is, is listed once, when it is first asked for.

    An object store is then asked for nothing that the listing does not name; what another process
    buys later is seen after :meth:`refresh`. On a local disk a look is cheap and made every time.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._packs = Packs(store)
        self._loose: set[str] = set()
        self._aside: set[str] = set()
        self._listed = False
        self._stamp = 0  # of the folder of packs, on a local disk
        self._lock = threading.RLock()
        with _lock:
            self._kept = _kept.setdefault(store.root, set())

    def get(self, key: str) -> Entry | None:
        """The entry of a key, None if there is none.

        Raises :class:`JournalError` for one that is damaged: buying it again silently would hide
        the damage, and the file may still be mended.
        """
        for _ in range(AT_MOST_MOVED):
            if not self.known(key):
                return None
            if (entry := self._read(key)) is not None:
                return entry
            # moved into a pack, or its pack into another, after the listing; or deleted by hand
            self._kept.discard(key)
            self.refresh()
        path = self.store.path(entry_name(key))
        raise JournalError(f"{path}: listed again and again, and not there when it is opened")

    def known(self, key: str) -> bool:
        """Whether there is an entry, as far as the listing tells. No file is opened."""
        self._list()
        if key in self._loose or key in self._kept or self._packs.index.find(key) is not None:
            return True
        if self.store.local is None:
            return False
        if self.store.exists(entry_name(key)):
            self._loose.add(key)
            return True
        self._list_packs(only_if_changed=True)
        return self._packs.index.find(key) is not None

    def put(self, request: Request, body: str, price: dict[str, float] | None = None) -> Entry:
        """Keep a reply; on disk when this returns. The entry that was kept first is returned.

        Raises :class:`JournalError` where the store cannot be written, a full disk for example.
        """
        key = request.key
        if self.known(key) and (first := self.get(key)) is not None:
            return first
        entry = Entry(key=key, request=request.description(), body=body, price=price)
        try:
            written = self.store.put(
                entry_name(key), encode(entry, request.canonical), durable=True
            )
        except OSError as error:
            path = self.store.path(entry_name(key))
            raise JournalError(f"{path}: cannot be written: {error}") from error
        self._kept.add(key)
        return entry if written else self.get(key) or self.put(request, body, price)

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
            entry = await self._look(request.key)
            if entry is None:
                async with buy() as body:
                    entry = await asyncio.to_thread(self.put, request, body, price)
        except BaseException as error:
            _leave(self.store.root, request.key).set_exception(error)
            raise
        _leave(self.store.root, request.key).set_result(entry)
        return entry

    def set_aside(self, keys: Iterable[str]) -> None:
        """Mark replies that count no more, so that the next attempt is asked for. They stay."""
        self._list()
        new = set(keys) - self._aside
        if new:
            with self._lock:  # a listing that is under way would not show them
                write_marks(self.store, new)
                self._aside |= new

    def is_set_aside(self, key: str) -> bool:
        """Whether a reply is marked, as far as the listing tells."""
        self._list()
        return key in self._aside

    def compact(self, keys: Iterable[str]) -> int:
        """Move the loose entries of these keys into packs. How many were moved.

        Safe against a kill and against other readers, writers and compactors at any moment.
        Raises :class:`JournalError` for a damaged entry, and then nothing is lost.
        """
        self.refresh()
        try:
            moved = compact(self.store, self._packs, (k for k in keys if k in self._loose))
            merge_marks(self.store)
        except OSError as error:
            raise JournalError(
                f"{self.store.root}: replies cannot be moved into packs: {error}; all are kept"
            ) from error
        self._loose.difference_update(moved)
        return len(moved)

    def refresh(self) -> None:
        """List anew what there is. Raises :class:`JournalError` if the store cannot be listed."""
        try:
            with self._lock:
                # loose entries before packs: what is moved meanwhile is seen at least once
                found = map(_LOOSE.match, self.store.names())
                loose = {name[1] for name in found if name}
                self._list_packs()
                self._aside = read_marks(self.store)
                self._loose = loose
                self._listed = True
        except OSError as error:
            raise JournalError(
                f"{self.store.root}: cannot be listed: {error}; check that it may be read"
            ) from error

    def _list(self) -> None:
        if not self._listed:
            with self._lock:
                if not self._listed:
                    self.refresh()

    def _list_packs(self, *, only_if_changed: bool = False) -> None:
        stamp = self._folder_stamp()
        if only_if_changed and stamp == self._stamp:
            return
        with self._lock:
            self._packs.refresh()
            self._stamp = stamp  # of before: a change during the listing is seen next time

    def _folder_stamp(self) -> int:
        """Time of the last change of the folder of packs; 0 where there is none to be had cheaply."""
        if self.store.local is None:
            return 0
        try:
            return os.stat(f"{self.store.local}/{FOLDER}").st_mtime_ns
        except FileNotFoundError:
            return 0

    def _read(self, key: str) -> Entry | None:
        packed = self._packs.get(key)
        if packed is not None:
            return packed
        name = entry_name(key)
        data = self.store.get(name)
        return None if data is None else decode(key, data, self.store.path(name))

    async def _look(self, key: str) -> Entry | None:
        """As :meth:`get`, with no more thread hops than needed: a hop costs more than most looks."""
        if self._listed:
            if not self.known(key):
                # what another worker has bought since the listing is not bought again: the bundle that
                # it did not end may be this one
                far = self.store.local is None
                return await asyncio.to_thread(self._read, key) if far else None
            if self._packs.is_loaded(key):
                return self.get(key)
        return await asyncio.to_thread(self.get, key)


_Flight = concurrent.futures.Future[Entry]
_in_flight: dict[tuple[str, str], _Flight] = {}  # process-wide: annotators may share a journal
_kept: dict[str, set[str]] = {}  # likewise: store -> keys that were put since it was listed
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
