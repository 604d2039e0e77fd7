"""What an earlier version of a dataset put where, read from its published tables."""

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.dataset.parquet import parts, read_batches, read_rows
from pipeline.preference.splits import STRICTEST
from schemas import Preference, Prompt, Video
from schemas.layout import Layout
from schemas.versions import version_of

ROWS = 1 << 16  # read at once
STATES_ALL = 2  # from this schema version on a null split says that the prompt is left out


def published_splits(layout: Layout) -> dict[str, str | None]:
    """The split of every prompt that the published tables put somewhere, None where they leave it out.

    Tables of schema version 1 say nothing of a prompt that was drawn by hash: its pairs do, and one
    without any is not in the result. Raises ``schemas.versions.TableError`` for tables that are not ours.
    """
    found: dict[str, str | None] = {}
    silent: set[str] = set()
    for path in parts(layout.table("prompts")):
        drawn = version_of(pq.read_schema(path), path) < STATES_ALL
        for prompt in read_rows(Prompt, [path]):
            if prompt.split is None and drawn:
                silent.add(prompt.prompt_id)
            else:
                found[prompt.prompt_id] = prompt.split
    if silent:
        for split in reversed(STRICTEST):  # of two, the stricter
            found |= dict.fromkeys(silent & _prompts_in(layout, split), split)
    return found


def paired_contents(layout: Layout, wanted: Collection[str]) -> dict[str, str]:
    """Of these contents (SHA-256 of clips) those that published pairs hold, with the split of the pairs;
    of several the strictest."""
    if not wanted:
        return {}
    names, values = ("video_id", "sha256"), pa.array(sorted(wanted), pa.string())
    videos: dict[str, str] = {}
    batches = (
        batch
        for path in parts(layout.table("videos"))
        for batch in read_batches(path, names, Video, rows=ROWS)
    )
    for batch in batches:
        own = batch.filter(pc.is_in(batch.column("sha256"), value_set=values))
        videos |= dict(zip(*(own.column(name).to_pylist() for name in names), strict=True))
    found: dict[str, str] = {}
    for split in reversed(STRICTEST):
        for side in ("video_a", "video_b"):
            there = _values(layout, split, side, videos)
            found |= {videos[video]: split for video in there}
    return found


def _prompts_in(layout: Layout, split: str) -> set[str]:
    return _values(layout, split, "prompt_id")


def _values(
    layout: Layout, split: str, column: str, among: Collection[str] | None = None
) -> set[str]:
    """The distinct values of a column of a split's preferences."""
    wanted = None if among is None else pa.array(sorted(among), pa.string())
    found: set[str] = set()
    for path in parts(layout.table("preferences", split)):
        for batch in read_batches(path, (column,), Preference, rows=ROWS):
            values = batch.column(column)
            if wanted is not None:
                values = values.filter(pc.is_in(values, value_set=wanted))
            found.update(pc.unique(values).to_pylist())
    return found
