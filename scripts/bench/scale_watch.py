"""Commands side by side and everything they start, watched: processor time and resident memory over time."""

import contextlib
import dataclasses
import os
import subprocess
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

EVERY_S = 0.1
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was seen at one moment."""

    at: float  # seconds since the epoch
    main_cpu_s: float
    all_cpu_s: float  # with the children that live, and those that were and are no more
    main_bytes: int  # resident
    all_bytes: int  # resident, of all processes together; pages that several share count in each
    private_bytes: int  # of the children: what each has for itself


@dataclasses.dataclass(slots=True)
class Watched:
    """A command that has ended."""

    output: str
    wall_s: float
    looks: list[Look]

    def cpu_s(self, start: float, end: float) -> float:
        """What all its processes used between two moments."""
        return self._at(end).all_cpu_s - self._at(start).all_cpu_s

    def children_cpu_s(self, start: float, end: float) -> float:
        """What all but the first used."""
        own = self._at(end).main_cpu_s - self._at(start).main_cpu_s
        return self.cpu_s(start, end) - own

    def peak(self, name: str, start: float = 0.0, end: float = float("inf")) -> int:
        """The largest value of a field between two moments."""
        return max((getattr(o, name) for o in self.looks if start <= o.at <= end), default=0)

    def _at(self, moment: float) -> Look:
        place = bisect_left([look.at for look in self.looks], moment)
        return self.looks[min(place, len(self.looks) - 1)]


def run_all(commands: Sequence[Sequence[str]], **environment: str) -> list[Watched]:
    """Run commands at the same time, each to its end, and see what they use.

    Raises ``RuntimeError`` with the errors of one that fails.
    """
    begun = [_Running(command, environment) for command in commands]
    return [one.ended() for one in begun]


class _Running:
    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command, self._start = command, time.time()
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        self._looks: list[Look] = []
        self._said: tuple[str, str] = ("", "")
        self._end = 0.0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()

    def ended(self) -> Watched:
        self._reader.join()
        self._watch.join()
        output, errors = self._said
        if self._process.returncode:
            told = " ".join(self._command)
            raise RuntimeError(f"{told} ended with {self._process.returncode}:\n{errors[-4000:]}")
        return Watched(output=output, wall_s=self._end - self._start, looks=self._looks)

    def _read(self) -> None:
        self._said = self._process.communicate()
        self._end = time.time()

    def _look(self) -> None:
        known: dict[tuple[int, str], float] = {}  # CPU seconds by process and start
        while self._reader.is_alive():
            found = list(_tree(self._process.pid))
            known |= {one.key: one.cpu_s for one in found}
            main = next((one for one in found if one.key[0] == self._process.pid), None)
            if main is not None:
                self._looks.append(
                    Look(
                        at=time.time(),
                        main_cpu_s=main.cpu_s,
                        all_cpu_s=sum(known.values()),
                        main_bytes=main.resident,
                        all_bytes=sum(one.resident for one in found),
                        private_bytes=sum(one.private for one in found if one is not main),
                    )
                )
            time.sleep(EVERY_S)


@dataclasses.dataclass(frozen=True, slots=True)
class _Process:
    key: tuple[int, str]  # its number, and when it began
    cpu_s: float
    resident: int
    private: int


def _tree(root: int) -> Iterator[_Process]:
    """A process and all below it."""
    found: dict[int, list[str]] = {}
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended
            number = int(path.parent.name)
            found[number] = path.read_text().rpartition(")")[2].split()
            children.setdefault(int(found[number][1]), []).append(number)
    todo = [root] if root in found else []
    while todo:
        number = todo.pop()
        todo += children.get(number, [])
        with contextlib.suppress(OSError):
            pages = Path(f"/proc/{number}/statm").read_text().split()
            fields = found[number]
            resident, shared = int(pages[1]) * PAGE, int(pages[2]) * PAGE
            cpu_s = (int(fields[11]) + int(fields[12])) * TICK_S
            yield _Process((number, fields[19]), cpu_s, resident, resident - shared)
