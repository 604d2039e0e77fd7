"""The history: what every judge said on every occasion, one file each, in a folder or at a URL.

Runs may share it, at the same time too: a file is written once and never changed.
"""

import uuid
from concurrent.futures import ThreadPoolExecutor

from pipeline.sentinels.record import Record, decode, encode
from schemas.options import SetupError
from schemas.store import TEMPORARY, Store

AT_ONCE = 16  # files that are read at the same time: an object store takes its time for each


class History:
    """Records by shelf (see :func:`~pipeline.sentinels.record.shelf`) and occasion; read once each."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: dict[str, Record] = {}

    def get(self, shelf: str, occasion: str) -> Record | None:
        """The record of an occasion, None if there is none. Raises :class:`SetupError` if damaged."""
        name = _name(shelf, occasion)
        if name not in self._read and (data := self._store.get(name)) is not None:
            self._read[name] = self._decoded(name, data)
        return self._read.get(name)

    def before(self, shelf: str, occasion: str) -> list[Record]:
        """The records of a shelf that began before an occasion, the oldest first."""
        names = [n for n in self._store.names(shelf) if n < _name(shelf, occasion)]
        new = [name for name in names if name not in self._read]
        with ThreadPoolExecutor(AT_ONCE) as threads:
            for name, data in zip(new, threads.map(self._store.get, new), strict=True):
                if data is not None:  # deleted by hand since it was listed
                    self._read[name] = self._decoded(name, data)
        return [self._read[name] for name in names if name in self._read]

    def put(self, shelf: str, record: Record) -> Record:
        """Keep a record; the one that was kept first is returned."""
        name = _name(shelf, record.occasion)
        try:
            self._store.put(name, encode(record), durable=True)
        except OSError as error:
            raise SetupError(
                f"sentinels.history: {self._store.path(name)} cannot be written: {error}; the replies "
                "are in the journal: make room or correct the path, and run again"
            ) from error
        return self.get(shelf, record.occasion) or record

    def _decoded(self, name: str, data: bytes) -> Record:
        try:
            return decode(data)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SetupError(
                f"sentinels.history: {self._store.path(name)} is not a whole record ({error!r}); "
                "restore the file, or delete it to compare without that occasion"
            ) from error


def check_writable(root: str) -> None:
    """Raise :class:`SetupError` where no record could be kept: known before a reply is paid for."""
    store, name = Store(root), f"{TEMPORARY}{uuid.uuid4().hex}"
    try:
        store.put(name, b"")
        store.delete(name)
    except OSError as error:
        raise SetupError(
            f"sentinels.history: {root} cannot be written ({error}); name a folder that can, or leave "
            "history out"
        ) from error


def _name(shelf: str, occasion: str) -> str:
    return f"{shelf}/{occasion}.json"
