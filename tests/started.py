"""Runs in processes of their own, to be interrupted and killed: ``kill -9`` is one, and nothing is left.

They are forked from a process that has imported what a run needs. A fresh interpreter spends five of a
small run's seven seconds on imports, which no test of kills looks at; that ``python -m pipeline.run``
starts from nothing is the business of test_packaging.
"""

import multiprocessing
import os
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any


class Started:
    """A run on ``config.yaml`` of a folder, as ``subprocess.Popen`` would show it. What it says goes to the
    log, after what earlier ones said. It heads a process group of its own."""

    def __init__(self, folder: Path, output: str, log: str, env: dict[str, str]) -> None:
        arguments = ["--config", str(folder / "config.yaml"), "--output", str(folder / output)]
        context = multiprocessing.get_context("forkserver")
        begun, theirs = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_run, args=(theirs, arguments, str(folder / log), {**os.environ, **env})
        )
        self._process.start()
        begun.recv()  # it may be killed from now on, as a group

    @property
    def pid(self) -> int:
        """Of the process, and of its group."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """As of now: negative, of the signal that ended it; None: it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The same."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code. Raises ``subprocess.TimeoutExpired``."""
        self._process.join(timeout)
        if (code := self.returncode) is None:
            raise subprocess.TimeoutExpired("run", timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        """To the process alone."""
        os.kill(self.pid, number)


def _run(
    begun: "Connection[Any, Any]", arguments: list[str], log: str, env: dict[str, str]
) -> None:
    os.setsid()
    begun.send(None)
    os.environ.clear()
    os.environ.update(env)
    for path, name, flags in ((os.devnull, 1, os.O_WRONLY), (log, 2, os.O_WRONLY | os.O_APPEND)):
        file = os.open(path, flags | os.O_CREAT, 0o644)
        os.dup2(file, name)
        os.close(file)
    from pipeline.command import main

    sys.exit(main(arguments))
