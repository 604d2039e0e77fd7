"""Labelled pairs as columns, whoever labelled them; and those that machines did."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.videorm.data.groups import LABELS
from pipeline.videorm.data.tables import check_rows, read_columns
from schemas import SPLITS, Preference
from schemas.layout import Layout
from schemas.options import SetupError

# One row per pair, dimension and opinion. Numbers that are not known are NaN, a split is null.
PAIRS = pa.schema(
    [(name, pa.string()) for name in ("prompt_id", "prompt", "dimension", "a", "b")]
    + [(name, pa.string()) for name in ("generator_a", "generator_b", "split")]
    + [("label", pa.int64()), ("by_people", pa.bool_())]
    + [(name, pa.float64()) for name in ("margin", "share", "weight", "score_a", "score_b")]
)
TEXTS = ("prompt_id", "prompt", "dimension", "video_a", "video_b", "generator_a", "generator_b")
NUMBERS = ("score_a", "score_b", "margin", "weight")


def pairs_table(columns: Mapping[str, Any]) -> pa.Table:
    """Pairs out of columns by name; those of numbers that are not given hold NaN."""
    n = len(columns["a"])
    filled = {name: np.full(n, np.nan) for name in ("margin", "share", "score_a", "score_b")}
    given = {**filled, "split": pa.nulls(n, pa.string()), **columns}
    return pa.table([_array(given[field.name], field.type) for field in PAIRS], schema=PAIRS)


def _array(values: Any, kind: pa.DataType) -> Any:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values.cast(kind)
    return pa.array(values, kind, from_pandas=False)


def machine_pairs(folder: Path) -> pa.Table:
    """The preferences of a run, ``overall`` among them.

    By scores of each clip: their margin. By comparisons of the two: the share of verdicts for a, a
    verdict that changes with the order counting half; clips then have no score of their own.
    Raises SetupError for rows that cannot be, and for a prompt that stands in two splits.
    """
    parts = [_of_split(folder, split) for split in SPLITS]
    pairs = pa.concat_tables(parts)
    _check_disjoint(folder, pairs)
    return pairs


def _of_split(folder: Path, split: str) -> pa.Table:
    where = Layout(folder).table("preferences", split)
    table = read_columns(where, Preference, (*TEXTS, *NUMBERS, "label", "basis"))
    label = pc.index_in(table["label"], pa.array(list(LABELS)))
    _check(where, table, label)
    compared = pc.equal(table["basis"], "comparisons").to_numpy()
    numbers = {name: table[name].to_numpy() for name in NUMBERS}

    def scored(name: str) -> NDArray[np.float64]:
        return np.where(compared, np.nan, numbers[name])

    return pairs_table(
        {name.replace("video_", ""): table[name] for name in TEXTS}
        | {name: scored(name) for name in ("score_a", "score_b", "margin")}
        | {
            "label": np.array(list(LABELS.values()))[label.to_numpy()],
            "share": np.where(compared, (1 + numbers["margin"]) / 2, np.nan),
            "weight": numbers["weight"],
            "by_people": np.zeros(len(table), bool),
            "split": np.full(len(table), split),
        }
    )


def _check(where: Path, table: pa.Table, label: pa.ChunkedArray) -> None:
    rules = [(name, table[name].is_null(), "a value") for name in (*TEXTS, *NUMBERS, "basis")]
    rules += [(name, pc.invert(pc.is_finite(table[name])), "a finite number") for name in NUMBERS]
    rules += [
        ("weight", pc.less(table["weight"], 0.0), "a number of at least 0"),
        ("label", label.is_null(), "a, b or tie"),
        ("video_b", pc.equal(table["video_a"], table["video_b"]), "another clip than video_a"),
    ]
    check_rows(where, table, rules)


def _check_disjoint(folder: Path, pairs: pa.Table) -> None:
    seen: dict[str, str] = {}
    distinct = pairs.group_by(["prompt_id", "split"], use_threads=False).aggregate([])
    for prompt, split in zip(
        *(distinct[c].to_pylist() for c in distinct.column_names), strict=True
    ):
        if seen.setdefault(prompt, split) != split:
            raise SetupError(
                f"{Layout(folder).table('preferences')}: prompt {prompt} stands in {seen[prompt]} "
                f"and in {split}; split by prompt, or the test says nothing about new prompts"
            )


def keep(table: pa.Table, rows: NDArray[np.bool_] | Sequence[bool]) -> pa.Table:
    """The rows of a table where ``rows`` is True."""
    return table.filter(pa.array(np.asarray(rows, bool)))
