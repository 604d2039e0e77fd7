"""The preferences that two runs have in common, as columns.

Tables are joined by Arrow: a quarter of a million pairs take a second and no object each.
"""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.audit.statistics.bootstrap import Array
from pipeline.report.compare.sides import Side
from pipeline.report.tables import read_table
from schemas import OVERALL

Numbers = npt.NDArray[np.int64]
COLUMNS = ["pair_id", "prompt_id", "dimension", "video_a", "video_b", "generator_a", "generator_b",
           "label", "margin"]  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CommonPairs:
    """N pairs that both runs have, by prompt, dimension and pair.

    The first clip of a pair is that with the lower id, whichever a run called ``a``. ``old`` and ``new``
    (N,) are labels: 1 the first clip is preferred, -1 the second, 0 a tie; the margins are for the
    first clip where positive. ``prompt``, ``dimension``, ``first`` and ``second`` (generators) are
    numbers of ``prompts``, ``dimensions`` and ``generators``. ``only`` counts pairs of a dimension that
    only the old, or only the new run has.
    """

    table: pa.Table
    prompt: Numbers
    dimension: Numbers
    first: Numbers
    second: Numbers
    old: Numbers
    new: Numbers
    old_margin: Array
    new_margin: Array
    prompts: tuple[str, ...]
    dimensions: tuple[str, ...]
    generators: tuple[str, ...]
    only: dict[str, tuple[int, int]]

    def of(self, number: int) -> Numbers:
        """Rows of one dimension."""
        return np.flatnonzero(self.dimension == number)


def common_pairs(old: Side, new: Side) -> CommonPairs:
    """Pairs by ``pair_id``; of a pair that names other clips in the other run nothing is common."""
    before, after = (_turned(side) for side in (old, new))
    own = ["pair_id", "first", "second", "label", "margin"]
    met = before.join(after.select(own), "pair_id", join_type="inner", right_suffix="_new")
    same = pc.and_(pc.equal(met["first"], met["first_new"]),
                   pc.equal(met["second"], met["second_new"]))  # fmt: skip
    met = met.filter(same).sort_by(
        [(name, "ascending") for name in ("prompt_id", "dimension", "pair_id")]
    )
    counts = [_counts(table) for table in (before, after, met)]
    names = sorted(counts[0].keys() | counts[1].keys(), key=lambda name: (name != OVERALL, name))
    generators = sorted({*_distinct(met, "generator_first"), *_distinct(met, "generator_second")})
    prompts = sorted(_distinct(met, "prompt_id"))
    return CommonPairs(
        table=met,
        prompt=_numbers(met, "prompt_id", prompts),
        dimension=_numbers(met, "dimension", names),
        first=_numbers(met, "generator_first", generators),
        second=_numbers(met, "generator_second", generators),
        old=met["label"].to_numpy(),
        new=met["label_new"].to_numpy(),
        old_margin=met["margin"].to_numpy(),
        new_margin=met["margin_new"].to_numpy(),
        prompts=tuple(prompts),
        dimensions=tuple(names),
        generators=tuple(generators),
        only={n: tuple(counts[i].get(n, 0) - counts[2].get(n, 0) for i in (0, 1)) for n in names},  # type: ignore[misc]
    )  # fmt: skip


def _turned(side: Side) -> pa.Table:
    """Preferences with the clip of the lower id first."""
    table = read_table(side.layout, "preferences", columns=COLUMNS)
    swap = pc.greater(table["video_a"], table["video_b"])
    sign = pc.if_else(swap, -1, 1)
    label = pc.if_else(
        pc.equal(table["label"], "a"), 1, pc.if_else(pc.equal(table["label"], "b"), -1, 0)
    )
    columns: dict[str, Any] = {name: table[name] for name in ("pair_id", "prompt_id", "dimension")}
    for name, kind in (("", "video"), ("generator_", "generator")):
        a, b = table[f"{kind}_a"], table[f"{kind}_b"]
        columns[f"{name}first"] = pc.if_else(swap, b, a)
        columns[f"{name}second"] = pc.if_else(swap, a, b)
    columns["label"] = pc.multiply(label, sign).cast(pa.int64())
    columns["margin"] = pc.multiply(table["margin"], sign.cast(pa.float64()))
    return pa.table(columns)


def _counts(table: pa.Table) -> dict[str, int]:
    counted = table.group_by("dimension").aggregate([("pair_id", "count")]).to_pylist()
    return {row["dimension"]: row["pair_id_count"] for row in counted}


def _distinct(table: pa.Table, column: str) -> list[str]:
    found: list[str] = pc.unique(table[column]).to_pylist()
    return found


def _numbers(table: pa.Table, column: str, names: list[str]) -> Numbers:
    found: Numbers = pc.index_in(table[column], pa.array(names, pa.string())).to_numpy()
    return found.astype(np.int64)
