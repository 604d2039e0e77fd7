"""Preferences of two versions, pair by pair: labels that flipped, margins that moved, pairs that changed
their split (none may)."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.audit.statistics.bootstrap import cluster_bootstrap
from pipeline.dataset.diff.tables import meet
from pipeline.dataset.digests import U64, batches, column_digests
from pipeline.dataset.merge.sources import PREFERENCES, table_files
from schemas import OVERALL, Preference
from schemas.layout import Layout

LABELS = ("a", "b", "tie")
SHOWN = ("pair_id", "prompt", "video_a", "video_b", "label", "margin", "split")
_COLUMNS = ("pair_id", "prompt_id", "dimension", "video_a", "label", "margin", "split")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """N pairs: digests of pair, prompt, side and split, ``dimension`` as a number of ``names``, ``label``
    as a number of LABELS, ``margin``."""

    pair: U64
    prompt: U64
    side: U64
    split: U64
    dimension: npt.NDArray[np.int64]
    label: npt.NDArray[np.int64]
    margin: npt.NDArray[np.float64]


def preference_diff(old: Layout, new: Layout, limit: int) -> dict[str, Any]:
    """Per dimension: pairs that both versions have, and how their labels moved.

    ``share`` is the part of the common pairs whose label is another, with a 95 % percentile interval over
    prompts (:func:`pipeline.audit.statistics.bootstrap.cluster_bootstrap`): the pairs of a prompt are not
    independent. ``moved`` are common pairs in another split.
    """
    names: dict[str, int] = {}
    files = [list(table_files(layout, PREFERENCES)) for layout in (old, new)]
    before, after = (_read(own, names) for own in files)
    met = meet(before.pair, after.pair)
    one, two = _at(before, met.old), _at(after, met.new)
    turned = (
        one.side != two.side
    )  # which clip is `a` is drawn by hash, unless somebody else drew it
    two = dataclasses.replace(
        two,
        label=np.where(turned & (two.label < 2), 1 - two.label, two.label),
        margin=np.where(turned, -two.margin, two.margin),
    )
    moved = one.split != two.split
    order = sorted(names, key=lambda name: (name == OVERALL, name))
    flipped = one.label != two.label
    return {
        "common": len(met.old),
        "added": len(met.added),
        "removed": len(met.removed),
        "moved": int(moved.sum()),
        "moved_examples": _rows(files[1], one.pair[moved][:limit]),
        "dimensions": [_dimension(name, names[name], one, two) for name in order],
        "flips": _flips(files, one, two, flipped, limit),
    }


def _read(files: Sequence[Path], names: dict[str, int]) -> Pairs:
    columns: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in _COLUMNS}
    for batch in batches(files, Preference, _COLUMNS):
        for name in ("pair_id", "prompt_id", "video_a", "split"):
            columns[name].append(column_digests(batch.column(name)))
        columns["dimension"].append(_numbers(batch.column("dimension"), names))
        columns["label"].append(
            _numbers(batch.column("label"), dict(zip(LABELS, range(3), strict=True)))
        )
        columns["margin"].append(batch.column("margin").to_numpy(zero_copy_only=False))
    kinds = {"dimension": np.int64, "label": np.int64, "margin": np.float64}
    joined = {
        name: np.concatenate([np.zeros(0, kinds.get(name, np.uint64)), *arrays])
        for name, arrays in columns.items()
    }
    return Pairs(
        pair=joined["pair_id"],
        prompt=joined["prompt_id"],
        side=joined["video_a"],
        split=joined["split"],
        dimension=joined["dimension"],
        label=joined["label"],
        margin=joined["margin"],
    )


def _numbers(column: pa.Array, names: dict[str, int]) -> npt.NDArray[np.int64]:
    encoded = column.dictionary_encode()
    of = [names.setdefault(name, len(names)) for name in encoded.dictionary.to_pylist()]
    indices = encoded.indices.to_numpy(zero_copy_only=False)
    return np.array(of, np.int64)[indices] if of else np.zeros(0, np.int64)


def _at(pairs: Pairs, places: npt.NDArray[Any]) -> Pairs:
    taken = {f.name: getattr(pairs, f.name)[places] for f in dataclasses.fields(pairs)}
    return Pairs(**taken)


def _dimension(name: str, number: int, one: Pairs, two: Pairs) -> dict[str, Any]:
    rows = np.flatnonzero(one.dimension == number)
    old, new = one.label[rows], two.label[rows]
    flipped = old != new
    prompts, of = np.unique(one.prompt[rows], return_inverse=True)
    stats = np.zeros((len(prompts), 2))
    np.add.at(stats, of, np.stack([flipped, np.ones(len(rows))], axis=1))
    interval = cluster_bootstrap(stats, lambda sums: sums[:, 0] / sums[:, 1])
    margins = [np.abs(pairs.margin[rows]) for pairs in (one, two)]
    change = np.abs(two.margin[rows] - one.margin[rows])
    return {
        "dimension": name,
        "common": len(rows),
        "prompts": len(prompts),
        "flipped": int(flipped.sum()),
        "reversed": int(((old + new == 1) & flipped).sum()),  # a to b, or b to a
        "to_tie": int(((new == 2) & flipped).sum()),
        "from_tie": int(((old == 2) & flipped).sum()),
        "share": interval.value,
        "low": interval.low,
        "high": interval.high,
        "mean_margin_change": _mean(change),
        "mean_size_of_margin": {"old": _mean(margins[0]), "new": _mean(margins[1])},
        "mean_size_of_margin_of_flipped": {
            "old": _mean(margins[0][flipped]),
            "new": _mean(margins[1][flipped]),
        },
    }


def _mean(values: npt.NDArray[np.float64]) -> float | None:
    return float(values.mean()) if len(values) else None


def _flips(
    files: Sequence[Sequence[Path]],
    one: Pairs,
    two: Pairs,
    flipped: npt.NDArray[np.bool_],
    limit: int,
) -> list[dict[str, Any]]:
    """The flips with the greatest change of margin, before and after."""
    rows = np.flatnonzero(flipped)
    change = np.abs(two.margin[rows] - one.margin[rows])
    rows = rows[np.lexsort((one.pair[rows], -change))][:limit]
    before, after = ({r["pair_id"]: r for r in _rows(own, one.pair[rows])} for own in files)
    return [
        {**after[pair], "label": [before[pair]["label"], after[pair]["label"]],
         "margin": [before[pair]["margin"], after[pair]["margin"]]}
        for pair in before
    ]  # fmt: skip


def _rows(files: Sequence[Path], pairs: U64) -> list[dict[str, Any]]:
    """Rows of some pairs, in the order given."""
    found: dict[int, dict[str, Any]] = {}
    for batch in batches(files, Preference, (*SHOWN, "dimension")) if len(pairs) else ():
        own = column_digests(batch.column("pair_id"))
        mask = np.isin(own, pairs)
        rows = batch.filter(pa.array(mask)).to_pylist()
        found |= dict(zip(own[mask].tolist(), rows, strict=True))
    return [found[pair] for pair in pairs.tolist()]
