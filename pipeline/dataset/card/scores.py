"""How scores lie, and how often an annotator ties two clips of a prompt: for the card."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.report.aggregates import distributions, human_dimensions
from pipeline.report.tables import read_table
from schemas.layout import Layout

Row = dict[str, Any]
_BARS = "▁▂▃▄▅▆▇█"


def score_rows(layout: Layout, manifest: Mapping[str, Any]) -> list[Row]:
    """One row per dimension and annotator, then the raters of that dimension.

    ``bars`` draws the counts from the lowest score to the highest, ``scale`` names those two; ``n``,
    ``mean``; ``ties``, the share of pairs of clips of a prompt to which it gives equal means (margins
    within 1e-9), as text, None for raters.
    """
    ties = tied_shares(read_table(layout, "scores", columns=[*_OF_PAIR, "mean"]))
    return [
        {
            "dimension": panel["dimension"],
            "source": panel["source"],
            "bars": bars([one["count"] for one in panel["bins"]]),
            "scale": f"{panel['bins'][0]['low']:g} to {panel['bins'][-1]['high']:g}",
            "n": panel["n"],
            "mean": f"{panel['mean']:.2f}",
            "ties": _percent(ties.get((panel["dimension"], panel["source"])))
            if panel["kind"] == "annotator"
            else None,
        }
        for panel in distributions(layout, human_dimensions(manifest))
    ]


def bars(counts: Sequence[int]) -> str:
    """A row of bars, the fullest as high as a line; nothing at all is a dot."""
    most = max(counts, default=0)
    return "".join(
        "·" if not count else _BARS[-(-count * len(_BARS) // most) - 1] for count in counts
    )


_OF_PAIR = ("dimension", "annotator_id", "prompt_id")


def tied_shares(scores: pa.Table) -> dict[tuple[str, str], tuple[int, int]]:
    """Per dimension and annotator: (tied, all) pairs of clips of one prompt that have both a score.

    ``scores``: columns dimension, annotator_id, prompt_id, mean. Of m clips with one score m(m-1)/2
    pairs are tied.
    """
    rounded = scores.set_column(
        scores.schema.get_field_index("mean"), "mean", pc.round(scores.column("mean"), 9)
    )
    tied = _pairs(rounded, [*_OF_PAIR, "mean"])
    every = _pairs(rounded, _OF_PAIR)
    return {key: (tied.get(key, 0), n) for key, n in every.items() if n}


def _pairs(scores: pa.Table, keys: Sequence[str]) -> dict[tuple[str, str], int]:
    """Pairs within groups of equal keys, summed per dimension and annotator."""
    sizes = scores.group_by(list(keys)).aggregate([([], "count_all")])
    n = sizes.column("count_all")
    pairs = pc.divide(pc.multiply(n, pc.subtract(n, 1)), 2)
    summed = (
        sizes.append_column("pairs", pairs)
        .group_by(["dimension", "annotator_id"])
        .aggregate([("pairs", "sum")])
    )
    return {(r["dimension"], r["annotator_id"]): r["pairs_sum"] for r in summed.to_pylist()}


def _percent(counts: tuple[int, int] | None) -> str | None:
    return None if counts is None else f"{100 * counts[0] / counts[1]:.1f} %"
