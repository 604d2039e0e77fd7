"""Packs: many replies in one file, moved there without losing or changing one, killed or not."""

import asyncio
import contextlib
import dataclasses
import hashlib
import io
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from object_store import KINDS, open_store

from annotators.journal import Entry, Journal, JournalError, Request, compact, entry_name, marks
from annotators.journal.packs import Packs, encode_pack, pack_name
from schemas import Settings
from schemas.store import Store

PRICE = {"input_usd_per_million": 1.0, "output_usd_per_million": 2.0}


def request(i: int, attempt: int = 0) -> Request:
    return Request(
        kind="openai", model="m", rubric="r", rubric_version=1, system="s", user=f"u{i}",
        reply_format="text", reply_schema={"type": "object"}, frames=("aa",),
        settings=Settings(), draw=i, attempt=attempt,
    )  # fmt: skip


def bought(store: Store, n: int, first: int = 0) -> list[Entry]:
    journal = Journal(store)
    entries = [journal.put(request(i), f"body {i} é", PRICE) for i in range(first, first + n)]
    journal._kept.clear()  # as if another process had bought them: nothing but the store knows
    return entries


def keys(entries: list[Entry]) -> list[str]:
    return [entry.key for entry in entries]


def packs_of(store: Store) -> list[str]:
    return list(store.names("packs"))


def loose_of(store: Store) -> list[str]:
    return [name for name in store.names() if not name.startswith(("packs/", "aside/"))]


def pack_of(store: Store, entries: list[Entry]) -> str:
    """A pack as another compactor would leave it."""
    data = encode_pack(entries)
    store.put(pack_name(data), data)
    return pack_name(data)


class Watched(Store):
    """Counts what is asked of it, and dies before a step where it is told to."""

    def __init__(self, root: str, steps: int | None = None) -> None:
        super().__init__(root)
        self.calls: Counter[str] = Counter()
        self.n_bytes = 0
        self._steps = steps

    def _step(self, what: str) -> None:
        self.calls[what] += 1
        if self._steps is not None and self.calls.total() > self._steps:
            raise Killed

    def get(self, name: str) -> bytes | None:
        self._step("get")
        return super().get(name)

    def exists(self, name: str) -> bool:
        self._step("exists")
        return super().exists(name)

    def put(self, name: str, data: bytes, *, durable: bool = False) -> bool:
        self._step("put")
        return super().put(name, data, durable=durable)

    def delete(self, name: str) -> None:
        self._step("delete")
        super().delete(name)

    def names(self, folder: str = "") -> Iterator[str]:
        self._step("names")
        return super().names(folder)

    def open(self, name: str) -> Any:
        self._step("open")
        outer, whole = self, super().get(name)
        if whole is None:
            raise FileNotFoundError(name)

        class File(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                data = super().read(size)
                outer.n_bytes += len(data)
                return data

        return File(whole)


class Killed(Exception):
    pass


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    yield from open_store(request.param, tmp_path)


@pytest.fixture
def memory(tmp_path: Path) -> Store:
    return Store(f"memory://{tmp_path.name}")


def test_packed_entries_are_what_they_were(store: Store) -> None:
    entries = bought(store, 5)
    journal = Journal(store)
    assert journal.compact(keys(entries)) == 5
    assert (len(packs_of(store)), loose_of(store)) == (1, [])
    for reader in (journal, Journal(store)):
        assert [reader.get(entry.key) for entry in entries] == entries
        assert all(reader.known(entry.key) for entry in entries)
        assert reader.put(request(0), "bought twice") == entries[0]
    assert journal.compact(keys(entries)) == 0


def test_any_parquet_reader_opens_a_pack(tmp_path: Path) -> None:
    (entry,) = bought(Store(str(tmp_path)), 1)
    Journal(Store(str(tmp_path))).compact([entry.key])
    (path,) = (tmp_path / "packs").iterdir()
    (row,) = pq.read_table(path).to_pylist()
    assert hashlib.sha256(path.read_bytes()).hexdigest() == path.stem
    assert hashlib.sha256(row["request"].encode()).hexdigest() == row["key"] == entry.key
    assert row["price"] == '{"input_usd_per_million": 1.0, "output_usd_per_million": 2.0}'
    assert (row["model"], row["rubric"], row["draw"], row["attempt"]) == ("m", "r", 0, 0)
    assert row["body"] == "body 0 é"
    assert row["body_sha256"] == hashlib.sha256("body 0 é".encode()).hexdigest()


def test_only_the_keys_asked_for_are_moved(memory: Store) -> None:
    entries = bought(memory, 4)
    assert Journal(memory).compact([*keys(entries)[:2], "ab" * 32]) == 2
    assert len(loose_of(memory)) == 2


def test_packs_are_bounded(memory: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compact, "MOST_ENTRIES", 3)
    entries = bought(memory, 7)
    assert Journal(memory).compact(keys(entries)) == 7
    assert len(packs_of(memory)) == 3  # 3 + 3 + 1
    monkeypatch.setattr(compact, "MOST_BYTES", 1)
    more = bought(memory, 2, first=7)
    assert Journal(memory).compact(keys(more)) == 2
    assert len(packs_of(memory)) == 5  # one entry each: none fits, and yet each is kept
    assert [Journal(memory).get(e.key) for e in entries + more] == entries + more


def test_unknown_keys_cost_one_listing_and_no_request_each(memory: Store) -> None:
    entries = bought(memory, 3)
    Journal(memory).compact(keys(entries)[:2])
    store = Watched(memory.root)
    journal = Journal(store)
    assert not store.calls  # nothing before it is used
    for i in range(100, 150):
        assert journal.get(request(i).key) is None
        assert not journal.known(request(i).key)
        assert not journal.is_set_aside(request(i).key)
    # the store once, the folders of packs and of marks each until two listings in a row are equal;
    # the keys of the one pack
    assert store.calls == {"names": 5, "open": 1}


def test_known_keys_cost_one_read_and_packed_ones_one_for_all(memory: Store) -> None:
    entries = bought(memory, 9)
    Journal(memory).compact(keys(entries)[:5])
    store = Watched(memory.root)
    journal = Journal(store)
    journal.refresh()
    store.calls.clear()
    assert [journal.get(entry.key) for entry in entries[:5]] == entries[:5]
    assert store.calls == {"get": 1}
    assert [journal.get(entry.key) for entry in entries[5:]] == entries[5:]
    assert store.calls == {"get": 5}


def test_a_listing_reads_no_bodies(memory: Store) -> None:
    """A hundred bodies of 20 kB that do not compress: the keys are 6.4 kB of hexadecimal digits."""
    journal = Journal(memory)
    put = [journal.put(request(i), os.urandom(10_000).hex()) for i in range(100)]
    journal.compact(keys(put))
    (name,) = packs_of(memory)
    assert len(memory.get(name) or b"") > 900_000
    store = Watched(memory.root)
    assert Journal(store).known(put[0].key)
    assert store.calls["get"] == 0
    # pyarrow takes the last 64 KiB of a file at once for its footer
    assert 6_400 / 2 < store.n_bytes < 65_536 + 10_000


def test_the_packs_in_memory_are_bounded(memory: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = bought(memory, 4)
    for entry in entries:
        pack_of(memory, [entry])
    monkeypatch.setattr("annotators.journal.packs.LOADED_BYTES", 1)  # the one in use stays
    store = Watched(memory.root)
    packs = Packs(store)
    packs.refresh()
    for _ in range(2):
        assert [packs.get(entry.key) for entry in entries] == entries
        assert [packs.is_loaded(entry.key) for entry in entries] == [False] * 3 + [True]
    assert store.calls["get"] == 8


def test_a_look_that_needs_no_file_needs_no_thread(
    memory: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = bought(memory, 2)
    journal = Journal(memory)
    journal.compact(keys(entries))
    journal.get(entries[0].key)
    hops: list[str] = []
    to_thread = asyncio.to_thread

    async def counted(do: Any, *arguments: Any) -> Any:
        hops.append(do.__name__)
        return await to_thread(do, *arguments)

    monkeypatch.setattr(asyncio, "to_thread", counted)

    @contextlib.asynccontextmanager
    async def buy() -> AsyncIterator[str]:
        yield "new"

    assert asyncio.run(journal.once(request(1), buy)) == entries[1]
    assert hops == []
    assert asyncio.run(journal.once(request(2), buy)).body == "new"
    assert hops == ["_read", "put"]  # it may have been bought elsewhere since the listing
    assert asyncio.run(Journal(memory).once(request(2), buy)).body == "new"
    assert hops == ["_read", "put", "get"]


def test_processes_on_one_disk_see_each_others_replies(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    early = Journal(store)
    assert not early.known(request(0).key)
    code = "import sys; sys.path.insert(0, sys.argv[2]); import test_packs as t\n"
    code += "t.Journal(t.Store(sys.argv[1])).compact(t.keys(t.bought(t.Store(sys.argv[1]), 1)))\n"
    code += "t.bought(t.Store(sys.argv[1]), 1, first=1)"
    here = Path(__file__).parent
    command = [sys.executable, "-c", code, str(tmp_path), str(here)]
    subprocess.run(command, check=True, cwd=Path.cwd())
    for i in range(2):  # one in a pack, one loose
        assert early.known(request(i).key)
        assert early.put(request(i), "bought twice").body == f"body {i} é"


def test_a_reader_of_long_ago_finds_what_was_moved(store: Store) -> None:
    entries = bought(store, 6)
    early, earlier = Journal(store), Journal(store)
    assert early.known(entries[0].key)
    assert earlier.known(entries[0].key)
    Journal(store).compact(keys(entries)[:3])
    assert [early.get(entry.key) for entry in entries] == entries
    old = packs_of(store)
    new = pack_of(store, entries)  # and a merge takes away the pack that ``early`` knows
    for name in old:
        store.delete(name)
    early = Journal(store)
    assert packs_of(store) == [new]
    assert [early.get(entry.key) for entry in entries] == entries
    assert [earlier.get(entry.key) for entry in entries] == entries


@pytest.mark.parametrize("when", ["open", "get"])  # of the first pack, of the first file of marks
def test_a_listing_overtaken_by_a_merge_is_made_again(
    memory: Store, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.setattr(compact, "MANY_SMALL", 2)
    monkeypatch.setattr(marks, "MANY_SMALL", 2)
    entries = bought(memory, 2)
    for entry in entries:
        pack_of(memory, [entry])
        memory.delete(entry_name(entry.key))
        Journal(memory).set_aside([entry.key])

    class Overtaken(Watched):
        def _step(self, what: str) -> None:
            super()._step(what)
            if what == when and self.calls[what] == 1:
                Journal(memory).compact([])

    journal = Journal(Overtaken(memory.root))
    assert all(journal.known(entry.key) for entry in entries)
    assert all(journal.is_set_aside(entry.key) for entry in entries)
    assert (len(packs_of(memory)), len(list(memory.names("aside")))) == (1, 1)


def test_an_entry_deleted_by_hand_may_be_bought_again(store: Store) -> None:
    (entry,) = bought(store, 1)
    journal = Journal(store)
    assert journal.get(entry.key) == entry
    store.delete(entry_name(entry.key))
    assert journal.get(entry.key) is None
    assert journal.put(request(0), "new").body == "new"


def test_where_pack_and_loose_file_differ_the_pack_is_right(memory: Store, tmp_path: Path) -> None:
    """Somebody who knew of no pack bought the reply again. It was paid for: it stays on record."""
    (entry,) = bought(memory, 1)
    Journal(memory).compact([entry.key])
    other = Store(str(tmp_path))
    Journal(other).put(request(0), "bought again")
    memory.put(entry_name(entry.key), other.get(entry_name(entry.key)) or b"")
    for journal in (Journal(memory), Journal(memory)):
        assert journal.get(entry.key) == entry
        assert journal.put(request(0), "third") == entry
        assert journal.compact([entry.key]) == 0
        assert loose_of(memory) == [entry_name(entry.key)]


def test_where_packs_differ_the_first_name_is_right_and_stays(
    memory: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packs copied together from two machines that bought one reply each."""
    monkeypatch.setattr(compact, "MANY_SMALL", 2)
    entries = bought(memory, 3)
    again = [dataclasses.replace(entry, body="again") for entry in entries[:1]]
    names = sorted([pack_of(memory, entries[:2]), pack_of(memory, again + entries[2:])])
    first = Packs(memory).read(names[0])
    assert first is not None
    journal = Journal(memory)
    for _ in range(2):
        assert journal.get(entries[0].key) == first.get(entries[0].key)
        journal.compact(keys(entries))
    assert packs_of(memory) == names


def test_many_small_packs_become_one(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compact, "MANY_SMALL", 4)
    entries = []
    for wave in range(9):
        entries += bought(store, 2, first=2 * wave)
        Journal(store).compact(keys(entries))
        assert len(packs_of(store)) < 4
    assert [Journal(store).get(entry.key) for entry in entries] == entries
    assert loose_of(store) == []


@pytest.mark.parametrize("n_small", [0, 3])
def test_a_compactor_killed_before_any_step_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_small: int
) -> None:
    """Killed before step k of all that it asks of the store, for every k, and then called again."""
    monkeypatch.setattr(compact, "MOST_ENTRIES", 4)
    monkeypatch.setattr(compact, "SMALL_ENTRIES", 3)
    monkeypatch.setattr(compact, "MANY_SMALL", 3)
    monkeypatch.setattr(marks, "MANY_SMALL", 2)
    ended, step = False, 0
    while not ended:
        root = f"memory://{tmp_path.name}/{step}"
        store = Store(root)
        entries = bought(store, 6) + bought(store, n_small, first=6)
        for entry in entries[6:]:
            pack_of(store, [entry])
            store.delete(entry_name(entry.key))
            Journal(store).set_aside([entry.key])
        witness = Journal(store)
        witness.refresh()
        try:
            Journal(Watched(root, step)).compact(keys(entries))
            ended = True
        except (Killed, JournalError):
            pass
        for journal in (witness, Journal(store)):
            assert [journal.get(entry.key) for entry in entries] == entries
            assert [journal.is_set_aside(e.key) for e in entries] == [False] * 6 + [True] * n_small
        Journal(store).compact(keys(entries))
        assert loose_of(store) == []
        rows = [len(pack.keys) for name in packs_of(store) if (pack := Packs(store).read(name))]
        assert sum(rows) == len(entries)  # each stands in one pack
        assert len(rows) <= 3 + (n_small > 0)  # 4 + 2 or, cut otherwise, 4 + 1 + 1; the small ones
        assert len(list(store.names("aside"))) == (n_small > 0)
        for journal in (witness, Journal(store)):
            assert [journal.get(entry.key) for entry in entries] == entries
        step += 1
    assert step > 20


def test_compactors_writers_and_readers_at_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compact, "MANY_SMALL", 2)
    entries = bought(store, 12)
    wrong: list[object] = []
    done = threading.Event()

    def compactor(first: int) -> None:
        try:
            for start in (first, first + 3, 0):
                Journal(store).compact(keys(entries)[start : start + 6])
        except Exception as error:
            wrong.append(error)

    def reader(journal: Journal) -> None:
        try:
            while not done.is_set():
                wrong.extend(e for e in entries if journal.get(e.key) != e)
        except Exception as error:
            wrong.append(error)

    early = Journal(store)
    early.refresh()
    readers = [threading.Thread(target=reader, args=(j,)) for j in (early, Journal(store))]
    movers = [threading.Thread(target=compactor, args=(n,)) for n in (0, 3, 3)]
    for thread in readers + movers:
        thread.start()
    for thread in movers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    assert wrong == []
    Journal(store).compact(keys(entries))
    assert loose_of(store) == []
    assert [Journal(store).get(entry.key) for entry in entries] == entries


def test_a_damaged_pack_is_an_error_naming_its_file(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    entries = bought(store, 3)
    early = Journal(store)
    early.compact(keys(entries))
    (path,) = (tmp_path / "packs").iterdir()
    whole = path.read_bytes()
    for data in (
        b"",
        b"PAR1",
        whole[:-1],
        whole[: len(whole) // 2],
        whole[:50] + b"!" + whole[51:],
    ):
        path.write_bytes(data)
        for journal in (early, Journal(store)):
            with pytest.raises(JournalError, match=rf"{path}: .*restore the file, or delete it"):
                journal.get(entries[0].key)
            with pytest.raises(JournalError, match=str(path)):
                journal.put(request(0), "bought again")
    path.write_bytes(whole)
    assert Journal(store).get(entries[0].key) == entries[0]
    path.unlink()  # as the message says
    assert early.get(entries[0].key) is None


def test_a_pack_that_is_not_read_back_whole_costs_no_entry(memory: Store) -> None:
    class Forgetful(Store):
        def get(self, name: str) -> bytes | None:
            data = super().get(name)
            return data[:-9] if data and name.startswith("packs/") else data

    entries = bought(memory, 3)
    with pytest.raises(JournalError, match="packs/"):
        Journal(Forgetful(memory.root)).compact(keys(entries))
    assert len(loose_of(memory)) == 3


def test_a_full_disk_costs_no_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(str(tmp_path))
    entries = bought(store, 3)

    def write(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        with pytest.raises(JournalError, match=r"No space left.*all are kept"):
            Journal(store).compact(keys(entries))
        with pytest.raises(JournalError, match="No space left"):
            Journal(store).put(request(3), "body")
    assert [path for path in tmp_path.rglob(".tmp-*")] == []
    assert [Journal(store).get(entry.key) for entry in entries] == entries


def test_a_damaged_loose_entry_is_not_packed(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    entries = bought(store, 3)
    path = tmp_path / entry_name(entries[1].key)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(JournalError, match=str(path)):
        Journal(store).compact(keys(entries))
    assert (len(loose_of(store)), packs_of(store)) == (3, [])


def test_replies_set_aside_stay_and_the_next_attempt_counts(store: Store) -> None:
    entries = bought(store, 2)
    journal = Journal(store)
    journal.set_aside([entries[0].key])
    journal.set_aside([])
    again = journal.put(request(0, attempt=1), "better")
    for reader in (journal, Journal(store)):
        assert reader.is_set_aside(entries[0].key)
        assert not reader.is_set_aside(entries[1].key)
        assert not reader.is_set_aside(again.key)
        assert reader.get(entries[0].key) == entries[0]
        assert reader.get(again.key) == again
    journal.set_aside([entries[0].key])  # nothing new: no new file
    assert len(list(store.names("aside"))) == 1


def test_many_files_of_marks_become_one(memory: Store) -> None:
    asked = [request(i).key for i in range(marks.MANY_SMALL + 3)]
    journal = Journal(memory)
    for key in asked:
        journal.set_aside([key])
    journal.compact([])
    assert len(list(memory.names("aside"))) == 1
    assert all(Journal(memory).is_set_aside(key) for key in asked)


def test_a_damaged_mark_is_an_error_naming_its_file(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    Journal(store).set_aside([request(0).key])
    (path,) = (tmp_path / "aside").iterdir()
    path.write_text(path.read_text().replace("keys", "kyes"))
    with pytest.raises(JournalError, match=str(path)):
        Journal(store).get(request(0).key)


def test_keys_with_zeros_at_the_end_are_found(memory: Store) -> None:
    """The index holds keys as fixed bytes, of which numpy cuts zeros off."""
    ends = [entry for entry in bought(memory, 600) if entry.key.endswith("00")]
    assert ends  # each has one chance in 256
    pack_of(memory, ends)
    packs = Packs(memory)
    packs.refresh()
    assert [packs.get(entry.key) for entry in ends] == ends
    for entry in ends:
        assert packs.index.find(entry.key[:-2] + "01") is None


def test_a_store_that_cannot_be_listed_is_an_error_naming_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match=r"file: cannot be listed"):
        Journal(Store(str(tmp_path / "file"))).get(request(0).key)
