"""A lane between the processes of a machine: what they share, and what the dead leave behind."""

import os
import pickle
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from annotators.pace import Lane, Limits, Result, processes

ROOT = Path(__file__).parents[1]
WORKER = Path(__file__).with_name("pace_worker.py")
NAME = "lane"  # the workers' name for it


@pytest.fixture
def lane_of(tmp_path):
    """Lanes of one name: each stands for a process of its own."""

    def make(concurrency=4, clock=time.monotonic, **limits):
        lane = Lane(NAME, Limits(concurrency, **limits), tmp_path, clock)
        lane.register()
        return lane

    return make


@pytest.fixture
def start(tmp_path):
    """Starts a worker; kills what still lives at the end."""
    running = []

    def begin(what, *arguments):
        worker = subprocess.Popen(
            [sys.executable, WORKER, what, tmp_path, *map(str, arguments)],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(worker)
        return worker

    yield begin
    for worker in running:
        worker.kill()
        worker.communicate()


def all_of(start, workers, limit, seconds, *rate):
    """Requests sent and most in flight, per worker; and how long all of them took together."""
    started = [start("share", i, workers, limit, seconds, *rate) for i in range(workers)]
    for worker in started:
        assert worker.stdout.readline() == "ready\n"
    begun = time.monotonic()
    for worker in started:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    said = [tuple(map(int, worker.stdout.readline().split())) for worker in started]
    return said, time.monotonic() - begun


def test_processes_together_never_have_more_in_flight_than_the_limit(start, tmp_path):
    np.zeros(3, "i8").tofile(tmp_path / "held")
    said, _ = all_of(start, 3, 5, 0.7)
    assert max(most for _, most in said) == 5  # reached, never exceeded
    assert min(sent for sent, _ in said) > 0


def test_processes_share_the_requests_per_minute(start, tmp_path):
    np.zeros(3, "i8").tofile(tmp_path / "held")
    said, seconds = all_of(start, 3, 16, 0.7, 1200)  # 20 per second, 60 at once
    # one bucket: 60 + 20 x 0.7 (on a busy machine less), at most 60 + 20 x seconds; a bucket each
    # would let 180 and more pass
    assert 65 <= sum(sent for sent, _ in said) <= 60 + 20 * seconds + 1


def test_the_slots_of_a_killed_process_come_back(start, lane_of):
    worker = start("hold", 4)
    assert worker.stdout.readline() == "holding\n"
    lane = lane_of(4)
    assert lane.take(1) > 0
    worker.kill()  # and nobody has waited for it yet: a zombie is dead, too
    until = time.monotonic() + 10
    while lane.take(1) > 0:
        assert time.monotonic() < until, "its slots never came back"
        time.sleep(0.05)
    assert lane.look().in_flight == 1
    assert lane.look().processes == 1


def test_a_pid_used_again_is_not_its_former_owner():
    rows = np.zeros(4, processes.ROW)
    mine, other = processes.claim(rows), processes.claim(rows)
    rows["in_flight"] = 2
    rows["started"][other] -= 1  # another process, with the pid that is now this one's
    processes.reap(rows)
    assert rows["pid"].tolist() == [os.getpid(), 0, 0, 0]
    assert rows["in_flight"][[mine, other]].tolist() == [2, 0]


def test_more_processes_than_rows_are_refused():
    rows = np.zeros(1, processes.ROW)
    processes.claim(rows)
    with pytest.raises(RuntimeError, match="fewer workers"):
        processes.claim(rows)


def test_who_leaves_gives_its_slots_back(lane_of):
    one, other = lane_of(4), lane_of(4)
    for _ in range(4):
        one.take(1)
    assert other.take(1) > 0
    one.leave()
    assert other.take(1) == 0.0
    one.done(Result.CLEAN)  # late: its slot went when it left
    assert other.look().in_flight == 1


def test_a_process_that_frees_slots_does_not_win_them_all_back(lane_of):
    now = [1000.0]
    rich, poor = lane_of(4, lambda: now[0]), lane_of(4, lambda: now[0])
    for _ in range(4):
        assert rich.take(1) == 0.0
    for _ in range(2):  # the poor one asked, so what comes back is kept for it
        assert poor.take(1) > 0
        rich.done(Result.FAILED)
        assert rich.take(1) > 0
        assert poor.take(1) == 0.0
    assert poor.take(1) > 0
    rich.done(Result.FAILED)  # 1 against 2: now it is the poor one
    assert rich.take(1) == 0.0


def test_a_slot_is_kept_for_nobody_who_has_stopped_asking(lane_of):
    now = [1000.0]
    rich, poor = lane_of(2, lambda: now[0]), lane_of(2, lambda: now[0])
    assert rich.take(1) == rich.take(1) == 0.0
    assert poor.take(1) > 0
    rich.done(Result.FAILED)
    now[0] += 0.14  # it was to ask again in 0.05 s, and has 0.1 s more
    assert rich.take(1) > 0
    now[0] += 0.02
    assert rich.take(1) == 0.0


def test_small_requests_do_not_keep_the_tokens_from_a_large_one(lane_of):
    now = [1000.0]
    large, small = (lane_of(4, lambda: now[0], tokens_per_minute=60_000) for _ in range(2))
    assert small.take(3000) == 0.0  # all there are; 1000 per second come
    small.done(Result.FAILED)
    assert large.take(2000) == 2.0
    now[0] += 1.0
    assert small.take(100) == 0.05  # there are 1000, but it is not its turn
    assert large.take(2000) == 1.0
    now[0] += 1.0
    assert small.take(100) == 0.05
    assert large.take(2000) == 0.0
    assert small.take(100) == pytest.approx(0.1)


def test_the_limit_learned_is_everybodys(lane_of):
    one, other = lane_of(64), lane_of(64)
    one.take(1)
    one.done(Result.RATE_LIMITED)
    assert other.look().limit == 12  # 0.8 x 16
    one.take(1)
    one.done(Result.OVERLOADED, wait_s=30)
    assert 29 < other.take(1) <= 30


def test_the_limits_registered_last_are_in_force(lane_of):
    one = lane_of(8, requests_per_minute=60)
    lane_of(3, requests_per_minute=120)
    assert [one.take(1) == 0.0 for _ in range(4)] == [True, True, True, False]
    assert one.look().request_rate == 2.0


def test_a_rate_set_later_does_not_charge_for_what_passed_before(lane_of):
    one = lane_of(8, lambda: 1000.0)
    for _ in range(5):
        one.take(1)
    other = lane_of(8, lambda: 1000.0, requests_per_minute=60)
    assert other.take(1) == 1.0  # the bucket is empty, and not 5 below


def test_a_lane_is_closed_for_everybody_and_with_its_first_reason(lane_of):
    one, other = lane_of(), lane_of()
    assert other.closed is None
    one.close("out of credit")
    one.close("and refused")
    assert other.closed == "out of credit"
    assert other.take(1) == float("inf")
    assert lane_of().closed == "out of credit"  # others live: it stays so


def test_a_long_reason_is_cut_between_letters(lane_of):
    lane = lane_of()
    lane.close("x" + "é" * 400)  # 801 bytes; 512 would end inside the 256th é
    assert lane.closed == "x" + "é" * 255


def test_the_first_of_a_machine_starts_afresh(lane_of):
    former = lane_of()
    former.take(1)
    former.done(Result.RATE_LIMITED, wait_s=60)
    former.close("out of credit")
    former.leave()
    lane = lane_of()
    assert lane.closed is None
    assert lane.take(1) == 0.0
    assert lane.look().limit == 4


def test_a_stamp_in_the_future_means_that_the_machine_was_started_again(lane_of):
    before = lane_of(clock=lambda: 5000.0)
    before.take(1)
    lane = lane_of(clock=lambda: 10.0)
    assert lane.look().in_flight == 0
    assert lane.look().processes == 1


def test_a_lane_pickles_and_registers_by_itself(lane_of):
    lane = lane_of()
    copy = pickle.loads(pickle.dumps(lane))
    assert copy.take(1) == 0.0
    assert lane.look().in_flight == 1
    assert lane.look().processes == 2


def test_lanes_of_other_names_are_lanes_of_their_own(tmp_path):
    one, other = (Lane(name, Limits(1), tmp_path) for name in ("one", "other"))
    assert one.take(1) == other.take(1) == 0.0


def test_by_default_the_state_lies_in_a_folder_of_the_user_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    Lane(NAME, Limits(1)).register()
    (folder,) = tmp_path.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert len(list((folder / "lanes").iterdir())) == 1


def test_somebody_elses_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(os, "getuid", lambda: 12345678)  # so the folder is not "ours"
    with pytest.raises(RuntimeError, match="TMPDIR"):
        Lane(NAME, Limits(1)).register()


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        ({"concurrency": 0}, "concurrency"),
        ({"concurrency": 1, "requests_per_minute": 0.0}, "requests_per_minute"),
        ({"concurrency": 1, "tokens_per_minute": float("inf")}, "tokens_per_minute"),
    ],
)
def test_limits_that_make_no_sense_are_refused(limits, field):
    with pytest.raises(ValueError, match=field):
        Limits(**limits)
