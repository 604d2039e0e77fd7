"""What a push says before anything is sent, and while it is."""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pipeline.dataset.push.files import PARTS, Sent, outside
from pipeline.dataset.withdrawn import NAME as WITHDRAWN
from pipeline.report.tables import read_table, simulated_kinds
from schemas.layout import Layout

Say = Callable[[str], None]
MUCH_BYTES = 5 << 30  # of clips: about an hour at 10 Mbit/s
MANY_FILES = 100_000  # of a repository: what the Hub's documentation recommends to stay below
EVERY_S = 2.0  # between two lines of progress
# of a licence or of terms: CC-BY-NC-4.0, "non-commercial use only", "research only"
_CLOSED = re.compile(r"(?<![a-z])nc(?![a-z])|non[-_ ]?commercial|research[-_ ](use )?only", re.I)


def announcement(
    layout: Layout, record: Mapping[str, Any], files: Sequence[Sent], repo: str, private: bool
) -> Iterator[str]:
    """What would be published, what stays here, and under which licences: line by line."""
    seen = "private" if private else "public, unless it is private already"
    yield f"dataset {record['dataset_version']} of {layout.root} -> {repo} ({seen})"
    for part in ("card", "tables", *PARTS):
        own = [file for file in files if file.part == part]
        if own:
            yield f"  {part:<8} {len(own):>7} files  {size(sum(file.size for file in own)):>9}"
    yield from _warnings(files)
    yield from _staying(layout, files)
    yield from _licences(layout)
    if any(file.path == WITHDRAWN for file in files):
        yield f"{WITHDRAWN} goes along: ids, digests and stated reasons of clips that were withdrawn"
    kinds = simulated_kinds(layout)
    if kinds:
        yield f"simulated, and the card says so: {', '.join(kinds)}"


def _warnings(files: Sequence[Sent]) -> Iterator[str]:
    clips = sum(file.size for file in files if file.part == "media")
    if clips > MUCH_BYTES:
        yield f"note: {size(clips)} of clips; `--without media` leaves them here"
    if len(files) > MANY_FILES:
        yield (
            f"note: {len(files)} files are more than the {MANY_FILES} that the Hub recommends for one "
            "repository; `--without media` leaves the clips here"
        )


def _staying(layout: Layout, files: Sequence[Sent]) -> Iterator[str]:
    there = {file.part for file in files}
    left = [part for part in PARTS if part not in there and any((layout.root / part).glob("*"))]
    yield f"stays here: {', '.join([*left, 'journal', 'work', 'status'])}"
    if n := outside(layout):
        yield f"note: {n} clips lie outside of the folder and are not sent; their rows keep the uri"


def _licences(layout: Layout) -> Iterator[str]:
    closed = 0
    for table, columns in (("prompts", ["licence"]), ("videos", ["licence", "terms"])):
        rows = read_table(layout, table, columns=columns).to_pylist()
        counts = Counter(row["licence"] or "not stated" for row in rows)
        said = ", ".join(f"{name} ({n})" for name, n in sorted(counts.items()))
        yield f"licences of {table}: {said or 'no rows'}"
        if terms := sorted({row["terms"] for row in rows if row.get("terms")}):
            yield f"terms of generators: {'; '.join(terms)}"
        closed += sum(any(_CLOSED.search(value) for value in row.values() if value) for row in rows)
    if closed:
        yield f"note: {closed} rows carry a non-commercial licence, or such terms"


def size(n_bytes: float) -> str:
    """Bytes as people read them, in powers of 1024."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if n_bytes < 1024:
            return f"{n_bytes:.0f} {unit}" if unit == "B" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1024
    return f"{n_bytes:.1f} TiB"


class Progress:
    """Lines on how much was sent, how fast, and how long it will take; at most one in two seconds."""

    def __init__(self, total: int, say: Say, clock: Callable[[], float] = time.monotonic) -> None:
        self._total, self._say, self._clock = total, say, clock
        self._sent = 0
        self._start = self._said = clock()

    def add(self, n_bytes: int) -> None:
        """So many bytes more are there."""
        self._sent += n_bytes
        now = self._clock()
        if now - self._said < EVERY_S and self._sent < self._total:
            return
        self._said = now
        rate = self._sent / max(now - self._start, 1e-9)
        left = (self._total - self._sent) / rate if rate else 0.0
        share = self._sent / self._total if self._total else 1.0
        self._say(
            f"sent {size(self._sent)} of {size(self._total)} ({share:.0%}), {size(rate)}/s, "
            f"{duration(left)} left"
        )


def duration(seconds: float) -> str:
    """A time span as people read it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
