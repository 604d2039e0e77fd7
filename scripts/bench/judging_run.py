"""One measurement: a contestant against the server, seen from both ends."""

import contextlib
import dataclasses
import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from judging_work import Measured, Work

LONGEST_S = 900  # one measurement


class NotMeasured(Exception):
    """A contestant did not do the work; the message says why."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A measurement that counts: every call was answered."""

    contestant: str
    latency_s: float
    draws: int
    calls: int
    calls_per_s: float  # while as many as allowed were in flight, as the server saw it
    whole_run_calls_per_s: float  # from the first arrival to the last reply
    seconds: float  # as the client saw it
    most_at_once: int
    kb_per_request: float
    cpu_ms_per_call: float
    server_cpu_ms_per_call: float
    peak_mib: float
    versions: dict[str, str]


@contextlib.contextmanager
def server() -> Iterator[str]:
    """The address of a server in a process of its own."""
    command = [sys.executable, str(Path(__file__).with_name("judging_server.py"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def run(name: str, command: list[str], address: str, work: Work) -> Run:
    """Let a contestant work. Raises :class:`NotMeasured`."""
    _get(f"{address}/begin?latency={work.latency_s}")
    # the folder lies beside the frames: what is kept goes to a disk, and /tmp is often none
    with tempfile.TemporaryDirectory(dir=Path(work.frames).parent, prefix="run-") as folder:
        given = dataclasses.replace(work, url=f"{address}/v1", folder=folder)
        options = [f"--{key}={value}" for key, value in dataclasses.asdict(given).items()]
        measured = _listen([*command, *options], Path(folder))
    stats = _get(f"{address}/stats")
    if measured.answered != given.calls or stats["replies"] != given.calls:
        raise NotMeasured(
            f"{given.calls} calls were wanted, {stats['replies']} were answered by the server and "
            f"{measured.answered} became results"
        )
    return Run(
        contestant=name,
        latency_s=given.latency_s,
        draws=given.draws,
        calls=given.calls,
        calls_per_s=steady_rate(stats["replied_at"], given.concurrency),
        whole_run_calls_per_s=given.calls / (stats["replied_at"][-1] - stats["arrived_at"][0]),
        seconds=measured.seconds,
        most_at_once=stats["most_at_once"],
        kb_per_request=stats["bytes"] / given.calls / 1000,
        cpu_ms_per_call=1000 * measured.cpu_s / given.calls,
        server_cpu_ms_per_call=1000 * stats["cpu_s"] / given.calls,
        peak_mib=measured.peak_mib,
        versions=measured.versions,
    )


def steady_rate(replied_at: list[float], concurrency: int) -> float:
    """Replies per second without the first and the last ``concurrency`` of them.

    Replies come in rounds of ``concurrency`` where the latency binds, so a whole number of rounds is
    taken: cutting inside one would add or lose the wait between two.
    """
    rounds = len(replied_at) // concurrency - 2
    if rounds < 1:
        raise ValueError(f"{len(replied_at)} calls are less than three rounds of {concurrency}")
    first, last = replied_at[concurrency - 1], replied_at[concurrency * (rounds + 1) - 1]
    return rounds * concurrency / (last - first)


def _listen(command: list[str], folder: Path) -> Measured:
    log = folder / "stderr.txt"
    with log.open("w") as errors:
        try:
            done = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, timeout=LONGEST_S
            )
        except subprocess.TimeoutExpired as error:
            raise NotMeasured(f"not done after {LONGEST_S} s") from error
    lines = done.stdout.strip().splitlines()
    try:
        return Measured(**json.loads(lines[-1]))
    except (IndexError, ValueError, TypeError) as error:
        said = " | ".join((log.read_text().strip().splitlines() or lines)[-3:])
        raise NotMeasured(f"ended with {done.returncode}: {said[-600:]}") from error


def _get(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=30) as response:
        return json.load(response)
