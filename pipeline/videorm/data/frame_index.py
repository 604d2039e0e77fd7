"""Every clip of several folders: what it is, and where its frames lie."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.videorm.data.decode import pick
from pipeline.videorm.data.places import IMAGES, Places
from pipeline.videorm.data.tables import check_folder, file_columns
from schemas import FrameSet
from schemas.layout import Layout
from schemas.options import SetupError

COLUMNS = ("video_id", "prompt_id", "prompt", "generator", "jpeg_sha256")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FrameIndex:
    """Every clip of several folders once, sorted by id: what it is, and where its frames lie."""

    clips: pa.Table  # COLUMNS, file, group, row
    files: tuple[str, ...]
    stores: tuple[str, ...]

    def places(self, video_ids: Sequence[str], frames: int | None = None) -> Places:
        """Of the named clips, with the frames that a model of ``frames`` sees; None: with all.

        Raises SetupError naming the first clip without frames.
        """
        at = pc.index_in(pa.array(video_ids, pa.string()), self.clips["video_id"])
        if at.null_count:
            absent = [
                v for v, ok in zip(video_ids, at.is_valid().to_pylist(), strict=True) if not ok
            ]
            raise SetupError(
                f"{', '.join(sorted({str(Path(f).parent) for f in self.files}))}: no frames of clip "
                f"{absent[0]} ({len(absent)} of {len(video_ids)} clips); name the folder of a "
                "complete run"
            )
        table = self.clips.take(at)
        lists = table["jpeg_sha256"].to_pylist()
        chosen = [[d[i] for i in pick(len(d), frames or len(d))] for d in lists]
        digests = np.zeros((len(chosen), max(map(len, chosen), default=0)), "S64")
        for row, names in enumerate(chosen):
            digests[row, : len(names)] = names
        return Places(
            video_ids=tuple(video_ids),
            digests=digests,
            files=self.files,
            stores=self.stores,
            file=table["file"].to_numpy(),
            group=table["group"].to_numpy(),
            row=table["row"].to_numpy(),
        )


def index_frames(folders: Sequence[Path]) -> FrameIndex:
    """Read what the frames tables say of every clip, but no picture.

    A clip that stands in several tables with the same frames is one clip. Raises SetupError where
    a folder has no frames, or two clips of one id have other frames.
    """
    files = [(Path(folder), file) for folder in folders for file in _files(Path(folder))]
    parts = [_of_file(file, number) for number, (_, file) in enumerate(files)]
    together = pa.concat_tables(parts).sort_by(
        [(name, "ascending") for name in ("video_id", "prompt_id", "prompt", "generator", "file")]
    )
    names = tuple(str(file.absolute()) for _, file in files)
    return FrameIndex(
        clips=_each_once(together, names),
        files=names,
        stores=tuple(Layout(folder.absolute()).frames.root for folder, _ in files),
    )


def _files(folder: Path) -> list[Path]:
    check_folder(folder)
    table = Layout(folder).table("frames")
    files = sorted(table.glob("*.parquet"))
    if not files:
        raise SetupError(f"{table}: no frames table; name the folder of a complete run")
    return files


def _of_file(file: Path, number: int) -> pa.Table:
    table = file_columns(file, FrameSet, COLUMNS)
    with pq.ParquetFile(file) as parquet:
        there = IMAGES in parquet.schema_arrow.names
        meta = parquet.metadata
        sizes = [meta.row_group(i).num_rows for i in range(meta.num_row_groups)]
    group = np.repeat(np.arange(len(sizes)), sizes)
    row = np.arange(len(group)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    columns = {
        "file": np.full(len(group), number, np.int64),
        "group": group if there else np.full(len(group), -1, np.int64),
        "row": row.astype(np.int64),
    }
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values, pa.int64()))
    return table


def _each_once(table: pa.Table, files: Sequence[str]) -> pa.Table:
    ids = table["video_id"].to_numpy(zero_copy_only=False)
    again = np.flatnonzero(ids[1:] == ids[:-1]) + 1
    for row in again.tolist():
        if table["jpeg_sha256"][row] != table["jpeg_sha256"][row - 1]:
            one, other = (files[table["file"][i].as_py()] for i in (row - 1, row))
            raise SetupError(
                f"frames: clip {ids[row]} has other frames in {other} than in {one}; leave one of the "
                "folders out, or take the frames of both by one policy"
            )
    kept = np.ones(len(ids), bool)
    kept[again] = False
    return table.filter(pa.array(kept))
