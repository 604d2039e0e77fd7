"""Object stores as emulators play them: one writer wins, listings are of now, errors pass or are told.

The doors before the emulators (:mod:`store_emulators`) delay, fail, and hold up Google's precondition,
which its emulator ignores.
"""

import contextlib
import importlib.util
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from gcp_environment import gcp_python  # noqa: F401
from store_emulators import STORES, at, child_environment, make_bucket
from store_worker import request_of

from annotators.journal import Journal
from annotators.recorded import RecordedSpec
from pipeline.audit.options import AuditOptions
from pipeline.audit.ratings import rated_dimensions
from pipeline.media.errors import MediaError
from pipeline.media.fetching.fetch import read_clip
from pipeline.sources.manifest import ManifestSource
from schemas import Reason, far
from schemas.far import StoreError
from schemas.options import SetupError
from schemas.store import Store

pytestmark = pytest.mark.slow
WORKER = Path(__file__).with_name("store_worker.py")
# any bytes; those that end in a carriage return are among what gcsfs needs care for
JPEGS = {f"{i:02x}/{i}.jpg": random.Random(i).randbytes(2000) + bytes([i]) for i in range(16)}


class Place:
    """A bucket, how to reach it, and its door."""

    def __init__(self, address, environment, door):
        self.address, self.environment, self.door = address, environment, door
        self.n = 0

    def store(self) -> Store:
        """A new empty one."""
        self.n += 1
        return Store(f"{self.address}/{self.n}")


# Google's packages are in an environment of their own, in which the last test runs all the others
AT_GOOGLE = importlib.util.find_spec("gcsfs") is not None


@pytest.fixture(scope="module", params=["gs" if AT_GOOGLE else "s3"])
def there(request):
    with STORES[request.param]() as found, at(found[1]):
        make_bucket(found[0])
        yield Place(*found)


@pytest.fixture
def place(there):
    there.door.calm()
    yield there
    there.door.calm()


@contextlib.contextmanager
def workers(place, work, store, n, environments=None):
    """Processes at work on a store, ready to begin; two, unless their environments are given."""
    made = [
        subprocess.Popen(
            [sys.executable, str(WORKER), work, store.root, who, str(n)],
            env=child_environment(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for who, environment in zip("ab", environments or [place.environment] * 2)
    ]
    try:
        for one in made:
            assert one.stdout.readline() == "ready\n"
        yield made
    finally:
        for one in made:
            one.kill()
            one.communicate()


def said(made) -> list:
    """What they say, having begun together."""
    for one in made:
        one.stdin.write("\n")
        one.stdin.flush()
    return [json.loads(one.stdout.readline()) for one in made]


def configured(place) -> dict[str, str]:
    """The same store by fsspec's own configuration."""
    if place.address.startswith("gs"):
        return {"FSSPEC_GS_ENDPOINT_URL": place.door.url, "FSSPEC_GS_TOKEN": "anon"}
    keys = {k: v for k, v in place.environment.items() if k != "AWS_ENDPOINT_URL"}
    return {**keys, "FSSPEC_S3_ENDPOINT_URL": place.door.url}


def test_of_two_processes_that_write_equal_names_one_wins(place):
    store = place.store()
    with workers(place, "write", store, 24, [place.environment, configured(place)]) as made:
        a, b = said(made)
    names = [f"{i:02d}/x" for i in range(24)]
    assert sorted(a + b) == names  # each written once, by one of them
    assert store.get_many(names) == [b"a" if n in a else b"b" for n in names]
    assert list(store.names()) == names
    conditions = [
        headers.get("If-None-Match") == "*" or "ifGenerationMatch=0" in path
        for method, path, headers in place.door.asked
        if method in ("PUT", "POST")
    ]
    assert len(conditions) == 48
    assert all(conditions)


def test_two_processes_that_ask_the_same_get_the_same_replies_and_a_third_buys_none(place):
    store = place.store()
    with workers(place, "buy", store, 12) as made:
        a, b = said(made)
    assert a["bodies"] == b["bodies"]
    assert a["bought"] + b["bought"] >= 12
    journal = Journal(store)
    keys = [request_of(i).key for i in range(12)]
    assert [journal.get(key).body for key in keys] == a["bodies"]
    place.door.asked.clear()
    assert not any(journal.known(f"{i:064x}") for i in range(100))
    assert place.door.asked == []  # what the listing does not name costs no request
    assert journal.compact(keys) == 12
    assert [n.partition("/")[0] for n in store.names()] == ["packs"]
    assert [Journal(store).get(key).body for key in keys] == a["bodies"]


def test_a_writer_killed_in_the_middle_leaves_nothing_or_all(place):
    store, n = place.store(), 30_000_000
    place.door.pause_s = 1.0
    with workers(place, "put_big", store, n, [place.environment]) as (first,):
        first.stdin.write("\n")
        first.stdin.flush()
        while not place.door.asked:
            pass
        first.kill()  # more than the connection's buffers hold was still to come
        first.wait()
    place.door.pause_s = 0.0
    assert store.get("big") in (None, b"a" * n)
    store.put("big", b"b")
    assert store.get("big") in (b"b", b"a" * n)


def test_many_are_written_and_read_at_the_same_time(place):
    store = place.store()
    store.exists("x")  # connected
    place.door.calm()
    place.door.delay_s = 0.05
    store.put_many(JPEGS)
    assert place.door.most >= 8
    place.door.most = 0
    assert store.get_many([*JPEGS, "absent"]) == [*JPEGS.values(), None]
    assert place.door.most >= 8
    assert len(place.door.asked) <= 2 * len(JPEGS) + 2  # one request each; a few for one not there


def test_a_listing_is_of_now(place):
    store, other = place.store(), Store(f"{place.address}/{place.n}")
    assert list(store.names()) == []
    other.put("a/x", b"1")
    assert (list(store.names()), store.exists("a/x")) == (["a/x"], True)
    other.delete("a/x")
    assert (list(store.names()), store.exists("a/x"), store.get("a/x")) == ([], False, None)


def test_errors_that_pass_are_waited_out(place):
    """Every third of the first requests fails, each time in another way."""
    store, kinds = place.store(), [503, 429, "reset", 500]
    place.door.fault = lambda n, method: kinds[n // 3 % 4] if n % 3 == 0 and n < 16 else None
    store.put_many(JPEGS)
    assert store.get_many(JPEGS) == list(JPEGS.values())
    assert list(store.names()) == sorted(JPEGS)


def test_a_reply_whose_answer_was_lost_is_kept_once(place):
    """The store wrote it; asked again it says that the name is taken: by what was to be written."""
    store = place.store()
    journal = Journal(store)
    journal.refresh()
    place.door.calm()
    lost = iter(["lost"])
    place.door.fault = lambda number, method: next(lost, None) if method != "GET" else None
    entry = journal.put(request_of(0), "paid for")
    assert entry.body == "paid for"
    assert store.get(f"{entry.key[:2]}/{entry.key}.json") is not None
    assert len(list(store.names())) == 1


def test_an_error_that_stays_names_the_address_and_what_to_do(place, monkeypatch):
    store = place.store()
    place.door.fault = lambda number, method: 403
    with pytest.raises(StoreError, match=rf"^{store.root}/x: cannot be written: .*may not: log in"):
        store.put("x", b"1")
    with pytest.raises(SetupError, match=rf"^{store.root}/.* cannot be listed: .*log in"):
        store.check()
    place.door.calm()
    gone = Store(f"{place.address}less/run")
    with pytest.raises(SetupError, match=rf"is there a bucket {place.address}less\?"):
        gone.check()
    with pytest.raises(StoreError, match=r"cannot be written.*is there a bucket"):
        gone.put("x", b"1")
    store.check()
    assert list(store.names()) == []


def test_a_store_that_stays_away_is_given_up(place, monkeypatch):
    if place.address.startswith("gs"):
        pytest.skip("gcsfs itself goes on for half a minute")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with at(place.environment):
        store = place.store()
        monkeypatch.setattr(far, "GIVE_UP_S", 0.5)
        place.door.fault = lambda number, method: 503
        with pytest.raises(StoreError, match=r"AWS_ENDPOINT_URL=.*what is done is kept") as error:
            far.asked(store.root, "cannot be read", lambda: store_get(store), 0.5)
    assert store.root in str(error.value)


def store_get(store):
    fs, root = far.opened(store.root)
    return far.read_whole(fs, f"{root}/x")


def test_sources_scores_and_ratings_are_read_where_they_lie(place):
    store = place.store()
    store.put("set/a.mp4", b"clip a")
    store.put("set/m.csv", b"prompt,generator,video\na cat,one,a.mp4\na cat,two,sub/b.mp4\n")
    found = ManifestSource(path=store.path("set/m.csv")).read()
    a, b = (clip.path for clip in found.clips)
    assert (a, b) == (store.path("set/a.mp4"), store.path("set/sub/b.mp4"))
    assert read_clip(a, 100, 20) == b"clip a"
    with pytest.raises(MediaError) as error:
        read_clip(b, 100, 20)
    assert error.value.reason == Reason.NOT_FOUND
    with pytest.raises(SetupError, match=rf"^{store.root}/set/away.csv: no such file"):
        ManifestSource(path=store.path("set/away.csv")).read()

    store.put("scores.csv", b"video_id,annotator,score\nx,first,3\nx,second,high\n")
    spec = RecordedSpec(path=store.path("scores.csv"))
    with pytest.raises(
        SetupError, match=rf"^{store.root}/scores.csv, row 3, column score: .*'high'"
    ):
        spec.expand()
    store.delete("scores.csv")
    store.put("scores.csv", b"video_id,annotator,score\nx,first,3\n")  # mended: read anew
    assert [one.annotator_id for one in spec.expand()] == ["first"]
    assert spec.files[0].open("rb").read().startswith(b"video_id")

    store.put("people.csv.gz", gzipped(b"video_id,rater,dimension,score\nx,r,motion,4\n"))
    options = AuditOptions.model_validate({"ratings": [{"path": store.path("people.csv.gz")}]})
    assert rated_dimensions(options) == {"motion"}


def gzipped(data: bytes) -> bytes:
    import gzip

    return gzip.compress(data)


@pytest.mark.skipif(AT_GOOGLE, reason="is the process that this test starts")
def test_all_of_this_holds_at_google_too(gcp_python):  # noqa: F811
    done = subprocess.run(
        [gcp_python, "-m", "pytest", "-q", "-m", "slow", __file__],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    assert done.returncode == 0, done.stdout[-5000:]
    assert " passed" in done.stdout
