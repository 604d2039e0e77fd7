"""The rows behind the prompts of the explorer, read so that neither time nor memory runs away.

A table is sorted by its own key, the hash of a clip, so that the rows of one prompt lie anywhere. They
are read for :data:`READ_AT_ONCE` prompts in one go, kept as columns in the order of the prompts, and
become Python objects for :data:`MADE_AT_ONCE` prompts: objects take many times the room of columns. Where
there are more prompts than that, the tables are dealt out to files first, so that each is read once.
"""

import dataclasses
import functools
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.report.explorer.dealing import deal_out, hand
from pipeline.report.subjects import with_subject
from pipeline.report.tables import read_table
from schemas.layout import Layout

Row = dict[str, Any]
Groups = Mapping[str, Sequence[Row]]
READ_AT_ONCE = 4_000  # prompts whose rows are in memory as columns
MADE_AT_ONCE = 100  # prompts whose rows are in memory as objects

# What a page shows of each table, after what its rows are looked up by.
SHOWN = {
    "prompts": "prompt_id text source licence simulated",
    "videos": "prompt_id video_id generator uri sha256 settings seed licence simulated",
    "preferences": "prompt_id video_a video_b dimension label margin split annotator_id basis",
    "comparisons": "prompt_id video_ids ranking dimension annotator_id draw rationale",
    "human_votes": "prompt_id video_a video_b dimension choice",
    "frames": "video_id indices times_s jpeg_sha256 n_frames_in_clip fps flags duration_s "
    "width_px height_px frame_width_px frame_height_px",
    "annotations": "video_id dimension annotator_id draw score scale_low scale_high rationale simulated",
    "scores": "video_id dimension annotator_id mean spread n",
    "human_ratings": "video_id dimension rater score simulated",
}
FAILURES = ("stage", "key", "reason", "message")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Rows of a few prompts, by prompt (themselves, videos, preferences, comparisons, votes) or by clip.

    Failures stand under what their key starts with: a prompt for comparisons, else a clip.
    """

    prompts: Groups
    videos: Groups
    preferences: Groups
    comparisons: Groups
    human_votes: Groups
    frames: Groups
    annotations: Groups
    scores: Groups
    human_ratings: Groups
    failures: Groups


def material_of(
    layout: Layout, ids: Sequence[str], folder: Path
) -> Iterator[tuple[Sequence[str], Material]]:
    """The given prompts in their order, a few at a time, each time with their rows. Files for the meantime
    lie below ``folder``."""
    failures = with_subject(read_table(layout, "failures", columns=FAILURES))
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as dealt:
        read = functools.partial(_read, layout)
        if len(ids) > READ_AT_ONCE:
            for name in SHOWN:
                deal_out(layout, name, _columns(name), ids, READ_AT_ONCE, Path(dealt))
            read = functools.partial(_dealt, Path(dealt))
        for number, start in enumerate(range(0, len(ids), READ_AT_ONCE)):
            some = ids[start : start + READ_AT_ONCE]
            tables = {name: read(name, number, some) for name in SHOWN}
            tables["failures"] = _failures(failures, tables["videos"].table, some)
            yield from _made(tables, some)


def _made(
    tables: Mapping[str, "_Sorted"], ids: Sequence[str]
) -> Iterator[tuple[Sequence[str], Material]]:
    for start in range(0, len(ids), MADE_AT_ONCE):
        few = ids[start : start + MADE_AT_ONCE]
        groups = {name: found.groups(start, start + len(few)) for name, found in tables.items()}
        yield few, Material(**groups)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Sorted:
    """A table in the order of the prompts; ``places`` (rows,) is the prompt of each row."""

    table: pa.Table
    places: npt.NDArray[np.int64]
    key: str

    def groups(self, start: int, stop: int) -> Groups:
        """The rows of prompts ``start`` to ``stop`` - 1, by the key."""
        first, last = np.searchsorted(self.places, (start, stop))
        found: dict[str, list[Row]] = defaultdict(list)
        for row in self.table.slice(first, last - first).to_pylist():
            found[row[self.key]].append(row)
        return found


def _sorted(table: pa.Table, places: npt.NDArray[np.int64], key: str) -> _Sorted:
    """Rows of place -1 are left out, those of one prompt keep their order."""
    order = np.argsort(places, kind="stable")
    order = order[np.searchsorted(places[order], 0) :]
    return _Sorted(table=table.take(pa.array(order)), places=places[order], key=key)


def _columns(name: str) -> list[str]:
    return list(dict.fromkeys(("prompt_id", *SHOWN[name].split())))


def _read(layout: Layout, name: str, number: int, ids: Sequence[str]) -> _Sorted:
    """The rows of all of ``ids``, from the table itself."""
    return _in_order(
        name, read_table(layout, name, columns=_columns(name), among=("prompt_id", ids)), ids
    )


def _dealt(folder: Path, name: str, number: int, ids: Sequence[str]) -> _Sorted:
    """The same, from what was dealt out."""
    return _in_order(name, hand(folder, name, number, _columns(name)), ids)


def _in_order(name: str, table: pa.Table, ids: Sequence[str]) -> _Sorted:
    shown = SHOWN[name].split()
    return _sorted(table.select(shown), _places(table.column("prompt_id"), ids), shown[0])


def _places(column: pa.ChunkedArray, ids: Sequence[str]) -> npt.NDArray[np.int64]:
    """Where each value stands among ``ids``, -1 where it does not."""
    found = pc.fill_null(pc.index_in(column, value_set=pa.array(ids, pa.string())), -1)
    places: npt.NDArray[np.int64] = found.to_numpy().astype(np.int64)
    return places


def _failures(failures: pa.Table, videos: pa.Table, ids: Sequence[str]) -> _Sorted:
    """Failures of the given prompts and of their clips."""
    subject = failures.column("subject")
    clips = _places(subject, videos.column("video_id").to_pylist())
    owners = _places(videos.column("prompt_id"), ids)
    places = _places(subject, ids)
    known = clips >= 0
    places[known] = owners[clips[known]]
    return _sorted(failures, places, "subject")
