"""A command and everything it starts, watched: wall time, processor time, peak memory of all together."""

import dataclasses
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

EVERY_S = 0.1
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclasses.dataclass(slots=True)
class Seen:
    """What was seen of a command by now."""

    cpu_s: float = 0.0
    peak_bytes: int = 0  # resident, pages that several share counted in each of them
    output: str = ""


class Watch:
    """Looks at a tree of processes ten times a second, in a thread."""

    def __init__(self, root: int) -> None:
        self._root, self._over = root, threading.Event()
        self._cpu: dict[tuple[int, str], float] = {}  # by process and start
        self._peak = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> Seen:
        """What was seen; a process's last tenth of a second may be missing."""
        self._over.set()
        self._thread.join()
        return Seen(sum(self._cpu.values()), self._peak)

    def _run(self) -> None:
        while not self._over.wait(EVERY_S):
            resident = 0
            for process, start, cpu_s, pages in _tree(self._root):
                self._cpu[process, start] = cpu_s
                resident += pages * PAGE
            self._peak = max(self._peak, resident)


def watched(command: list[str], **environment: str) -> Seen:
    """Run a command to its end. Raises ``RuntimeError`` with its errors where it fails."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    watch = Watch(process.pid)
    output, errors = process.communicate()
    seen = watch.stop()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{errors}")
    seen.output = output
    return seen


def _tree(root: int) -> Iterator[tuple[int, str, float, int]]:
    """Process, start, CPU seconds and resident pages of a process and all below it."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        found[int(path.parent.name)] = fields
    children: dict[int, list[int]] = {}
    for process, fields in found.items():
        children.setdefault(int(fields[1]), []).append(process)
    todo = [root]
    while todo:
        process = todo.pop()
        todo += children.get(process, [])
        if process in found:
            fields = found[process]
            cpu_s = (int(fields[11]) + int(fields[12])) * TICK_S
            yield process, fields[19], cpu_s, int(fields[21])
