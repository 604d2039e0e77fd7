"""A whole run launched from inside Dataflow: one small job whose only element is the run's command line.

A run sends a job for every wave and waits for it, so somebody has to stay. Where that shall be no
machine of one's own, a worker does: Dataflow starts it again where it is lost, and the command goes on
where it was.
"""

import logging
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import apache_beam as beam
import fsspec

_log = logging.getLogger(__name__)
_MEANS = {
    1: "it failed",
    2: "it was refused before any work",
    3: "it stopped early; launch it again to resume",
    4: "audit.require is not met",
}
SAID_LINES = 20  # of the command's last words, kept for the error


class RunError(RuntimeError):
    """The command ended with another exit code than 0."""


class WholeRun(beam.PTransform):
    """One element, the arguments of ``run``; yields the address of its output when it is complete."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = list(arguments)

    def expand(self, root: beam.Pipeline) -> beam.PCollection:
        return root | "Command" >> beam.Create([self._arguments]) | "Run" >> beam.Map(run_whole)


def run_whole(arguments: Sequence[str]) -> str:
    """Run ``python -m pipeline.run`` with these arguments, its output told to the log as it comes.

    A configuration may lie in a store (``--config=gs://BUCKET/my.yaml``); what its paths name must then
    be addresses too. Returns the output's address. Raises :class:`RunError`; Dataflow tries four
    times, and each goes on where the one before ended.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pipeline.run", *_with_config_here(arguments, folder)]
        code, said = _told(command)
    if code:
        means = _MEANS.get(code, "it was killed")
        raise RunError(f"run ended with exit code {code} ({means}):\n" + "\n".join(said))
    return _value(arguments, "--output")


def _told(command: Sequence[str]) -> tuple[int, list[str]]:
    """The exit code, and the last lines of what the command said."""
    lines: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            _log.info("%s", line.rstrip())
            lines = [*lines, line.rstrip()][-SAID_LINES:]
    return process.returncode, lines


def _with_config_here(arguments: Sequence[str], folder: str) -> list[str]:
    found = _value(arguments, "--config")
    if "://" not in found:
        return list(arguments)
    copy = Path(folder) / Path(found).name
    with fsspec.open(found, "rb") as file:
        copy.write_bytes(file.read())
    return [f"--config={copy}" if a == f"--config={found}" else a for a in arguments]


def _value(arguments: Sequence[str], option: str) -> str:
    """Of ``--option=value``, which is how the launcher writes them; empty where there is none."""
    values = [a.partition("=")[2] for a in arguments if a.startswith(f"{option}=")]
    return values[-1] if values else ""
