"""A case in rounds: every contestant in a process of its own, each in turn, the best round counts."""

import contextlib
import dataclasses
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from audit_cases import Case
from audit_peers import OURS, NotInstalled, python_of

WORKER = Path(__file__).with_name("audit_worker.py")
LONGEST_S = 60.0  # a contestant that has worked so long takes no further turn


@dataclasses.dataclass(slots=True, kw_only=True)
class Result:
    """What came of one contestant; ``seconds`` of all of its rounds."""

    name: str
    version: str = ""
    times: float = 1.0  # above 1: the time is an estimate, of so many times what was done
    seconds: list[float] = dataclasses.field(default_factory=list)
    cpu_s: list[float] = dataclasses.field(default_factory=list)
    answer: list[float] = dataclasses.field(default_factory=list)
    peak_mib: float | None = None
    more_mib: float | None = None  # above what the process held before it was asked
    why_not: str | None = None

    @property
    def best(self) -> float:
        return min(self.seconds)


@dataclasses.dataclass(slots=True, kw_only=True)
class _Worker:
    process: "subprocess.Popen[str]"
    log: Any

    def listen(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.log.seek(0)
            said = " | ".join(self.log.read().strip().splitlines()[-2:])
            raise ChildProcessError(f"ended with {self.process.returncode}: {said[-300:]}")
        return dict(json.loads(line))

    def ask(self) -> dict[str, Any]:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # listen tells why
            self.process.stdin.write("go\n")
            self.process.stdin.flush()
        return self.listen()


@contextlib.contextmanager
def _worker(python: str, contestant: str, case: Case, data: Path) -> Iterator[_Worker]:
    command = [python, str(WORKER), "--contestant", contestant, "--case", case.name]
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(
            [*command, "--data", str(data)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        ) as process,
    ):
        try:
            yield _Worker(process=process, log=log)
        finally:
            process.kill()


def compete(case: Case, data: Path, only: list[str], rounds: int, folder: Path) -> list[Result]:
    """The contestants of ``only`` in turns; ours is the first."""
    names = [n for n in (OURS, *case.peers) if n.partition(":")[0] in only]
    results = {name: Result(name=name) for name in names}
    with contextlib.ExitStack() as stack:
        workers: dict[str, _Worker] = {}
        for name in names:
            try:
                python = python_of(name.partition(":")[0], folder)
                workers[name] = stack.enter_context(_worker(python, name, case, data))
                ready = workers[name].listen()
                results[name].version, results[name].times = ready["version"], ready["times"]
            except (NotInstalled, ChildProcessError) as error:
                results[name].why_not = str(error)
                workers.pop(name, None)
        for _ in range(rounds):
            for name, worker in workers.items():
                _turn(worker, results[name])
    return list(results.values())


def _turn(worker: _Worker, result: Result) -> None:
    spent = sum(result.seconds) / result.times
    if result.why_not or spent > LONGEST_S:
        return
    try:
        said = worker.ask()
    except ChildProcessError as error:
        result.why_not = str(error)
        return
    result.seconds.append(said["seconds"])
    result.cpu_s.append(said["cpu_s"])
    result.answer = said["answer"]
    for name in ("peak_mib", "more_mib"):
        known = [n for n in (getattr(result, name), said[name]) if n is not None]
        setattr(result, name, max(known, default=None))
