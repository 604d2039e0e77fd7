"""The first Ctrl-C or SIGTERM ends a run in good order, the second one at once; nothing paid is lost."""

import dataclasses
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from apache_beam.utils import subprocess_server
from judge_server import JudgeServer
from test_counting import start, write

from annotators import stopping
from pipeline import __main__ as cli
from pipeline.counters import Counters
from pipeline.progress import Ticker
from pipeline.saved import command_of
from pipeline.transforms.engine import Engine
from pipeline.transforms.launcher import obeyed
from pipeline.verbs import words
from pipeline.watched import run_watched

WAITS = """
import sys, time
from annotators import stopping
from pipeline.interrupts import Interrupts
interrupts = Interrupts(lambda text: print(text, flush=True))
interrupts.resume = "do it again"
interrupts.on_the_wire = lambda: 3
try:
    if sys.argv[1] == "awaits":
        with stopping.awaiting():
            print("ready", flush=True)
            while not stopping.stopped():
                time.sleep(0.01)
            time.sleep(60)
    print("ready", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("raised", flush=True)
finally:
    interrupts.close()
"""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """As much of a run's recipe as is counted with."""

    progress: str


def waiting(how: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", WAITS, how],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_is_free_to_do_again_ends_with_the_first_signal(number: int) -> None:
    process = waiting("works")
    process.send_signal(number)
    told, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "interrupted: stopping. Once more stops at once" in told
    assert "raised" in told


def test_what_is_paid_is_awaited_until_the_second_signal() -> None:
    process = waiting("awaits")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)  # the same key, told twice on its way
    assert process.stdout is not None
    told = process.stdout.readline()
    assert "waiting at most 120 s for 3 requests on the wire, which are paid" in told
    time.sleep(0.7)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    told, _ = process.communicate(timeout=20)
    assert time.monotonic() - began < 1.0
    assert process.returncode == 3
    assert "stopped at once. Every reply so far is kept. To resume: do it again" in told
    assert "raised" not in told


def test_a_stop_reaches_who_listens_and_who_comes_later() -> None:
    heard: list[str] = []
    try:
        with stopping.on_stop(heard.append):
            stopping.stop("interrupted")
            stopping.stop("again")
        assert heard == ["interrupted", "interrupted"]  # only the first reason counts
        with stopping.on_stop(heard.append):
            assert heard[2:] == ["interrupted"]
    finally:
        stopping.go_on()
    stopping.stop("later")
    stopping.go_on()
    assert len(heard) == 3


def test_workers_of_this_machine_read_why_they_are_to_stop(tmp_path: Path) -> None:
    try:
        with obeyed(tmp_path):
            assert stopping.awaited()
            stopping.stop("interrupted")
            assert (tmp_path / "stop").read_text() == "interrupted"
        assert not stopping.awaited()
    finally:
        stopping.go_on()


def test_no_signal_of_a_group_finds_a_job_server() -> None:
    """Prism and Flink's server take interrupts even where they are blocked, and workers lose their data."""
    Engine([])
    server = subprocess_server.subprocess.Popen(["sleep", "30"])
    try:
        assert os.getsid(server.pid) == server.pid != os.getsid(0)
    finally:
        server.kill()
        server.wait()
    assert subprocess_server.subprocess is not subprocess  # everything else is started as ever


def test_the_command_that_goes_on_is_the_one_that_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = ["--config", "my file.yaml", "--set", "annotators.0.name=it's a judge"]
    monkeypatch.setattr(sys, "argv", ["/some/pipeline/run.py"])
    monkeypatch.setattr(sys, "orig_argv", ["my env/bin/python", "-m", "pipeline.run", *typed])
    python = ["my env/bin/python", "-m"]
    assert shlex.split(command_of("run", typed)) == [*python, "pipeline.run", *typed]
    assert shlex.split(command_of("retry", typed)) == [*python, "pipeline", "retry", *typed]
    script = tmp_path / "videoprefer"
    script.touch(mode=0o755)
    monkeypatch.setattr(sys, "argv", [str(script)])
    monkeypatch.setenv("PATH", "")
    assert command_of("run", ["--output", "o"]) == f"{script} run --output o"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command_of("run", ["--output", "o"]) == "videoprefer run --output o"


@pytest.fixture
def heard() -> Iterator[None]:
    """SIGINT as Python has it by itself; a shell starts what it puts into the background deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_beside_run_takes_both_signals_alike(number: int, capsys: Any) -> None:
    before = signal.getsignal(signal.SIGTERM)

    def work() -> int:
        os.kill(os.getpid(), number)
        time.sleep(10)
        return 0

    assert words.guarded(work, interrupted="what is kept") == 3
    assert capsys.readouterr().err == "what is kept\n"
    assert signal.getsignal(signal.SIGTERM) is before


def test_before_a_command_is_loaded_an_interrupt_leaves_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def loading(verb: str) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_command", loading)
    assert cli.main(["run", "--output", "out"]) == 3
    assert capsys.readouterr().err == "interrupted before work started\n"


LEAVES = """
import os, signal
from pipeline.__main__ import leaving
code = leaving(3)
os.kill(os.getpid(), signal.SIGTERM)
raise SystemExit(1)
"""


def test_a_signal_on_the_way_out_does_not_change_the_exit_code() -> None:
    assert subprocess.run([sys.executable, "-c", LEAVES], timeout=60).returncode == 3


def test_an_engine_that_died_of_the_signal_is_counted_when_its_wire_is_silent(
    tmp_path: Path,
) -> None:
    """Workers in this process go on: what they buy until then is in the counts, once."""
    wire, ticker = [2], Ticker(str(tmp_path / "progress" / "annotate-00000"), "annotate/j")

    def finish() -> None:
        for _ in range(2):
            time.sleep(0.15)
            ticker.counts.bought += 1
            ticker.flush()
            wire[0] -= 1

    def die(pipeline: Any, wave: str) -> Any:
        threading.Thread(target=finish).start()
        stopping.stop("interrupted")
        raise RuntimeError("Socket closed")

    counters = Counters(tmp_path / "counters")
    run: Any = SimpleNamespace(
        engine=SimpleNamespace(remote=False, runner="PrismRunner", run=die),
        progress=tmp_path / "progress",
        recipe=Recipe(progress=""),
        counted={},
        counters=counters,
        show=lambda counts: None,
        on_the_wire=lambda: wire[0],
    )
    try:
        with pytest.raises(RuntimeError):
            run_watched(run, lambda: lambda p: None, "annotate-00000")
    finally:
        stopping.go_on()
    assert counters.totals(set())["annotate/j"].bought == 2
    ticker.flush()  # too late: nobody reads it, and no later run takes it for another's
    assert not (tmp_path / "progress" / "annotate-00000").exists()


# whole runs


def journaled(root: Path) -> int:
    return sum(1 for _ in (root / "journal").glob("??/*.json"))


def gone(group: int, within_s: float = 5.0) -> bool:
    """Whether nothing of a group lives any more; processes of a pool end a moment after it."""
    until = time.monotonic() + within_s
    while alive(group) and time.monotonic() < until:
        time.sleep(0.1)
    return not alive(group)


def alive(group: int) -> list[str]:
    """Processes of a group that have not ended; those that nobody has buried yet have."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] not in "ZX":
            found.append(stat.parent.name)
    return found


def bought(run: "subprocess.Popen[bytes]", server: JudgeServer, n: int) -> None:
    while server.n_bills < n and run.poll() is None:
        time.sleep(0.01)
    assert run.poll() is None


def signalled(run: "subprocess.Popen[bytes]", number: int, group: bool) -> None:
    if group:
        os.killpg(run.pid, number)
    else:
        run.send_signal(number)


MULTI = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "flags"), [(signal.SIGINT, ()), (signal.SIGTERM, MULTI)], ids=["terminal", "service"]
)
def test_the_first_signal_keeps_what_is_on_the_wire(
    tmp_path: Path, number: int, flags: Any
) -> None:
    """To the whole group, as a terminal and a service manager send it: workers are told, too."""
    with JudgeServer(latency_s=1.0) as server:
        write(tmp_path, server, wave_size=100 if flags else 8)
        run = start(tmp_path, "out", *flags)
        bought(run, server, 3)
        signalled(run, number, group=True)
        time.sleep(0.8)  # workers look five times a second
        arrived = len(server.bodies)
        assert run.wait(timeout=100) == 3
        assert len(server.bodies) == arrived  # nothing new was sent
        assert server.n_bills == arrived == journaled(tmp_path / "out")
    told = (tmp_path / "out.log").read_text()
    assert "interrupted: nothing new is begun" in told
    assert "interrupted. Everything paid for is kept" in told
    assert re.search(rf"bought by this run: {arrived} replies, for \$0\.00", told)
    n = 1 if flags else 2
    assert f"waves that are whole: collect {n} of {n}, annotate 0 of {n}" in told
    resume = told.split("resume ")[1].strip().splitlines()[0]
    assert resume.startswith(f"{sys.executable} -m pipeline.run --config ")
    assert str(tmp_path / "out") in resume
    assert "Traceback" not in told
    assert gone(run.pid)


@pytest.mark.slow
def test_the_second_signal_ends_at_once_and_the_run_goes_on_later(tmp_path: Path) -> None:
    with JudgeServer(latency_s=2.0) as server:
        write(tmp_path, server)
        run = start(tmp_path, "out")
        bought(run, server, 3)
        kept = journaled(tmp_path / "out")
        signalled(run, signal.SIGTERM, group=False)
        time.sleep(0.7)
        began = time.monotonic()
        signalled(run, signal.SIGTERM, group=False)
        assert run.wait(timeout=20) == 3
        assert time.monotonic() - began < 1.0
        assert gone(run.pid)
        assert journaled(tmp_path / "out") >= kept
        server.latency_s = 0.0
        again = start(tmp_path, "out")
        assert again.wait(timeout=100) == 0, (tmp_path / "out.log").read_text()[-2000:]
        # what was on the wire is paid again at most, and nothing else
        assert server.n_bills <= len(server.bills) + 4


@pytest.mark.slow
def test_a_signal_while_clips_are_read_leaves_the_wave_to_be_done_again(tmp_path: Path) -> None:
    with JudgeServer() as server:
        write(tmp_path, server)
        run = start(tmp_path, "out")
        while not list((tmp_path / "out").glob("work/progress/collect-*/launcher")):
            assert run.poll() is None
            time.sleep(0.01)
        signalled(run, signal.SIGINT, group=True)
        assert run.wait(timeout=60) == 3
        assert not server.bodies
    told = (tmp_path / "out.log").read_text()
    assert "waves that are whole: collect 0 of 2, annotate 0 of 2" in told
    assert gone(run.pid)
