"""How scores of the same clips moved: means per dimension and generator, and distributions."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.audit.measures.measure import Resampling
from pipeline.audit.statistics.bootstrap import Array
from pipeline.report.aggregates import histogram
from pipeline.report.compare.labels import paired_changes
from pipeline.report.compare.sides import Side
from pipeline.report.tables import read_table
from schemas import CONSENSUS, OVERALL

Row = dict[str, Any]
KEYS = ["video_id", "dimension", "annotator_id"]


def score_changes(old: Side, new: Side, how: Resampling) -> list[Row]:
    """Per dimension: consensus scores of clips that both runs scored.

    ``generators`` (first all together, under None) with the mean ``old`` and ``new`` and the ``change``
    of clip by clip differences, every clip counting once, with percentile intervals over prompts;
    ``annotators`` the same of every annotator that both have; ``bins`` with the count ``old`` and ``new``.
    """
    table = _common(old, new)
    names = sorted(pc.unique(table["dimension"]).to_pylist(), key=lambda n: (n != OVERALL, n))
    found = []
    for name in names:
        part = table.filter(pc.equal(table["dimension"], name))
        consensus = part.filter(pc.equal(part["annotator_id"], CONSENSUS))
        found.append(
            {
                "dimension": name,
                "generators": list(_shifts(consensus, "generator", how, whole=True)),
                "annotators": list(_shifts(part, "annotator_id", how)),
                "bins": _bins(consensus),
            }
        )
    return found


def _common(old: Side, new: Side) -> pa.Table:
    columns = [*KEYS, "mean"]
    before = read_table(old.layout, "scores", columns=[*columns, "prompt_id", "generator"])
    after = read_table(new.layout, "scores", columns=columns)
    met = before.join(after, KEYS, join_type="inner", right_suffix="_new")
    return met.sort_by([(name, "ascending") for name in ("prompt_id", *KEYS)])


def _shifts(table: pa.Table, by: str, how: Resampling, *, whole: bool = False) -> Iterator[Row]:
    """Means by one column, sorted; with ``whole`` first those of all rows, under None."""
    prompts, n_prompts = _codes(table, "prompt_id")
    subject, n = _codes(table, by)
    names: list[str | None] = sorted(pc.unique(table[by]).to_pylist())
    old, new = table["mean"].to_numpy(), table["mean_new"].to_numpy()
    if whole and n:
        subject, names = np.concatenate([np.zeros_like(subject), subject + 1]), [None, *names]
        prompts, old, new = (np.tile(values, 2) for values in (prompts, old, new))
        n += 1
    for name, row in zip(names, paired_changes(prompts, n_prompts, subject, n, old, new, how)):
        yield {by: name, **row}


def _codes(table: pa.Table, column: str) -> tuple[Any, int]:
    """A column's values (N,) as numbers in their sorted order, and how many there are."""
    names = sorted(pc.unique(table[column]).to_pylist())
    found = pc.index_in(table[column], pa.array(names, pa.string())).to_numpy().astype(np.int64)
    return found, len(names)


def _bins(table: pa.Table) -> list[Row]:
    """One set of bins for both runs, so that the bars can be compared."""
    both = [table[name].to_numpy() for name in ("mean", "mean_new")]
    bins = histogram(np.concatenate(both).tolist(), None, None)
    counts = [_counted(values, bins) for values in both]
    return [
        {"low": b["low"], "high": b["high"], "old": int(one), "new": int(other)}
        for b, one, other in zip(bins, *counts)
    ]


def _counted(values: Array, bins: Sequence[Mapping[str, float]]) -> Sequence[int]:
    if not bins:
        return []
    lows = np.asarray([b["low"] for b in bins])
    if bins[0]["low"] == bins[0]["high"]:  # levels: the nearest
        middles = (lows[1:] + lows[:-1]) / 2
        return np.bincount(np.searchsorted(middles, values), minlength=len(bins)).tolist()
    places = np.searchsorted(lows, values, side="right") - 1
    return np.bincount(np.clip(places, 0, len(bins) - 1), minlength=len(bins)).tolist()
