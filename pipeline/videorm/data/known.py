"""Pairs that nobody was asked about: real footage before generated clips, and before its own
damaged copies."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.videorm.data.decode import pick
from pipeline.videorm.data.pairs import PAIRS, pairs_table
from pipeline.videorm.data.splits import words_of
from pipeline.videorm.options import RealOptions

Row = dict[str, str]
COPIES = ("blurred", "frozen", "shuffled")  # names in DAMAGES
COPY = "#"  # between a clip's id, or its generator's name, and the damage


def real_pairs(clips: pa.Table, labelled: pa.Table, real: RealOptions, frames: int) -> pa.Table:
    """What ``real`` asks for, over all clips that have frames.

    Real before generated clips of the same prompt with weight ``over_generated``, on every
    dimension of ``real`` on which ``labelled`` has no pair of the two; and with weight
    ``over_damaged`` before copies of themselves, named ``VIDEO_ID#DAMAGE``. A copy that would not
    differ from the clip is not made. label 1 for a, the real one; margin and share are not known.
    """
    parts = [PAIRS.empty_table()]
    if real.over_generated:
        known = _known(labelled)
        rows = [
            (a, b, dimension)
            for a, b in _over_generated(clips, real.generators)
            for dimension in real.dimensions
            if (*sorted((a["video_id"], b["video_id"])), dimension) not in known
        ]
        parts.append(_table(rows, real.over_generated))
    if real.over_damaged:
        copies = _over_damaged(clips, real.generators, frames)
        rows = [(a, b, dimension) for a, b in copies for dimension in real.dimensions]
        parts.append(_table(rows, real.over_damaged))
    return pa.concat_tables(parts)


def _known(labelled: pa.Table) -> set[tuple[str, str, str]]:
    columns = (labelled[name].to_pylist() for name in ("a", "b", "dimension"))
    return {(min(a, b), max(a, b), d) for a, b, d in zip(*columns, strict=True)}


def _over_generated(clips: pa.Table, generators: Sequence[str]) -> Iterator[tuple[Row, Row]]:
    names = ["video_id", "prompt_id", "prompt", "generator"]
    by_prompt: dict[tuple[str, str], list[Row]] = {}
    for row in clips.select(names).to_pylist():
        by_prompt.setdefault((row["prompt_id"], words_of(row["prompt"])), []).append(row)
    for rows in by_prompt.values():
        for a in rows:
            if a["generator"] in generators:
                yield from ((a, b) for b in rows if b["generator"] not in generators)


def _over_damaged(
    clips: pa.Table, generators: Sequence[str], frames: int
) -> Iterator[tuple[Row, Row]]:
    real = clips.filter(pc.is_in(clips["generator"], pa.array(generators, pa.string())))
    for row in real.to_pylist():
        digests = row.pop("jpeg_sha256")
        seen = [digests[i] for i in pick(len(digests), frames)]
        for damage in _that_change(seen):
            copy = {name: f"{row[name]}{COPY}{damage}" for name in ("video_id", "generator")}
            yield row, row | copy


def _that_change(seen: Sequence[str]) -> list[str]:
    """Damages that make another clip of these frames, given by their digests."""
    moving, all_differ = len(set(seen)) > 1, 1 < len(seen) == len(set(seen))
    return ["blurred"] + ["frozen"] * moving + ["shuffled"] * all_differ


def _table(rows: Sequence[tuple[Row, Row, str]], weight: float) -> pa.Table:
    def column(values: list[str]) -> pa.Array:
        return pa.array(values, pa.string())

    return pairs_table(
        {
            "prompt_id": column([a["prompt_id"] for a, _, _ in rows]),
            "prompt": column([a["prompt"] for a, _, _ in rows]),
            "dimension": column([dimension for _, _, dimension in rows]),
            "a": column([a["video_id"] for a, _, _ in rows]),
            "b": column([b["video_id"] for _, b, _ in rows]),
            "generator_a": column([a["generator"] for a, _, _ in rows]),
            "generator_b": column([b["generator"] for _, b, _ in rows]),
            "label": np.ones(len(rows), np.int64),
            "weight": np.full(len(rows), weight),
            "by_people": np.zeros(len(rows), bool),
        }
    )
