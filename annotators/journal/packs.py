"""Packs: many paid replies in one Parquet file, named by the SHA-256 of its bytes.

Small files are what object stores are slow at. Any Parquet reader can open a pack; where a pack and a
loose file hold one key, the pack is right, and of several packs the one whose name comes first.
"""

import bisect
import dataclasses
import io
import json
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from annotators.journal.entry import FORMAT, Entry, JournalError, check_format
from schemas.far import each
from schemas.ids import canonical_json, sha256_hex
from schemas.store import Store

FOLDER = "packs"
MOST_ENTRIES, MOST_BYTES = 5_000, 64 << 20  # of a pack, before compression
LOADED_BYTES = 256 << 20  # of the packs held in memory
REQUESTS_AT_ONCE = 256  # made into strings at a time
SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("model", pa.string()),
        ("rubric", pa.string()),
        ("draw", pa.int32()),
        ("attempt", pa.int32()),
        ("request", pa.string()),  # canonical JSON, of which the key is the SHA-256
        ("body", pa.string()),
        ("body_sha256", pa.string()),
        ("price", pa.string()),  # JSON
    ],
    metadata={"format": str(FORMAT)},  # of the journal: `entry.FORMAT`
)


def encode_pack(entries: Iterable[Entry]) -> bytes:
    """Entries as a Parquet file, sorted by key, in one row group so that the keys lie together."""
    rows = [_row(entry) for entry in sorted(entries, key=lambda entry: entry.key)]
    file = io.BytesIO()
    pq.write_table(
        pa.Table.from_pylist(rows, schema=SCHEMA),
        file,
        compression="zstd",
        use_dictionary=["model", "rubric", "draw", "attempt", "price"],
        write_statistics=False,
        row_group_size=max(1, len(rows)),
    )
    return file.getvalue()


def pack_name(data: bytes) -> str:
    """Where a pack with these bytes lies in the store."""
    return f"{FOLDER}/{sha256_hex(data)}.parquet"


class Pack:
    """A pack in memory. Raises :class:`JournalError` unless it is what its name says."""

    def __init__(self, name: str, data: bytes, path: str) -> None:
        if pack_name(data) != name:
            raise JournalError(_damaged(path, "its content does not match its own hash"))
        try:
            _check_format(pq.ParquetFile(io.BytesIO(data)), path)
            self._table = pq.read_table(io.BytesIO(data), schema=SCHEMA).combine_chunks()
        except (pa.ArrowException, OSError) as error:
            raise JournalError(_damaged(path, f"not a pack of this program ({error})")) from error
        self.path, self.n_bytes = path, self._table.nbytes
        self.keys: list[str] = self._table["key"].to_pylist()

    def get(self, key: str) -> Entry | None:
        """The entry of a key, None if it is not in this pack."""
        row = bisect.bisect_left(self.keys, key)
        if row == len(self.keys) or self.keys[row] != key:
            return None
        request, body, digest, price = (
            self._table[name][row].as_py() for name in ("request", "body", "body_sha256", "price")
        )
        if sha256_hex(request.encode()) != key or sha256_hex(body.encode()) != digest:
            raise JournalError(_damaged(self.path, f"entry {key} does not match its own hashes"))
        return Entry(key=key, request=json.loads(request), body=body, price=json.loads(price))

    def requests(self) -> Iterator[tuple[str, str]]:
        """Every key with its request as canonical JSON; no body is looked at."""
        for start in range(0, len(self.keys), REQUESTS_AT_ONCE):
            some = self._table["request"].slice(start, REQUESTS_AT_ONCE).to_pylist()
            yield from zip(self.keys[start : start + REQUESTS_AT_ONCE], some, strict=True)

    def entries(self) -> list[Entry]:
        """All of them, in the order of their keys."""
        return [entry for key in self.keys if (entry := self.get(key)) is not None]


@dataclasses.dataclass(frozen=True, slots=True)
class Index:
    """Which pack holds which key, in 68 bytes a key (a set of strings takes 150). Never changes."""

    keys_of: dict[str, np.ndarray]  # pack name -> its keys, 32 bytes each
    names: tuple[str, ...]
    keys: np.ndarray  # of all packs, sorted
    pack: np.ndarray  # number of the pack in names, for each key

    def find(self, key: str) -> str | None:
        """Name of the pack that holds a key."""
        if not len(self.keys):
            return None
        sought = bytes.fromhex(key)
        at = int(np.searchsorted(self.keys, np.bytes_(sought)))
        # as bytes: numpy cuts zeros off the end of a single element
        return self.names[self.pack[at]] if self.keys[at : at + 1].tobytes() == sought else None


def index_of(keys_of: dict[str, np.ndarray]) -> Index:
    """The index over packs; of equal keys the first in the order of names is found."""
    names = tuple(sorted(keys_of))
    if not names:
        return EMPTY
    keys = np.concatenate([keys_of[name] for name in names])
    pack = np.repeat(np.arange(len(names), dtype=np.int32), [len(keys_of[n]) for n in names])
    order = np.argsort(keys, kind="stable")
    return Index(keys_of=keys_of, names=names, keys=keys[order], pack=pack[order])


EMPTY = Index(keys_of={}, names=(), keys=np.array([], "S32"), pack=np.array([], np.int32))


class Packs:
    """The packs of a store: which there are, as of the last refresh, and the last ones read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loaded: OrderedDict[str, Pack] = OrderedDict()
        self._lock = threading.Lock()
        self.index = EMPTY

    def refresh(self) -> None:
        """List the packs and read the keys of new ones. No body is read."""
        while True:
            names = listed(self._store, FOLDER)
            keys_of = dict(zip(names, each(self._keys, names)))
            found = {name: keys for name, keys in keys_of.items() if keys is not None}
            if len(found) == len(names):  # else one was merged into another in the meantime
                break
        if found.keys() != self.index.keys_of.keys():
            self.index = index_of(found)

    def get(self, key: str) -> Entry | None:
        """The entry of a key; None if no pack holds it, or if its pack is gone."""
        name = self.index.find(key)
        pack = None if name is None else self.load(name)
        return None if pack is None else pack.get(key)

    def is_loaded(self, key: str) -> bool:
        """Whether the entry of a key can be had without reading a file."""
        return self.index.find(key) in self._loaded

    def load(self, name: str) -> Pack | None:
        """A pack, None if it is gone. The last ones used stay in memory."""
        with self._lock:  # many ask for the same pack at once: one reads it
            pack = self._loaded.pop(name, None) or self.read(name)
            if pack is not None:
                self._loaded[name] = pack
            while len(self._loaded) > 1 and self._n_bytes() > LOADED_BYTES:
                self._loaded.popitem(last=False)
            return pack

    def read(self, name: str) -> Pack | None:
        """A pack as it lies in the store now."""
        data = self._store.get(name)
        return None if data is None else Pack(name, data, self._store.path(name))

    def write(self, entries: Sequence[Entry]) -> Pack:
        """A new pack, on disk when this returns, and as it was read back.

        Raises :class:`JournalError` where what is read is not what was written.
        """
        data = encode_pack(entries)
        name = pack_name(data)
        self._store.put(name, data, durable=True)
        pack = self.read(name)
        if pack is None or pack.entries() != sorted(entries, key=lambda entry: entry.key):
            raise JournalError(
                f"{self._store.path(name)}: not read back as it was written; no loose entry was "
                "deleted; check the disk, delete this file, and run again"
            )
        return pack

    def _n_bytes(self) -> int:
        return sum(pack.n_bytes for pack in self._loaded.values())

    def _keys(self, name: str) -> "np.ndarray | None":
        if (known := self.index.keys_of.get(name)) is not None:
            return known
        try:
            with self._store.open(name) as file:
                parquet = pq.ParquetFile(file)
                _check_format(parquet, self._store.path(name))
                keys = parquet.read(columns=["key"])["key"].to_pylist()
            return np.frombuffer(bytes.fromhex("".join(keys)), dtype="S32")
        except FileNotFoundError:
            return None
        except JournalError:
            raise
        except (pa.ArrowException, OSError, KeyError, ValueError) as error:
            path = self._store.path(name)
            raise JournalError(_damaged(path, f"not a whole pack ({error})")) from error


def listed(store: Store, folder: str) -> list[str]:
    """Names in a folder where several files may be merged into one at any moment.

    A listing takes time, and could miss both the new file and the old ones; two equal ones in a row
    have missed nothing.
    """
    before: list[str] | None = None
    while (now := list(store.names(folder))) != before:
        before = now
    return now


def _row(entry: Entry) -> dict[str, object]:
    return {
        "key": entry.key,
        "model": entry.request.get("model"),
        "rubric": entry.request.get("rubric"),
        "draw": entry.request.get("draw"),
        "attempt": entry.request.get("attempt", 0),
        "request": canonical_json(entry.request),
        "body": entry.body,
        "body_sha256": sha256_hex(entry.body.encode()),
        "price": json.dumps(entry.price),
    }


def _check_format(file: pq.ParquetFile, path: str) -> None:
    check_format((file.schema_arrow.metadata or {}).get(b"format"), path)


def _damaged(path: str, why: str) -> str:
    return f"{path}: {why}; restore the file, or delete it to buy all of its replies again"
