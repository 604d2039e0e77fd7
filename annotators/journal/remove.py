"""Taking entries out for good: replies about a clip whose owner took it back.

The one place where a paid reply is deleted that stands nowhere else. A pack is written anew without
those rows, and on disk, before the old one goes, so a kill leaves every other entry in at least one place
and a second call finishes the work. Other processes may compact meanwhile: loose entries are looked
through before the packs, and all once more until nothing was found, so one that was moved is met in its
new place.
"""

import dataclasses
import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from annotators.journal.entry import decode
from annotators.journal.marks import FOLDER as ASIDE
from annotators.journal.marks import keys_in, write_marks
from annotators.journal.packs import FOLDER, Pack, encode_pack, listed, pack_name
from schemas.far import each
from schemas.store import Store

Wanted = Callable[[str, dict[str, Any]], bool]  # key and request of an entry: whether it goes
LOOSE = re.compile(r"[0-9a-f]{2}/([0-9a-f]{64})\.json\Z")
ROUNDS = 100
_READ_AT_ONCE = 256


@dataclasses.dataclass(slots=True, kw_only=True)
class Removed:
    """What was taken out, or would be."""

    keys: set[str] = dataclasses.field(default_factory=set)
    loose: int = 0
    packed: int = 0
    packs: int = 0  # that were written anew, or deleted
    marks: int = 0


def remove(store: Store, wanted: Wanted, *, dry: bool = False, also: Iterable[str] = ()) -> Removed:
    """Delete every entry that is ``wanted``, loose or packed, and its marks.

    ``dry``: only count. ``also``: keys that were taken out before a kill, whose marks may still be there.
    Raises :class:`~annotators.journal.JournalError` for a damaged entry: what it shows is unknown.
    """
    found = Removed(keys=set(also))
    for _ in range(ROUNDS):
        n_loose, n_packed = _loose(store, wanted, found, dry), _packed(store, wanted, found, dry)
        if dry or not n_loose + n_packed:
            break
    else:
        raise RuntimeError(f"{store.root}: entries come as fast as they go; end what writes there")
    found.marks = _marks(store, found.keys, dry)
    return found


def _loose(store: Store, wanted: Wanted, found: Removed, dry: bool) -> int:
    names = [name for name in store.names() if LOOSE.match(name)]
    gone: list[str] = []
    for start in range(0, len(names), _READ_AT_ONCE):
        some = names[start : start + _READ_AT_ONCE]
        gone += [
            name
            for name, hit in zip(some, each(lambda n: _is(store, n, wanted), some), strict=True)
            if hit
        ]
    if not dry:
        each(store.delete, gone)
    found.keys |= {_key(name) for name in gone}
    found.loose += len(gone)
    return len(gone)


def _is(store: Store, name: str, wanted: Wanted) -> bool:
    data = store.get(name)
    if data is None:
        return False  # moved into a pack meanwhile
    key = _key(name)
    return wanted(key, decode(key, data, store.path(name)).request)


def _key(name: str) -> str:
    return name.rsplit("/", 1)[-1].removesuffix(".json")


def _packed(store: Store, wanted: Wanted, found: Removed, dry: bool) -> int:
    n = 0
    for name in listed(store, FOLDER):
        data = store.get(name)
        if data is None:
            continue  # merged into another meanwhile, which the next round meets
        pack = Pack(name, data, store.path(name))
        gone = {key for key, request in pack.requests() if wanted(key, json.loads(request))}
        if not gone:
            continue
        if not dry:
            _rewrite(store, name, pack, gone)
        found.keys |= gone
        found.packed += len(gone)
        found.packs += 1
        n += len(gone)
    return n


def _rewrite(store: Store, name: str, pack: Pack, gone: set[str]) -> None:
    """The pack without these entries, read back before the old one is deleted."""
    kept = [entry for entry in pack.entries() if entry.key not in gone]
    if kept:
        data = encode_pack(kept)
        new = pack_name(data)
        store.put(new, data, durable=True)
        back = store.get(new)
        if back is None or Pack(new, back, store.path(new)).entries() != kept:
            raise OSError(f"{store.path(new)}: not read back as it was written; check the disk")
    store.delete(name)


def _marks(store: Store, keys: set[str], dry: bool) -> int:
    n = 0
    for name in listed(store, ASIDE):
        marked = keys_in(store, name)
        if not marked or not marked & keys:
            continue
        n += len(marked & keys)
        if not dry:
            if marked - keys:
                write_marks(store, marked - keys)
            store.delete(name)
    return n
