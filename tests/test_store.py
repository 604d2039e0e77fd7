"""The store: put if absent, whole or not at all, the same on a disk and in memory."""

import os
import pickle
import subprocess
import sys
import threading

import pytest

from schemas.store import Store, blob_name


@pytest.fixture(params=["disk", "memory"])
def store(request, tmp_path) -> Store:
    return Store(str(tmp_path) if request.param == "disk" else f"memory://{tmp_path.name}")


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
