"""The two runs that are compared."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.dataset.whole import check_readable
from pipeline.report.tables import NAMES, table_files
from pipeline.state import record_of
from schemas.layout import Layout
from schemas.options import SetupError

NEEDED = ("prompts", "videos", "scores", "preferences")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One run: its folder, what that is called, and its record."""

    layout: Layout
    folder: str
    record: Mapping[str, Any]

    @property
    def config(self) -> Mapping[str, Any]:
        """The plain configuration of the run."""
        found: Mapping[str, Any] = self.record.get("config") or {}
        return found


def open_sides(old: Path, new: Path) -> tuple[Side, Side]:
    """Both runs.

    Raises :class:`SetupError` for a folder that is no run which came to its end, for tables that are
    missing or damaged, and for the same folder twice.
    """
    one, other = (Path(folder).expanduser().resolve() for folder in (old, new))
    if one == other:
        raise SetupError(
            f"{old} and {new}: the same folder twice; name two runs, or one to draw its own pages"
        )
    names = called(one, other)
    return _open(one, names[0]), _open(other, names[1])


def called(one: Path, other: Path) -> tuple[str, str]:
    """The names of two folders, with as much of what they lie in as tells them apart."""
    for n in range(1, max(len(one.parts), len(other.parts)) + 1):
        names = ["/".join(path.parts[-n:]) for path in (one, other)]
        if names[0] != names[1]:
            break
    return names[0], names[1]


def _open(root: Path, name: str) -> Side:
    if not root.is_dir():
        raise SetupError(f"{root}: no such folder; name the output folder of a run")
    layout = Layout(root)
    try:
        record = record_of(layout, pictures=False)
    except json.JSONDecodeError as error:
        raise SetupError(f"{layout.run}: not readable as JSON: {error}") from error
    for table in NAMES:
        files = table_files(layout, table)
        if not files and table in NEEDED:
            raise SetupError(
                f"{layout.table(table)}: holds no *.parquet; run that run again to have its tables"
            )
        check_readable(files)
    return Side(layout=layout, folder=name, record=record)
