"""The store: put if absent, whole or not at all, the same on a disk and in memory."""

import os
import pickle
import subprocess
import sys
import threading

import pytest
from object_store import KINDS, open_store

from schemas.store import Store, blob_name


@pytest.fixture(params=KINDS)
def store(request, tmp_path):
    yield from open_store(request.param, tmp_path)


def test_put_if_absent(store):
    assert store.get("ab/x.json") is None
    assert store.put("ab/x.json", b"first")
    assert not store.put("ab/x.json", b"second")
    assert store.get("ab/x.json") == b"first"
    assert store.exists("ab/x.json")
    assert not store.exists("ab/y.json")


def test_names_are_sorted_and_empty_for_no_folder(store):
    assert list(store.names()) == []
    for name in ("b/2", "a/1", "b/1"):
        store.put(name, b"x")
    assert list(store.names()) == ["a/1", "b/1", "b/2"]
    assert list(store.names("b")) == ["b/1", "b/2"]


def test_a_store_travels_as_its_root(store):
    store.put("x", b"1")
    assert pickle.loads(pickle.dumps(store)).get("x") == b"1"


def test_what_is_deleted_is_gone_and_may_be_written_again(store):
    store.put("a/x", b"1")
    assert list(store.names()) == ["a/x"]
    store.delete("a/x")
    store.delete("a/x")  # another one was faster
    assert (store.get("a/x"), store.exists("a/x"), list(store.names())) == (None, False, [])
    assert store.put("a/x", b"2")
    assert store.get("a/x") == b"2"


def test_parts_of_a_name_can_be_read(store):
    store.put("x", b"0123456789")
    with store.open("x") as file:
        file.seek(7)
        assert file.read(2) == b"78"
    with pytest.raises(FileNotFoundError):
        store.open("y")


def test_a_listing_shows_what_others_wrote_since(store):
    assert list(store.names()) == []
    assert not store.exists("x")
    Store(store.root).put("x", b"1")
    assert list(store.names()) == ["x"]
    assert store.exists("x")


def test_a_folder_that_cannot_be_listed_is_not_an_empty_one(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        list(Store(str(tmp_path / "file")).names())


def test_a_durable_name_is_on_disk_with_its_folders(tmp_path, monkeypatch):
    """Power may fail at any moment: the bytes, the name, and the name of every new folder last."""
    synced = []

    def fsync(descriptor):
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))

    monkeypatch.setattr(os, "fsync", fsync)
    store, root = Store(str(tmp_path / "journal")), str(tmp_path / "journal")
    assert store.put("ab/x", b"1", durable=True)
    assert synced[:2] == [str(tmp_path), root]
    assert synced[2].startswith(f"{root}/ab/.tmp-")
    assert synced[3:] == [f"{root}/ab"]
    synced.clear()
    assert store.put("ab/y", b"1", durable=True)
    assert len(synced) == 2
    assert not store.put("ab/y", b"2", durable=True)
    assert store.put("ab/z", b"1")
    assert len(synced) == 2


def test_of_many_writers_one_wins(tmp_path):
    store = Store(str(tmp_path))
    won: list[int] = []
    writers = [
        threading.Thread(target=lambda i=i: store.put("x", bytes([i]) * 9999) and won.append(i))
        for i in range(16)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(won) == 1
    assert store.get("x") == bytes([won[0]]) * 9999


def test_a_writer_killed_in_the_middle_leaves_no_half_file(tmp_path):
    # the child dies between writing the temporary file and linking it to its name
    child = (
        "import os, sys; from schemas.store import Store\n"
        "os.link = lambda *_: os._exit(9)\n"
        "Store(sys.argv[1]).put('x', b'12345', durable=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", child, str(tmp_path)], cwd=os.getcwd())
    assert done.returncode == 9
    store = Store(str(tmp_path))
    assert store.get("x") is None
    assert list(store.names()) == []
    assert store.put("x", b"whole")


def test_blob_names_spread_over_folders():
    assert blob_name("abcd", ".jpg") == "ab/abcd.jpg"
