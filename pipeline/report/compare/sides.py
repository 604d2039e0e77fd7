"""The two runs that are compared."""

import dataclasses
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
    """One run: its folder, and its record."""

    layout: Layout
    record: Mapping[str, Any]

    @property
    def folder(self) -> str:
        """The folder's name."""
        return self.layout.root.name

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
    return _open(one), _open(other)


def _open(root: Path) -> Side:
    if not root.is_dir():
        raise SetupError(f"{root}: no such folder; name the output folder of a run")
    layout = Layout(root)
    try:
        record = record_of(layout)
    except ValueError as error:
        raise SetupError(f"{layout.run}: not readable as JSON: {error}") from error
    for table in NAMES:
        files = table_files(layout, table)
        if not files and table in NEEDED:
            raise SetupError(
                f"{layout.table(table)}: holds no *.parquet; run that run again to have its tables"
            )
        check_readable(files)
    return Side(layout=layout, record=record)
