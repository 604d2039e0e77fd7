"""Progress while it runs: workers write small count files, the launcher adds them up and shows them.

Beam's counters arrive only when a bundle ends, which on a local engine is when the stage ends; a small
file per worker and stage works on every engine that shares the run's folder.
"""

import dataclasses
import json
import os
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

EVERY_S = 0.5


@dataclasses.dataclass(slots=True)
class Counts:
    """What one worker, or all of them, did in one stage."""

    done: int = 0
    failed: int = 0
    skipped: int = 0  # not applicable, not recorded: no error

    @property
    def finished(self) -> int:
        """Items that are over, one way or another."""
        return self.done + self.failed + self.skipped

    def __iadd__(self, other: "Counts") -> "Counts":
        for field in dataclasses.fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))
        return self


class Ticker:
    """One worker's counts of one stage, written to its own file at most twice a second."""

    def __init__(self, folder: str, stage: str) -> None:
        self.counts = Counts()
        self._stage = stage
        self._path = Path(folder) / f"{uuid.uuid4().hex}.json"
        self._next = 0.0

    def add(self, **more: float) -> None:
        """Add to the counts, for example ``add(done=1)``."""
        for name, value in more.items():
            setattr(self.counts, name, getattr(self.counts, name) + value)
        if time.monotonic() >= self._next:
            self.flush()

    def flush(self) -> None:
        """Write the counts now; call at the end of a bundle."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text(json.dumps([self._stage, dataclasses.asdict(self.counts)]))
        os.replace(temporary, self._path)
        self._next = time.monotonic() + EVERY_S


def read_counts(folder: Path) -> dict[str, Counts]:
    """Counts per stage, all workers together."""
    total: dict[str, Counts] = {}
    for path in sorted(folder.glob("*.json")):
        stage, counts = json.loads(path.read_text())
        total.setdefault(stage, Counts())
        total[stage] += Counts(**counts)
    return total


class Watch:
    """Calls ``show`` with the counts every ``every_s`` while a ``with`` block runs, and at its end."""

    def __init__(
        self, folder: Path, show: Callable[[dict[str, Counts]], None], every_s: float = 1.0
    ) -> None:
        self._folder, self._show, self._every_s = folder, show, every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="progress")

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            self._show(read_counts(self._folder))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._show(read_counts(self._folder))
