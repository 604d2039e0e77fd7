"""Progress while it runs: workers write small count files, the launcher adds them up and shows them.

Beam's counters arrive only when a bundle ends, which on a local engine is when the stage ends; a small
file per worker and stage works on every engine that shares the run's folder.
"""

import contextlib
import dataclasses
import json
import math
import os
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

EVERY_S = 0.5
PER_OCTAVE = 4  # buckets of a spread for each doubling: a percentile is right to 9 per cent


@dataclasses.dataclass(slots=True)
class Spread:
    """Many milliseconds: how many, their sum, the ends, and counts in buckets of a logarithmic scale.

    ``buckets`` maps ``round(PER_OCTAVE * log2(ms))`` to a count. It is empty where only an engine's own
    distribution is known, which has the first four and no more.
    """

    n: int = 0
    sum: int = 0
    least: int | None = None
    most: int | None = None
    buckets: dict[str, int] = dataclasses.field(default_factory=dict)

    def add(self, ms: int) -> None:
        """One more."""
        self.n, self.sum = self.n + 1, self.sum + ms
        self.least = ms if self.least is None else min(self.least, ms)
        self.most = ms if self.most is None else max(self.most, ms)
        bucket = str(round(PER_OCTAVE * math.log2(max(ms, 1))))
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1

    def __iadd__(self, other: "Spread") -> "Spread":
        ends = [end for end in (self.least, other.least) if end is not None]
        tops = [end for end in (self.most, other.most) if end is not None]
        self.least, self.most = min(ends, default=None), max(tops, default=None)
        self.n, self.sum = self.n + other.n, self.sum + other.sum
        for bucket, n in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + n
        return self

    def quantile(self, share: float) -> float | None:
        """The value below which this share lies, None where the buckets do not tell."""
        if not self.buckets or self.least is None or self.most is None:
            return None
        wanted, seen = share * sum(self.buckets.values()), 0
        for bucket in sorted(self.buckets, key=int):
            seen += self.buckets[bucket]
            if seen >= wanted:
                # no value lies beyond the ends, whatever the middle of its bucket is
                return min(max(2.0 ** (int(bucket) / PER_OCTAVE), self.least), self.most)
        return float(self.most)

    def as_dict(self) -> dict[str, Any]:
        """As ``run.json`` has it; all in whole milliseconds, percentiles null where nobody knows."""
        halves = {name: self.quantile(q) for name, q in (("p50", 0.5), ("p95", 0.95))}
        return {
            "n": self.n,
            "sum": self.sum,
            "least": self.least,
            "most": self.most,
            **{name: None if value is None else round(value) for name, value in halves.items()},
        }


@dataclasses.dataclass(slots=True)
class Counts:
    """What one worker, or all of them, did in one stage.

    Items are ``done``, ``failed`` or ``skipped`` (not applicable, not recorded: no error), those that gave
    no row by ``reasons``. Replies of a judge are ``asked`` = ``cached`` + ``bought`` + ``missing``; see
    :class:`annotators.told.Told`, also of what follows. ``spreads``: milliseconds, by name.
    """

    done: int = 0
    failed: int = 0
    skipped: int = 0
    asked: int = 0
    cached: int = 0
    bought: int = 0
    missing: int = 0
    requests: int = 0
    unpriced: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_microusd: int = 0
    written_bytes: int = 0
    attempts_failed: int = 0
    reasons: dict[str, int] = dataclasses.field(default_factory=dict)
    spreads: dict[str, Spread] = dataclasses.field(default_factory=dict)

    @property
    def finished(self) -> int:
        """Items that are over, one way or another: those that were attempted."""
        return self.done + self.failed + self.skipped

    def __iadd__(self, other: "Counts") -> "Counts":
        for name in NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for reason, n in other.reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + n
        for name, spread in other.spreads.items():
            self.spread(name).__iadd__(spread)
        return self

    def spread(self, name: str) -> Spread:
        """The spread of this name, an empty one where there is none yet."""
        return self.spreads.setdefault(name, Spread())

    def as_dict(self) -> dict[str, Any]:
        """For JSON and for people: ``attempted`` first, percentiles in place of buckets; of replies and
        money only where there was any."""
        asks = any(getattr(self, name) for name in NUMBERS if name not in OF_ITEMS)
        return {
            "attempted": self.finished,
            **{name: getattr(self, name) for name in NUMBERS if name in OF_ITEMS or asks},
            "reasons": dict(sorted(self.reasons.items())),
            **{name: spread.as_dict() for name, spread in sorted(self.spreads.items())},
        }

    def plain(self) -> dict[str, Any]:
        """For JSON, to be read by :func:`counts_from`: nothing is left out."""
        return dataclasses.asdict(self)


NUMBERS = tuple(f.name for f in dataclasses.fields(Counts) if f.name not in ("reasons", "spreads"))
# of the items; the other numbers are of replies and money
OF_ITEMS = ("done", "failed", "skipped")


def counts_from(plain: Mapping[str, Any]) -> Counts:
    """What :meth:`Counts.plain` gave."""
    spreads = {name: Spread(**spread) for name, spread in plain.get("spreads", {}).items()}
    return Counts(**{**plain, "spreads": spreads})


class Ticker:
    """One worker's counts of one stage, written to its own file at most twice a second.

    Without a folder (workers on other machines, which the launcher cannot see) nothing is written.
    """

    def __init__(self, folder: str, stage: str) -> None:
        self.counts = Counts()
        self._stage = stage
        self._path = Path(folder) / f"{uuid.uuid4().hex}.json" if folder else None
        self._next = 0.0

    def tick(self) -> None:
        """Something was counted: write, unless it was done a moment ago."""
        if time.monotonic() >= self._next:
            self.flush()

    def flush(self) -> None:
        """Write the counts now; call at the end of a bundle."""
        self._next = time.monotonic() + EVERY_S
        if self._path is None:
            return
        temporary = self._path.with_suffix(".tmp")
        # gone once the launcher has read it: what were written then would be counted a second time
        with contextlib.suppress(FileNotFoundError):
            temporary.write_text(json.dumps([self._stage, self.counts.plain()]))
            os.replace(temporary, self._path)


def read_counts(folder: Path) -> dict[str, Counts]:
    """Counts per stage, all workers together."""
    total: dict[str, Counts] = {}
    for path in sorted(folder.glob("*.json")):
        stage, counts = json.loads(path.read_text())
        total.setdefault(stage, Counts())
        total[stage] += counts_from(counts)
    return total


class Watch:
    """Calls ``show`` with what ``read`` gives, every ``every_s`` while a ``with`` block runs and at its
    end."""

    def __init__(
        self,
        read: Callable[[], dict[str, Counts]],
        show: Callable[[dict[str, Counts]], None],
        every_s: float = 1.0,
    ) -> None:
        self._read, self._show, self._every_s = read, show, every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="progress")

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            self._show(self._read())

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
        self._show(self._read())
