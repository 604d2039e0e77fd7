"""Failures so far, counted: each file is read once, however often a run says how it stands."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from pipeline.dataset.parquet import parts, read_columns

_State = tuple[int, int] | None  # of a folder, another one whenever its files are; None: not there


class FailedSoFar:
    """Counts of the folders with the failures of waves, kept while a folder stays as it is."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[_State, Counter[tuple[str, str]]]] = {}

    def counted(self, folders: Iterable[Path]) -> dict[str, dict[str, int]]:
        """Stage -> reason -> how many, in all of the folders together."""
        total: Counter[tuple[str, str]] = Counter()
        for folder in folders:
            total.update(self._of(folder))
        found: dict[str, dict[str, int]] = {}
        for (stage, reason), times in sorted(total.items()):
            found.setdefault(stage, {})[reason] = times
        return found

    def _of(self, folder: Path) -> Counter[tuple[str, str]]:
        state = _state(folder)
        known = self._known.get(folder)
        if known is None or known[0] != state:
            rows = read_columns(parts(folder), ("stage", "reason"))
            known = self._known[folder] = state, Counter((str(s), str(r)) for s, r in rows)
        return known[1]


def _state(folder: Path) -> _State:
    try:
        found = folder.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns
