"""A manifest: a table of clips, one row each.

CSV, JSON Lines or Parquet with at least ``prompt``, ``generator`` and ``video``; optional
``prompt_id``, ``video_id``, ``sha256``, ``licence``, ``terms`` (of the generator), ``split``. Other
columns are kept.
"""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from pipeline.sources.base import ClipSource, Found
from pipeline.sources.listing import Listing, Where
from pipeline.sources.places import Places
from schemas.options import SetupError
from schemas.rows import local_file, read_rows

REQUIRED = ("prompt", "generator", "video")
OPTIONAL = ("prompt_id", "video_id", "sha256", "licence", "terms", "split")


class ManifestSource(ClipSource):
    """One block of ``sources:``."""

    kind: Literal["manifest"] = "manifest"
    path: str  # *.csv, *.tsv, *.jsonl, *.ndjson or *.parquet
    columns: dict[str, str] = Field(default_factory=dict)  # our name: the manifest's name for it

    def read(self) -> Found:
        """Prompts and clips of a manifest, in its order.

        Raises :class:`SetupError`, naming file, row, field and what to do, for anything that is
        wrong with a row. Every local clip's file is there and inside the allowed folders when this
        returns; its bytes are not read yet.
        """
        return _read(self)


@dataclasses.dataclass(frozen=True, slots=True)
class _Row:
    """One row and where it stands, for messages."""

    file: Path
    number: int
    cells: Mapping[str, Any]

    def refuse(self, field: str, what: str) -> SetupError:
        return SetupError(f"{self.file}: row {self.number}, column {field!r}: {what}")

    def text(self, field: str) -> str | None:
        """The cell as text without blanks around it; None where it is empty."""
        value = self.cells.get(field)
        if value is None or isinstance(value, str):
            return (value or "").strip() or None
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.refuse(field, f"expected text, got {value!r}")
        return str(value)

    def needed(self, field: str) -> str:
        value = self.text(field)
        if value is None:
            raise self.refuse(field, "is blank; fill it in or take the row out")
        return value


def _read(options: ManifestSource) -> Found:
    file = local_file(options.path)
    places = Places(file.parent, options.roots, urls=options.urls)
    listing = Listing(file.name, places, options)
    for row in _rows(file, options.columns):
        where = Where(file, row.number)
        prompt = listing.prompt(
            where,
            row.needed("prompt"),
            prompt_id=row.text("prompt_id"),
            split=row.text("split"),
        )
        listing.clip(
            where,
            prompt,
            row.needed("generator"),
            row.needed("video"),
            video_id=row.text("video_id"),
            sha256=row.text("sha256"),
            licence=row.text("licence"),
            terms=row.text("terms"),
            extra=_extra(row),
        )
    return listing.found()


def _rows(file: Path, columns: Mapping[str, str]) -> "list[_Row]":
    unknown = sorted(set(columns) - {*REQUIRED, *OPTIONAL})
    if unknown:
        raise SetupError(
            f"{file}: columns: {unknown[0]!r} is no column of a manifest; rename to "
            + ", ".join((*REQUIRED, *OPTIONAL))
        )
    aliases = {theirs: ours for ours, theirs in columns.items() if theirs != ours}
    return [_Row(file, number, cells) for number, cells in read_rows(file, REQUIRED, aliases)]


def _extra(row: _Row) -> dict[str, Any]:
    """The other columns as JSON can hold them; empty cells are left out."""
    others = {
        name: _plain(row, name, value)
        for name, value in row.cells.items()
        if name not in (*REQUIRED, *OPTIONAL)
    }
    return {name: value for name, value in others.items() if value is not None}


def _plain(row: _Row, field: str, value: Any) -> Any:
    """A value that JSON can hold: NaN is missing, dates become text, raw bytes are refused."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (list, tuple)):
        return [_plain(row, field, item) for item in value]
    if isinstance(value, dict):
        return {str(name): _plain(row, field, item) for name, item in value.items()}
    if isinstance(value, (bytes, bytearray)):
        raise row.refuse(field, "holds raw bytes; take the column out of the manifest")
    return str(value)
