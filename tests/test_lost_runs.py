"""Whole runs whose worker is killed or whose disk fills up: the same command ends with the same rows.

Every run starts from one whose clips are there and whose key was refused, so that nothing was bought.
"""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bundle_worker as worker
import pytest
import yaml
from judge_server import JudgeServer
from test_protocols import config
from test_resume import rows

from annotators.ledger import Ledger, Spent
from pipeline import command
from schemas.options import SetupError

pytestmark = pytest.mark.slow

WANTED, IN_FLIGHT = 12, 2  # 2 prompts x 3 generators x 2 rubrics
TWO_WORKERS = ("--direct_num_workers=2", "--direct_running_mode=multi_processing")


class World:
    """A judge, a configuration, and a folder to copy."""

    def __init__(self, server: JudgeServer, root: Path) -> None:
        self.server, self.root = server, root
        self.config = root / "config.yaml"
        tree = config(server, "pointwise", judge={"concurrency": IN_FLIGHT})
        self.config.write_text(yaml.safe_dump(tree))
        self.whole: list[str] = []

    def argv(self, out: Path, *flags: str) -> list[str]:
        return ["--config", str(self.config), "--output", str(out), *flags]

    def copy(self, name: str) -> Path:
        """A folder of a run that bought nothing yet, and a judge that has billed nothing."""
        self.server.bills.clear()
        out = self.root / name
        shutil.copytree(self.root / "base", out)
        return out

    def goes_on(self, out: Path) -> None:
        """The same command ends, with the rows of a run that nothing happened to and a right bill."""
        assert command.main(self.argv(out)) == 0
        assert rows(out) == self.whole
        assert len(self.server.bills) == WANTED
        billed = self.server.n_bills
        assert billed <= WANTED + IN_FLIGHT
        spent = json.loads((out / "run.json").read_text())["spend"]["all_runs"]
        assert billed <= spent["requests"] <= WANTED + IN_FLIGHT


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("world")
    refused = {"now": True}
    with (
        pytest.MonkeyPatch().context() as patch,
        JudgeServer(
            latency_s=0.1, faults=lambda n, key: "unauthorized" if refused["now"] else None
        ) as server,
    ):
        patch.setenv("A_TEST_KEY", "sk-test")
        found = World(server, root)
        assert command.main(found.argv(root / "base")) == 3
        refused["now"] = False
        out = found.copy("whole")
        assert command.main(found.argv(out)) == 0
        assert server.n_bills == WANTED
        found.whole = rows(out)
        yield found


def until(true: Callable[[], bool], within_s: float = 120.0) -> None:
    ends = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.005)


def workers_of(pid: int) -> list[int]:
    """Beam's worker processes of a run, which is its group's leader."""
    found = []
    for place in Path("/proc").iterdir():
        try:
            if place.name.isdigit() and b"sdk_worker_main" in (place / "cmdline").read_bytes():
                found += [int(place.name)] if os.getpgid(int(place.name)) == pid else []
        except OSError:  # it has ended meanwhile
            continue
    return sorted(found)


def test_one_of_two_workers_is_killed(world: World) -> None:
    out = world.copy("killed")
    run = subprocess.Popen(
        [sys.executable, "-m", "pipeline.run", *world.argv(out, *TWO_WORKERS)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until(lambda: world.server.n_bills >= 3 or run.poll() is not None)
    both = workers_of(run.pid)
    assert len(both) == 2
    os.kill(both[0], signal.SIGKILL)
    _, said = run.communicate(timeout=120)
    assert run.returncode == 1
    assert "lost a worker process" in said.splitlines()[-1]
    assert "run the same command again" in said.splitlines()[-1]
    assert not (out / "run.json").exists()
    world.goes_on(out)


def _run(words: str, argv: list[str]) -> int:
    os.dup2(os.open(words, os.O_WRONLY), 2)
    return command.main(argv)


def fill_disk(pid: int) -> None:
    """From now on no file of this process grows: a full disk, but for the number of the error."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))


@pytest.mark.parametrize("bills", [3, WANTED], ids=["journal", "tables"])
def test_a_disk_that_fills_up_stops_the_run_and_loses_nothing_that_is_kept(
    world: World, bills: int
) -> None:
    """In the middle of the replies, and after the last of them: then the tables are next."""
    out = world.copy(f"full-{bills}")
    words = world.root / f"words-{bills}"
    os.mkfifo(words)  # what it says: a file would not take it
    run = worker.call(_run, str(words), world.argv(out))
    with open(words) as said:
        until(lambda: world.server.n_bills >= bills or not run.is_alive())
        fill_disk(run.pid)
        last = said.read().splitlines()[-1:]
    run.join(60)
    assert run.exitcode in (1, 3), last
    assert not (out / "run.json").exists()
    assert "File too large" in str(last)
    assert "run the same command again" in str(last)
    world.goes_on(out)


def _reserve(folder: str) -> int:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        Ledger(Path(folder) / "ledger").begin()
    except SetupError as error:
        return 2 if "ledger of what was spent cannot be used" in str(error) else 1
    return 0


def test_a_ledger_for_which_the_disk_has_no_room_is_refused_before_anything_is_spent(
    tmp_path: Path,
) -> None:
    process = worker.call(_reserve, str(tmp_path))
    process.join(60)
    assert process.exitcode == 2
    ledger = Ledger(tmp_path / "ledger", ["judge"])  # after room was made
    ledger.begin()
    assert ledger.totals() == {"judge": Spent()}
