"""The clips of a dataset that the ``datasets`` library loads: on the Hub, or in a folder."""

import math
import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import Field

from pipeline.formats.hf_dataset import Dataset, DatasetClip, DatasetRow, open_dataset
from pipeline.media.ingest import stored_name
from pipeline.sources.base import ClipSource, Found
from pipeline.sources.labelled import open_list
from pipeline.sources.listing import Listing, Where
from schemas import ids
from schemas.options import SetupError
from schemas.store import Store

COLUMNS = ("prompt", "generator", "video", "prompt_id", "video_id", "licence")


class HuggingFaceSource(ClipSource):
    """A source ``{kind: huggingface, path: owner/name}``, or the path of a folder."""

    kind: Literal["huggingface"] = "huggingface"
    path: str  # a name on the Hub, or a folder that `datasets` can load
    name: str | None = None  # the dataset's configuration
    split: str = "train"
    revision: str | None = None  # branch, tag or commit; None: the newest
    columns: dict[str, str] = Field(default_factory=dict)  # our name: the dataset's name for it
    generator: str | None = None  # of every clip, where no column names it
    # folder or store address for clips whose bytes lie in the dataset's tables
    cache: str | None = None  # None: videoprefer/clips in the user's cache folder

    def read(self) -> Found:
        """Prompts and clips in the order of the dataset.

        Downloads what is not in the Hub's cache yet. Clips whose bytes lie in tables are written to
        ``cache`` under their digest, once; the others stay where they are. The sources' name is
        ``NAME@COMMIT`` for a dataset of the Hub; further columns of plain values are kept. A clip's id
        comes from its path below the dataset, or from the digest of its bytes: it is the same on
        every machine. Raises :class:`SetupError` naming dataset, row, column and fault.
        """
        _check_columns(self)
        dataset = open_dataset(
            self.path, self._column("video"), name=self.name, split=self.split,
            revision=self.revision,
        )  # fmt: skip
        self._check_dataset(dataset)
        cache = _cache(self.cache)
        title = f"{dataset.name}@{dataset.revision}" if dataset.revision else dataset.name
        listing = open_list(title, dataset.base, self, *dataset.roots, cache.root)
        if not dataset.local and dataset.revision is None:
            listing.notes.append(f"{title}: which revision was read could not be found out")
        if dataset.left_out:
            listing.notes.append(
                f"{title}: columns not kept, for they hold no plain values: "
                + ", ".join(dataset.left_out)
            )
        for row in dataset.rows(self._column("video")):
            self._list(listing, dataset, cache, row)
        return listing.found()

    def _list(self, listing: Listing, dataset: Dataset, cache: Store, row: DatasetRow) -> None:
        where = Where(f"{dataset.name}, split {dataset.split}", row.number)
        cells = {
            ours: _text(where, self._column(ours), row.cells) for ours in COLUMNS if ours != "video"
        }
        text, generator = cells["prompt"], cells["generator"] or self.generator
        if text is None or generator is None:
            field = "prompt" if text is None else "generator"
            raise where.refuse(self._column(field), "is blank; fill it in or take the row out")
        if row.clip is None:
            raise where.refuse(self._column("video"), "holds neither bytes nor a path")
        prompt = listing.prompt(where, text, prompt_id=cells["prompt_id"])
        place, what, sha256 = _place(row.clip, cache)
        listing.clip(
            where,
            prompt,
            generator,
            place,
            field=self._column("video"),
            video_id=cells["video_id"] or ids.video_id(prompt.prompt_id, generator, what),
            sha256=sha256,
            licence=cells["licence"],
            extra=self._extra(row.cells),
        )

    def _column(self, name: str) -> str:
        return self.columns.get(name, name)

    def _check_dataset(self, dataset: Dataset) -> None:
        needed = ["prompt"] if self.generator is not None else ["prompt", "generator"]
        for name in (*needed, *self.columns):
            if name != "video" and self._column(name) not in dataset.columns:
                hint = " or generator: NAME" if name == "generator" else ""
                raise SetupError(
                    f"{self.path}: no column {self._column(name)!r}; it has "
                    f"{', '.join(dataset.columns) or 'none of plain values'}; set "
                    f"columns: {{{name}: NAME}}{hint}"
                )

    def _extra(self, cells: Mapping[str, Any]) -> dict[str, Any]:
        ours = {self._column(name) for name in COLUMNS}
        plain = {name: _plain(value) for name, value in cells.items() if name not in ours}
        return {name: value for name, value in plain.items() if value is not None}


def _check_columns(options: HuggingFaceSource) -> None:
    unknown = sorted(set(options.columns) - set(COLUMNS))
    if unknown:
        raise SetupError(
            f"{options.path}: columns: {unknown[0]!r} is none that can be named; those are "
            + ", ".join(COLUMNS)
        )


def _place(clip: DatasetClip, cache: Store) -> tuple[str, str, str | None]:
    """Where a clip lies, what its id is made of, and its digest if it was embedded."""
    if clip.data is None:
        return clip.path or "", clip.name or "", None
    suffix = PurePosixPath(clip.path or "").suffix.lower()
    name = stored_name(clip.data, suffix)
    cache.put(name, clip.data)
    digest = ids.sha256_hex(clip.data)
    return cache.path(name), digest, digest


def _cache(place: str | None) -> Store:
    if place is None:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        place = str(Path(home) / "videoprefer" / "clips")
    return Store(place if "://" in place else os.path.abspath(place))


def _text(where: Where, column: str, cells: Mapping[str, Any]) -> str | None:
    value = cells.get(column)
    if value is None or isinstance(value, str):
        return (value or "").strip() or None
    if isinstance(value, bool) or not isinstance(value, int):
        raise where.refuse(column, f"expected text, got {value!r}")
    return str(value)


def _plain(value: Any) -> Any:
    """A value that JSON can hold: NaN is missing, dates become text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | bool | int) else str(value)
