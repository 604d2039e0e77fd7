"""Memory, cores and what a container allows of them."""

import os
import sys
from collections.abc import Iterator
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

from pipeline.doctor.finding import Asked, Finding, fail, ok, warn

GIB = 2**30
LEAST = 2 * GIB  # one worker with torch and Beam loaded, and a clip at hand
CGROUPS = Path("/sys/fs/cgroup")
MEMINFO = Path("/proc/meminfo")
A_PICTURE = 2**20


def memory(_: Asked) -> Iterator[Finding]:
    """What is left of the machine's, or of the container's."""
    left = [free for free in (available(MEMINFO), allowed(CGROUPS)) if free is not None]
    if not left:
        yield ok("memory", "cannot be told here")
        return
    said = f"{min(left) / GIB:.1f} GiB can be used"
    if min(left) < LEAST:
        yield warn("memory", said, "end other programs, or set concurrency.processes: 1")
    else:
        yield ok("memory", said)


def available(meminfo: Path) -> int | None:
    """Bytes that programs may still take, by the kernel's own estimate; None where it is not told."""
    try:
        lines = dict(line.split(":") for line in meminfo.read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None


def allowed(cgroup: Path) -> int | None:
    """Bytes that the container (cgroup v2) may still take; None where it has no limit."""
    try:
        most = int((cgroup / "memory.max").read_text())
        return max(0, most - int((cgroup / "memory.current").read_text()))
    except (OSError, ValueError):  # "max": none
        return None


def cores(asked: Asked) -> Iterator[Finding]:
    """Those this process may use: a run takes a child process for each unless told otherwise."""
    n = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = quota(CGROUPS)
    said = f"{n} can be used"
    processes = asked.config.concurrency.processes if asked.config else None
    if share is not None and share < (processes or n) - 0.5:
        yield warn(
            "cores",
            f"{said}, and the container allows the time of {share:g} of them",
            f"set concurrency.processes: {max(1, round(share))}",
        )
    else:
        yield ok("cores", said)


def quota(cgroup: Path) -> float | None:
    """Cores' worth of time that the container (cgroup v2) may use; None where it has no limit."""
    try:
        most, period = (cgroup / "cpu.max").read_text().split()
        return int(most) / int(period)
    except (OSError, ValueError):  # "max 100000": none
        return None


def shared_memory(_: Asked) -> Iterator[Finding]:
    """What processes hand one another pictures and locks through."""
    try:
        block = SharedMemory(create=True, size=A_PICTURE)
    except OSError as error:
        yield fail(
            "shared memory",
            f"none can be had ({error.strerror})",
            "give the container some (docker run --shm-size=1g)",
        )
        return
    block.close()
    block.unlink()
    yield ok("shared memory", "works")


def system(_: Asked) -> Iterator[Finding]:
    """Which systems this is made for."""
    if sys.platform == "win32":
        yield fail("system", "Windows", "run it in WSL 2 or in a container")
    elif sys.platform == "linux":
        yield ok("system", f"Linux, {os.uname().machine}")
    else:
        yield warn("system", sys.platform, "expect what Linux alone has to fail; take a container")
