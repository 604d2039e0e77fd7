"""Moving loose entries into packs, and small packs into bigger ones.

Something is deleted only when what it holds has been read back from where it stands now, so a kill at
any moment leaves every entry in at least one place, and a second call finishes the work. Loose
entries are read *before* the packs are listed: an entry that another compactor moves meanwhile is
either still the same file, or in a pack that the listing shows. So no two packs differ on a key.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from annotators.journal.entry import Entry, decode, entry_name
from annotators.journal.packs import MOST_BYTES, MOST_ENTRIES, Pack, Packs
from schemas.far import each
from schemas.store import Store

READ_AT_ONCE = 512  # loose entries, held in memory together
SMALL_ENTRIES = MOST_ENTRIES // 4
MANY_SMALL = 16  # packs; fewer are left alone, since merging writes everything once more


def compact(store: Store, packs: Packs, keys: Iterable[str]) -> list[str]:
    """Move the loose entries of these keys into packs. The keys whose loose files are gone now."""
    moved: list[str] = []
    for batch in _batches(store, sorted(set(keys))):
        packs.refresh()
        new = [entry for entry in batch if packs.index.find(entry.key) is None]
        old = [entry for entry in batch if packs.index.find(entry.key) is not None]
        if new:
            packs.write(new)
        # a loose entry that differs from the pack's was paid for as well: it stays on record
        safe = [e.key for e in new] + [e.key for e in old if packs.get(e.key) == e]
        each(lambda key: store.delete(entry_name(key)), safe)
        moved += safe
    packs.refresh()
    _drop_contained(store, packs)
    _merge_small(store, packs)
    return moved


def _batches(store: Store, keys: list[str]) -> Iterator[list[Entry]]:
    """The loose entries that exist, as many at a time as fit into a pack."""
    batch: list[Entry] = []
    n_bytes = 0
    for start in range(0, len(keys), READ_AT_ONCE):
        for found in each(lambda key: _loose(store, key), keys[start : start + READ_AT_ONCE]):
            if found is None:
                continue
            entry, size = found
            if batch and (len(batch) == MOST_ENTRIES or n_bytes + size > MOST_BYTES):
                yield batch
                batch, n_bytes = [], 0
            batch.append(entry)
            n_bytes += size
    if batch:
        yield batch


def _loose(store: Store, key: str) -> tuple[Entry, int] | None:
    data = store.get(entry_name(key))
    return None if data is None else (decode(key, data, store.path(entry_name(key))), len(data))


def _drop_contained(store: Store, packs: Packs) -> None:
    """Delete packs that a bigger one contains: what a kill in the middle of a merge leaves."""
    keys_of, doubled = packs.index.keys_of, _doubled(packs)
    order = sorted(keys_of, key=lambda name: (len(keys_of[name]), name))
    suspects = [name for name in order if np.isin(keys_of[name], doubled).all()]
    for name in suspects:
        # only what comes later in the order counts, so that no two packs make way for each other
        later = order[order.index(name) + 1 :]
        bigger = [other for other in later if np.isin(keys_of[name], keys_of[other]).all()]
        if any(_contains(packs.read(other), packs.read(name)) for other in bigger):
            store.delete(name)
    if suspects:
        packs.refresh()


def _contains(bigger: Pack | None, smaller: Pack | None) -> bool:
    if bigger is None or smaller is None:
        return False
    return all(bigger.get(entry.key) == entry for entry in smaller.entries())


def _doubled(packs: Packs) -> np.ndarray:
    keys = packs.index.keys
    return np.unique(keys[1:][keys[1:] == keys[:-1]])


def _merge_small(store: Store, packs: Packs) -> None:
    """Many small packs become few. One that shares a key with another is left as it is."""
    keys_of, doubled = packs.index.keys_of, _doubled(packs)
    small = [
        name
        for name, keys in sorted(keys_of.items())
        if len(keys) < SMALL_ENTRIES and not np.isin(keys, doubled).any()
    ]
    if len(small) < MANY_SMALL:
        return
    for group in _groups(packs, small):
        packs.write([entry for pack in group.values() for entry in pack.entries()])
        for name in group:
            store.delete(name)
    packs.refresh()


def _groups(packs: Packs, names: list[str]) -> Iterator[dict[str, Pack]]:
    group: dict[str, Pack] = {}
    for name in names:
        pack = packs.read(name)
        if pack is None:
            continue  # another compactor merged it
        together = [*group.values(), pack]
        if (
            sum(len(p.keys) for p in together) > MOST_ENTRIES
            or sum(p.n_bytes for p in together) > MOST_BYTES
        ):
            if len(group) > 1:
                yield group
            group = {}
        group[name] = pack
    if len(group) > 1:
        yield group
