"""Bundles that are cut off, given again, or worked on twice: the same rows, and every bill recorded.

The workers are processes of their own, and those that are killed are killed with SIGKILL.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bundle_worker as worker
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from judge_server import JudgeServer

from annotators.ledger import Ledger, Spent
from schemas.store import Store

CLIPS, WANTED = 6, 12  # of two rubrics each
IN_FLIGHT = 2


@pytest.fixture(autouse=True)
def a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TEST_KEY", "sk-test")


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(str(tmp_path_factory.mktemp("frames")))


@pytest.fixture(scope="module")
def undisturbed(frames: Store, tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """The rows, from a worker that nothing happens to."""
    patch = pytest.MonkeyPatch()
    folder = tmp_path_factory.mktemp("undisturbed")
    with JudgeServer() as server, patch.context() as own:
        own.setenv("A_TEST_KEY", "sk-test")
        fn = worker.asking(worker.judge(server.base_url), frames, Store(str(folder)), Ledger())
        fn.setup()
        rows = worker.rows_of(fn, worker.alike(worker.clips(frames, CLIPS)))
        fn.teardown()
        assert server.n_bills == WANTED == len(rows) // 2 * 2
    return rows


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    with JudgeServer(latency_s=0.1) as running:
        yield running


def until(true: Callable[[], bool], within_s: float = 60.0) -> None:
    ends = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.005)


def spent_after(ledger: Ledger) -> Spent:
    """As the next run finds it."""
    ledger.begin()
    return ledger.totals()["judge"]


def test_equal_requests_in_a_bundle_are_bought_once(frames: Store, tmp_path: Path) -> None:
    """Six clips of which four show the same: 3 x 2 replies, 12 rows."""
    with JudgeServer() as server:
        ledger = Ledger(None, ["judge"])
        fn = worker.asking(worker.judge(server.base_url), frames, Store(str(tmp_path)), ledger)
        elements = worker.alike(worker.clips(frames, CLIPS, same=(2, 3, 5)))
        assert sorted(len(group) for _, group in elements) == [1, 1, 4]
        fn.setup()
        rows = worker.rows_of(fn, elements)
        fn.teardown()
        assert len(rows) >= WANTED
        assert server.n_bills == ledger.totals()["judge"].requests == 6


def test_a_bundle_given_again_to_the_same_worker_buys_nothing_twice(
    frames: Store, undisturbed: list[object], tmp_path: Path
) -> None:
    """An engine gives a bundle up in the middle and begins it anew, what it had asked still in flight."""
    with JudgeServer(latency_s=0.02) as server:
        ledger = Ledger(None, ["judge"])
        fn = worker.asking(worker.judge(server.base_url), frames, Store(str(tmp_path)), ledger)
        elements = worker.alike(worker.clips(frames, CLIPS))
        fn.setup()
        fn.start_bundle()
        for element in elements[:4]:
            list(fn.process(element))
        assert worker.rows_of(fn, elements) == undisturbed
        fn.teardown()
        assert server.n_bills == ledger.totals()["judge"].requests == WANTED


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_of_a_bundle_loses_what_was_in_flight(
    frames: Store, undisturbed: list[object], tmp_path: Path, server: JudgeServer
) -> None:
    ledger = worker.ledger_at(tmp_path / "ledger")
    journal = Store(str(tmp_path / "journal"))
    fn = worker.asking(worker.judge(server.base_url), frames, journal, ledger)
    elements = worker.alike(worker.clips(frames, CLIPS))
    killed = worker.start(fn, elements, tmp_path / "out")
    until(lambda: server.n_bills >= 5)
    killed.kill()
    killed.join()
    again = worker.start(fn, elements, tmp_path / "out")
    again.join(60)
    assert again.exitcode == 0
    assert worker.rows_in(tmp_path / "out") == [undisturbed]
    assert len(server.bills) == WANTED
    assert server.n_bills <= WANTED + IN_FLIGHT
    assert server.n_bills <= spent_after(ledger).requests <= WANTED + IN_FLIGHT


@pytest.mark.slow
def test_a_bundle_that_two_workers_have_at_once_gives_the_same_rows(
    frames: Store, undisturbed: list[object], tmp_path: Path, server: JudgeServer
) -> None:
    ledger = worker.ledger_at(tmp_path / "ledger")
    journal = Store(str(tmp_path / "journal"))
    fn = worker.asking(worker.judge(server.base_url, concurrency=4), frames, journal, ledger)
    elements = worker.alike(worker.clips(frames, CLIPS))
    both = [worker.start(fn, elements, tmp_path / "out") for _ in range(2)]
    for process in both:
        process.join(60)
        assert process.exitcode == 0
    assert worker.rows_in(tmp_path / "out") == [undisturbed, undisturbed]
    assert len([name for name in journal.names() if name.endswith(".json")]) == WANTED
    assert len(server.bills) == WANTED
    assert server.n_bills == spent_after(ledger).requests  # both bills of a reply bought twice


@pytest.mark.slow
def test_a_budget_holds_over_the_processes_of_two_machines(
    frames: Store, tmp_path: Path, server: JudgeServer
) -> None:
    """Two processes on each of two machines want 12 replies each; 11 are allowed: 5 for each machine.

    A machine here is a folder for temporary files: what is one machine's lies there.
    """
    launcher = worker.ledger_at(
        tmp_path / "ledger", machines=2, afar=Store(str(tmp_path / "afar")), requests=11
    )
    launcher.begin()
    spec = worker.judge(server.base_url, concurrency=6)
    elements = worker.alike(worker.clips(frames, 4 * CLIPS))
    with launcher.shared_out():
        fn = worker.asking(spec, frames, Store(str(tmp_path / "journal")), launcher)
        workers = []
        for number in range(4):
            place = tmp_path / f"machine-{number % 2}"
            place.mkdir(exist_ok=True)
            own = elements[number * CLIPS : (number + 1) * CLIPS]
            workers.append(worker.start(fn, own, tmp_path / str(number), TMPDIR=str(place)))
        for process in workers:
            process.join(60)
            assert process.exitcode == 0
    assert server.n_bills == 10
    assert server.most_at_once <= 6  # 3 in flight on each machine, whatever its processes
    spent = launcher.totals()["judge"]
    assert (spent.requests, spent.lost_requests) == (10, 0)
    # 600 tokens of text, 85 a frame, 40 of reply, at 1 and 5 USD a million
    assert spent.usd == pytest.approx(10 * (770 + 5 * 40) / 1e6)
    assert not list((tmp_path / "ledger").parent.glob("*.lease"))


@pytest.mark.slow
def test_a_machine_that_vanishes_is_replaced_and_the_budget_holds(
    frames: Store, undisturbed: list[object], tmp_path: Path, server: JudgeServer
) -> None:
    """The only machine is lost in the middle of its bundle; another gets the bundle, and the share."""
    afar = Store(str(tmp_path / "afar"))
    journal = Store(str(tmp_path / "journal"))
    elements = worker.alike(worker.clips(frames, CLIPS))
    launcher = worker.ledger_at(tmp_path / "ledger", afar=afar, requests=90)
    launcher.begin()
    with launcher.shared_out():
        fn = worker.asking(worker.judge(server.base_url), frames, journal, launcher)
        (tmp_path / "first").mkdir()
        lost = worker.start(fn, elements, tmp_path / "out", TMPDIR=str(tmp_path / "first"))
        until(lambda: server.n_bills >= 4)
        lost.kill()
        lost.join()
    # the first had written down that it may send 64
    before = server.n_bills
    assert before <= launcher.totals()["judge"].requests == 64
    with launcher.shared_out():
        fn = worker.asking(worker.judge(server.base_url), frames, journal, launcher)
        (tmp_path / "second").mkdir()
        second = worker.start(fn, elements, tmp_path / "out", TMPDIR=str(tmp_path / "second"))
        second.join(60)
        assert second.exitcode == 0
    assert worker.rows_in(tmp_path / "out") == [undisturbed]
    assert server.n_bills <= WANTED + IN_FLIGHT
    spent = launcher.totals()["judge"]
    assert (spent.requests, spent.lost_requests) == (64 + server.n_bills - before, 64)


def test_a_slow_object_store_changes_neither_rows_nor_bill(
    frames: Store, undisturbed: list[object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    far = Store(f"memory://slow-{tmp_path.name}")
    clips = worker.clips(far, CLIPS)
    journal = Store(f"memory://slow-{tmp_path.name}/journal")
    asked: list[str] = []
    for name in ("cat_file", "pipe_file", "info", "find", "_open"):
        _slowed(monkeypatch, name, asked)
    with JudgeServer() as server:
        ledger = Ledger(None, ["judge"])
        fn = worker.asking(worker.judge(server.base_url), far, journal, ledger)
        fn.setup()
        assert worker.rows_of(fn, worker.alike(clips)) == undisturbed
        fn.teardown()
        assert server.n_bills == ledger.totals()["judge"].requests == WANTED
    assert asked.count("pipe_file") == WANTED


def _slowed(patch: pytest.MonkeyPatch, name: str, asked: list[str]) -> None:
    really = getattr(MemoryFileSystem, name)

    def slowly(self: MemoryFileSystem, *given: object, **how: object) -> object:
        asked.append(name)
        time.sleep(0.02)
        return really(self, *given, **how)

    patch.setattr(MemoryFileSystem, name, slowly)


def test_what_another_worker_bought_since_the_listing_is_not_bought_again(
    frames: Store, undisturbed: list[object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On an object store: this worker listed the journal, then another did the bundle and was lost."""
    journal = Store(f"memory://journal-{tmp_path.name}")
    elements = worker.alike(worker.clips(frames, CLIPS))
    with JudgeServer() as server:
        spec = worker.judge(server.base_url)
        here, there = (worker.asking(spec, frames, journal, Ledger()) for _ in range(2))
        here.setup()
        worker.rows_of(here, elements[:1])
        there.setup()
        assert worker.rows_of(there, elements) == undisturbed
        # of what another process put, nothing is known here
        monkeypatch.setattr("annotators.journal.journal._kept", {})
        here._annotators[0][0].journal._kept = set()
        assert worker.rows_of(here, elements) == undisturbed
        assert server.n_bills == WANTED
        for fn in (here, there):
            fn.teardown()
