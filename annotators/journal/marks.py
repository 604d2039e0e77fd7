"""Marks: files in the journal that name replies which count no more (a refusal asked again, say).

Marks are only ever added, so a file whose keys stand in another one may go at any moment.
"""

import json
from collections.abc import Iterable

from annotators.journal.compact import MANY_SMALL
from annotators.journal.entry import FORMAT, JournalError, check_format
from annotators.journal.packs import listed
from schemas.far import each
from schemas.ids import canonical_json, sha256_hex
from schemas.store import Store

FOLDER = "aside"


def write_marks(store: Store, keys: Iterable[str]) -> str:
    """A file that marks these keys, on disk when this returns. Its name."""
    data = (canonical_json({"format": FORMAT, "keys": sorted(keys)}) + "\n").encode()
    name = _name(data)
    try:
        store.put(name, data, durable=True)
    except OSError as error:
        raise JournalError(f"{store.path(name)}: cannot be written: {error}") from error
    return name


def read_marks(store: Store) -> set[str]:
    """All marked keys."""
    while True:
        files = each(lambda name: keys_in(store, name), listed(store, FOLDER))
        marks = [keys for keys in files if keys is not None]
        if len(marks) == len(files):  # else one was merged into another in the meantime
            return set().union(*marks)


def merge_marks(store: Store) -> None:
    """Many files of marks become one."""
    names = listed(store, FOLDER)
    if len(names) < MANY_SMALL:
        return
    files = {name: keys_in(store, name) for name in names}
    merged = write_marks(store, set().union(*(keys for keys in files.values() if keys)))
    if keys_in(store, merged) is not None:
        each(store.delete, [name for name in names if name != merged])


def keys_in(store: Store, name: str) -> set[str] | None:
    """What one file marks, None if it is gone. Raises :class:`JournalError` where it is damaged."""
    data = store.get(name)
    if data is None:
        return None
    if name != _name(data):
        raise JournalError(
            f"{store.path(name)}: its content does not match its own hash; restore the file, or "
            "delete it to let the replies count that it set aside"
        )
    content = json.loads(data)
    check_format(content.get("format"), store.path(name))
    return set(content["keys"])


def _name(data: bytes) -> str:
    return f"{FOLDER}/{sha256_hex(data)}.json"
