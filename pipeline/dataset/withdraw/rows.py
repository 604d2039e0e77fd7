"""Rows of withdrawn clips out of Parquet files: a file that names none is not touched.

A file is read row group by row group and replaced whole, so that memory stays flat and a reader sees the
old one or the new one. Rows of other clips keep their values, order and row groups.
"""

import os
import uuid
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.dataset.withdraw.facts import naming
from schemas import Reason

_Rows = npt.NDArray[np.bool_]
# columns that name the clips a row is about; `failures` name theirs in a key
ONE = ("video_id", "video_a", "video_b")
SEVERAL = "video_ids"
WITHDRAWN = "a clip that was withdrawn"  # in place of its id in what is said of another clip


class Rewriter:
    """Takes rows out of files. Two names of one file (hard links) stay one file.

    Args:
        ids: of the clips whose rows go.
    """

    def __init__(self, ids: Collection[str]) -> None:
        self._ids = frozenset(ids)
        self._array = pa.array(sorted(self._ids), pa.string())
        self._named = naming(self._ids)
        self._done: dict[tuple[int, int], Path] = {}

    def count(self, path: Path) -> int:
        """How many rows would go."""
        return sum(int(self._gone(table).sum()) for table in self._keys(path))

    def kept(self, path: Path, stage: str | None = None) -> int:
        """How many rows would stay; of failures, those of a ``stage``."""
        if stage is None:
            return int(pq.ParquetFile(path).metadata.num_rows) - self.count(path)
        return sum(
            int((~self._gone(table) & (_numpy(pc.equal(table["stage"], stage)))).sum())
            for table in self._keys(path)
        )

    def rewrite(self, path: Path) -> int:
        """Take them out; returns how many. The file is replaced, atomically, only where some go or
        another clip's row speaks of a withdrawn one."""
        before = path.stat()
        inode = before.st_dev, before.st_ino
        if (twin := self._done.get(inode)) is not None:
            return self._link(twin, path)
        gone = self.count(path)
        if gone or self._spoken_of(path):
            _replace(path, lambda table: self._mended(table.filter(pa.array(~self._gone(table)))))
            if before.st_nlink > 1:
                self._done[inode] = path
        return gone

    def _link(self, twin: Path, path: Path) -> int:
        gone = pq.ParquetFile(path).metadata.num_rows - pq.ParquetFile(twin).metadata.num_rows
        temporary = path.with_name(f".tmp-{uuid.uuid4().hex}")
        os.link(twin, temporary)
        os.replace(temporary, path)
        return gone

    def _keys(self, path: Path) -> Iterable[pa.Table]:
        """Only the columns that name clips, row group by row group."""
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if "video_id" in names:
                wanted = ["video_id"]
            elif SEVERAL in names:
                wanted = [SEVERAL]
            else:
                wanted = [name for name in (*ONE, "stage", "key") if name in names]
            if "stage" not in wanted:
                wanted = [name for name in wanted if name != "key"]
            for number in range(file.num_row_groups) if wanted else ():
                yield file.read_row_group(number, columns=wanted)

    def _gone(self, table: pa.Table) -> _Rows:
        """Which rows are about a withdrawn clip."""
        found = np.zeros(len(table), bool)
        for name in ONE:
            if name in table.column_names:
                found |= _numpy(pc.is_in(table[name], self._array))
        if SEVERAL in table.column_names:
            lists = table[SEVERAL].combine_chunks()
            hit = _numpy(pc.is_in(pc.list_flatten(lists), self._array))
            found[pc.list_parent_indices(lists).to_numpy()[hit]] = True
        if {"stage", "key"} <= set(table.column_names):
            rows = zip(table["stage"].to_pylist(), table["key"].to_pylist(), strict=True)
            found |= np.fromiter((self._fails(stage, key) for stage, key in rows), bool, len(table))
        return found

    def _fails(self, stage: str, key: str) -> bool:
        """Whether the key of a failure names one: the first field, of ``compare`` the second."""
        fields = key.split("/")
        if stage != "compare" or len(fields) < 2:
            return fields[0] in self._ids
        shown = f"+{fields[1]}+"
        return any(f"+{video}+" in shown for video in self._ids)

    def _spoken_of(self, path: Path) -> bool:
        """Whether the row of another clip speaks of one: as what it repeats."""
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if "near_duplicate_of" in names:
                column = file.read(columns=["near_duplicate_of"])["near_duplicate_of"]
                return bool(pc.any(pc.is_in(column, self._array)).as_py())
            if "message" in names:
                said = file.read(columns=["message"])["message"].to_pylist()
                return any(self._named.search(one) for one in said)
        return False

    def _mended(self, table: pa.Table) -> pa.Table:
        """Rows of other clips without the names of withdrawn ones.

        What the checks decided stands: a clip that they left out for repeating one stays left out. One
        that they only noted so repeats nothing any more.
        """
        if "near_duplicate_of" in table.column_names:
            return _rows(table, self._repeats_nothing)
        if {"stage", "message"} <= set(table.column_names):
            return _rows(table, self._unnamed)
        return table

    def _repeats_nothing(self, row: dict[str, object]) -> None:
        if row["near_duplicate_of"] in self._ids:
            for name in ("of", "bits"):
                row[f"near_duplicate_{name}"] = None
            row["across_prompts"] = row["across_splits"] = None
            if not row["left_out"]:
                found: list[str] = row["found"]  # type: ignore[assignment]
                row["found"] = [one for one in found if one != Reason.NEAR_DUPLICATE]

    def _unnamed(self, row: dict[str, object]) -> None:
        row["message"] = self._named.sub(WITHDRAWN, str(row["message"]))


def _rows(table: pa.Table, mend: Callable[[dict[str, object]], None]) -> pa.Table:
    rows = table.to_pylist()
    for row in rows:
        mend(row)
    return pa.Table.from_pylist(rows, schema=table.schema)


def _numpy(column: pa.ChunkedArray | pa.Array) -> _Rows:
    """Booleans without nulls."""
    return np.asarray(column, dtype=bool)


def _replace(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    temporary = path.with_name(f".tmp-{uuid.uuid4().hex}")
    try:
        with (
            pq.ParquetFile(path) as file,
            pq.ParquetWriter(temporary, file.schema_arrow, compression="zstd") as writer,
        ):
            for number in range(file.num_row_groups):
                table = change(file.read_row_group(number))
                if len(table):
                    writer.write_table(table)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
