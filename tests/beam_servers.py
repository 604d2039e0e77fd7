"""Beam's own servers as separate processes: a job server, a pool of workers, and Prism's program."""

import contextlib
import lzma
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_run import free_port

PRISM = "prism-*-linux-amd64.xz"


@contextlib.contextmanager
def module(name: str, port: int, *arguments: str, log: Path) -> Iterator[str]:
    """A module of Beam's that listens on a port, until the block ends; its address."""
    tests = str(Path(__file__).parent)
    env = {
        **os.environ,
        # the pool starts plain `python`
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([tests, *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    env.pop("OMP_NUM_THREADS", None)  # of a pool that somebody else has started, nobody knows
    with log.open("wb") as said:
        command = [sys.executable, "-m", name, *arguments]
        process = subprocess.Popen(command, env=env, stdout=said, stderr=said)
        try:
            wait_for(port, process, log)
            yield f"localhost:{port}"
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()


def wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until something listens on a port."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("localhost", port), 1):
            return
        time.sleep(0.05)
    pytest.fail(f"nothing listens on port {port}: {log.read_text(errors='replace')[-2000:]}")


@contextlib.contextmanager
def job_server(folder: Path) -> Iterator[str]:
    """Python's portable job server; its address."""
    port = free_port()
    name = "apache_beam.runners.portability.local_job_service_main"
    with module(name, port, "--job_port", str(port), log=folder / "jobs.log") as address:
        yield address


@contextlib.contextmanager
def worker_pool(folder: Path) -> Iterator[str]:
    """A pool that starts a worker process whenever a job asks for one; its address."""
    port = free_port()
    name = "apache_beam.runners.worker.worker_pool_main"
    with module(name, port, "--service_port", str(port), log=folder / "pool.log") as address:
        yield address


def prism(folder: Path) -> str:
    """Prism's program, unpacked; skips where it is not at hand."""
    data = os.environ.get("VIDEOPREFER_TEST_DATA")
    found = sorted(Path(data).parent.glob(f"runners/{PRISM}")) if data else []
    if not found or sys.platform != "linux":
        pytest.skip(f"no {PRISM} in the folder `runners` beside VIDEOPREFER_TEST_DATA")
    program = folder / "prism"
    program.write_bytes(lzma.decompress(found[-1].read_bytes()))
    program.chmod(0o755)
    return str(program)
