"""Child processes: a task that hangs, dies or raises costs itself, and nothing is left behind."""

import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apache_beam as beam
import fragile_work as work
import pytest

from pipeline.progress import OF_ITEMS
from pipeline.transforms.child import Done
from pipeline.transforms.children import Children
from pipeline.transforms.pool import Isolated
from schemas import Failure


@contextmanager
def children(function: Callable[[Any], Any], **how: Any) -> Iterator[Children]:
    pool = Children(function, **{"processes": 2, "timeout_s": 10.0, **how})
    try:
        yield pool
    finally:
        pool.stop()


def finish(pool: Children, tasks: Iterable[Any]) -> list[Done]:
    done = []
    for task in tasks:
        pool.add(task)
        while pool.full:
            done += pool.wait()
    while pool.busy:
        done += pool.wait()
    return done


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until(true: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.02)
    return true()


def test_a_thousand_quick_ones_come_back_right_and_once() -> None:
    with children(work.square) as pool:
        done = finish(pool, range(1000))
    assert sorted((one.task, one.result) for one in done) == [(i, i * i) for i in range(1000)]
    assert {(one.raised, one.exit_code, one.timed_out) for one in done} == {(None, None, False)}


def test_one_that_goes_wrong_costs_itself_alone() -> None:
    bad = ["hang", "exit 3", f"signal {signal.SIGSEGV:d}", "raise no such colour"]
    tasks = [f"good {i}" for i in range(200)]
    for i, task in enumerate(bad):
        tasks.insert(40 * (i + 1), task)
    start = time.monotonic()
    with children(work.fragile, timeout_s=1.0) as pool:
        done = {one.task: one for one in finish(pool, tasks)}
    # The one that hangs is waited for once: 1 s, with room for starting five children.
    assert time.monotonic() - start < 8
    assert len(done) == len(tasks)
    for task in set(tasks) - set(bad):
        assert done[task] == Done(task=task, result=task.upper())
    assert done["hang"] == Done(task="hang", timed_out=True)
    assert done["exit 3"] == Done(task="exit 3", exit_code=3)
    assert done[bad[2]] == Done(task=bad[2], exit_code=-signal.SIGSEGV)
    assert done[bad[3]] == Done(task=bad[3], raised="ValueError: no such colour")


def test_the_deadline_is_each_tasks_own() -> None:
    # Four of 0.4 s one after another take 1.6 s; none takes the 1 s that it may.
    with children(work.pid_after, processes=1, timeout_s=1.0) as pool:
        done = finish(pool, [0.4] * 4)
    assert [one.timed_out for one in done] == [False] * 4


def test_one_that_holds_pythons_lock_is_ended_too() -> None:
    with children(work.fragile, processes=1, timeout_s=0.5) as pool:
        done = finish(pool, ["hang_with_lock", "good"])
    assert [(one.task, one.timed_out) for one in done] == [
        ("hang_with_lock", True),
        ("good", False),
    ]


def test_a_result_that_cannot_travel_is_its_tasks_fault() -> None:
    with children(work.unpicklable, processes=1) as pool:
        (done,) = finish(pool, [0])
    assert done.result is None
    assert done.raised is not None
    assert "pickle" in done.raised


def test_big_tasks_and_results_block_nobody() -> None:
    # Ten times what a pipe takes, many times over: writers at both ends must not wait for each other.
    tasks = [bytes([i]) * 2_000_000 for i in range(12)] + [bytes([i]) for i in range(100)]
    with children(work.echo, processes=2) as pool:
        done = finish(pool, tasks)
    assert sorted(one.result for one in done) == sorted(tasks)


def test_both_children_work_and_one_task_starts_one() -> None:
    with children(work.pid_after) as pool:
        assert len({one.result for one in finish(pool, [0.3] * 4)}) == 2
    with children(work.pid_after) as pool:
        first = finish(pool, [0.0])[0].result
        assert [one.result for one in finish(pool, [0.0])] == [first]


def test_each_child_is_initialised_once_also_after_a_crash() -> None:
    with children(work.starts, processes=1, initializer=work.remember_start) as pool:
        assert [one.result for one in finish(pool, [0, 1])] == [1, 1]
    with children(_starts_or_dies, processes=1, initializer=work.remember_start) as pool:
        assert {one.task: one.result for one in finish(pool, ["die", "live"])} == {
            "die": None,
            "live": 1,
        }


def _starts_or_dies(task: str) -> int:
    return work.starts(task) if task == "live" else os._exit(1)


@pytest.mark.parametrize(
    ("initializer", "says"),
    [
        (work.fail_to_start, "cannot start: OSError: no limit can be set"),
        (functools.partial(os._exit, 3), "exit code 3 before its first task"),
    ],
)
def test_children_that_cannot_start_are_an_error_not_an_endless_loop(
    initializer: Callable[[], None], says: str
) -> None:
    with (
        children(work.square, initializer=initializer) as pool,
        pytest.raises(RuntimeError, match=says),
    ):
        finish(pool, [1])


def test_a_child_that_was_killed_between_tasks_is_replaced() -> None:
    with children(work.pid_after, processes=1) as pool:
        first = finish(pool, [0.0])[0].result
        os.kill(first, signal.SIGKILL)
        assert until(lambda: not is_alive(first), 5)
        again = finish(pool, [0.0, 0.0])
    assert len(again) == 2
    # the task that was sent to a child already dead may count as the one it died of
    assert any(one.result not in (None, first) for one in again)


def test_stop_leaves_nothing_behind_not_even_what_a_task_started(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    with children(work.fragile, processes=1, timeout_s=60.0) as pool:
        pool.add(f"hang_with_program {pid_file}")
        assert until(lambda: pid_file.exists() and bool(pid_file.read_text()), 10)
        program = int(pid_file.read_text())
        assert is_alive(program)
    assert until(lambda: not is_alive(program), 5)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_children_outlive_no_parent(tmp_path: Path, ending: signal.Signals) -> None:
    noted = tmp_path / "pids"
    command = [sys.executable, work.__file__, str(noted)]
    folder = Path(__file__).parents[1]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(folder)}) as parent:
        assert until(lambda: noted.exists() and noted.read_text().count("\n") == 2, 20)
        parent.send_signal(ending)
    pids = [int(pid) for pid in noted.read_text().split()]
    # At once, or for the one that holds Python's lock after 1 s of deadline and 1 s of grace.
    assert until(lambda: not any(is_alive(pid) for pid in pids), 6)


def test_memory_of_a_child_is_bounded() -> None:
    with children(work.resident_mb, processes=1) as pool:
        used = [one.result for one in finish(pool, range(3000))]
    assert used[-1] - used[300] < 4.0


def test_in_a_pipeline_every_element_becomes_a_record_or_a_failure(tmp_path: Path) -> None:
    (tmp_path / "progress").mkdir()  # as the launcher does
    words = [f"good {i}" for i in range(50)] + ["hang", "exit 4", "raise x", "starts"]
    note = functools.partial(_note, tmp_path / "out")
    with beam.Pipeline(runner="FnApiRunner") as p:
        records, failures = (
            p
            | beam.Create(words)
            | Isolated(
                work=work.fragile,
                key=str,
                stage="frames",
                processes=2,
                timeout_s=1.0,
                progress=str(tmp_path / "progress"),
                initializer=work.remember_start,
            )
        )
        records | "Good" >> beam.Map(note)
        failures | "Bad" >> beam.Map(note)
    lines = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert sorted(line for line in lines if isinstance(line, str)) == sorted(
        ["1", *(f"GOOD {i}" for i in range(50))]  # the child was initialised once
    )
    assert {tuple(line) for line in lines if isinstance(line, list)} == {
        ("hang", "timeout", "gave no result within 1 s and was ended"),
        ("exit 4", "crashed", "the child process died with exit code 4"),
        ("raise x", "internal", "a fault of this program: ValueError: x"),
    }
    (counts,) = (json.loads(path.read_text()) for path in (tmp_path / "progress").iterdir())
    assert counts[0] == "frames"
    assert {name: counts[1][name] for name in OF_ITEMS} == {"done": 51, "failed": 3, "skipped": 0}
    assert counts[1]["reasons"] == {"timeout": 1, "crashed": 1, "internal": 1}


def _note(path: Path, element: str | Failure) -> None:
    line = (
        [element.key, element.reason, element.message] if isinstance(element, Failure) else element
    )
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")
