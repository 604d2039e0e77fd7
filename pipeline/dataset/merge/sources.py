"""The runs that a merge is given: complete, readable, each under a short name, and where it may write."""

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.dataset.parquet import parts
from pipeline.dataset.whole import check_readable
from pipeline.dataset.withdrawn import Withdrawn, withdrawn
from pipeline.state import refuse_copy
from schemas import SPLITS
from schemas.layout import PUBLISHED, Layout
from schemas.options import SetupError
from schemas.store import Store
from schemas.tables import SCHEMA_VERSION

PREFERENCES = "preferences"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A complete run, or a dataset that was merged of several. ``name`` is unique in the merge."""

    name: str
    layout: Layout
    record: Mapping[str, Any]
    withdrawn: Withdrawn

    @property
    def config(self) -> Mapping[str, Any]:
        """The plain configuration of the run."""
        found: Mapping[str, Any] = self.record.get("config") or {}
        return found

    @property
    def journal(self) -> Store:
        """Where its paid replies lie: inside its folder unless the configuration points elsewhere."""
        return Store(self.config.get("journal") or str(self.layout.root / "journal"))

    @property
    def own_journal(self) -> bool:
        """Whether the replies lie inside the folder."""
        return not self.config.get("journal")

    def files(self, table: str) -> list[Path]:
        """The Parquet files of a table, in order."""
        return list(table_files(self.layout, table))


def table_files(layout: Layout, table: str) -> Iterator[Path]:
    """The Parquet files of a table, in order; those of preferences split by split."""
    for split in SPLITS if table == PREFERENCES else (None,):
        yield from parts(layout.table(table, split))


def open_sources(folders: Sequence[Path]) -> list[Source]:
    """The runs of some folders, in order. Raises :class:`SetupError` for one that is not complete."""
    layouts = [Layout(Path(folder).expanduser().resolve()) for folder in folders]
    records = [read_record(layout) for layout in layouts]
    return [
        Source(name=name, layout=layout, record=record, withdrawn=withdrawn(layout))
        for name, layout, record in zip(_names(layouts, records), layouts, records, strict=True)
    ]


def read_record(layout: Layout) -> dict[str, Any]:
    """``run.json`` of a complete run whose tables are all there.

    Raises :class:`SetupError` for any other folder, for a file of a table that is not readable, and for a
    dataset of a later version than this.
    """
    if not layout.root.is_dir():
        raise SetupError(f"{layout.root}: no such folder; name the output folder of a run")
    refuse_copy(layout.root)
    if not layout.run.is_file():
        raise SetupError(
            f"{layout.run}: not there, so {layout.root} is not a complete run; finish it first (the "
            "same command goes on with it)"
        )
    try:
        record: dict[str, Any] = json.loads(layout.run.read_text("utf-8"))
    except ValueError as error:
        raise SetupError(f"{layout.run}: not readable as JSON: {error}") from error
    version = record.get("schema_version", 1)
    if version > SCHEMA_VERSION:
        raise SetupError(
            f"{layout.run}: tables of schema version {version}, and this version of videoprefer reads "
            f"up to {SCHEMA_VERSION}; update videoprefer"
        )
    for table in (*PUBLISHED, PREFERENCES):
        files = list(table_files(layout, table))
        if not files:
            raise SetupError(
                f"{layout.table(table)}: holds no *.parquet; run that run again to have its tables"
            )
        check_readable(files)
    return record


def _names(layouts: Sequence[Layout], records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Of each run its folder's name; where two are alike, the later one with digits of its run_id, or
    else its place. Marks that a name of an annotator had better not hold become ``-``."""
    found: list[str] = []
    for number, (layout, record) in enumerate(zip(layouts, records, strict=True), 1):
        plain = re.sub(r"[^\w.-]+", "-", layout.root.name) or "run"
        choices = [plain, f"{plain}-{str(record.get('run_id', ''))[:8]}", f"{plain}-{number}"]
        found.append(next(name for name in choices if name not in found))
    return found


def check_output(output: Path, sources: Sequence[Source]) -> None:
    """Raise :class:`SetupError` for an output that is one of the runs, inside one, or around one."""
    root = output.expanduser().resolve()
    for source in sources:
        other = source.layout.root
        if root == other:
            raise SetupError(
                f"--output {output}: is one of the runs to be merged; name a new folder"
            )
        if root.is_relative_to(other) or other.is_relative_to(root):
            raise SetupError(
                f"--output {output}: {other} lies inside of it, or it inside of that run; name a "
                "folder apart"
            )
