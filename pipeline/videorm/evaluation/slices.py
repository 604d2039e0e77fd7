"""The same accuracy on parts of the pairs: by generator, and where a generator was held out."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from pipeline.audit.statistics import pairs
from pipeline.videorm.evaluation.accuracy import Board, Held, Mask, intervals, of_tables, row

HELD_OUT, SEEN = "generators=held_out", "generators=seen"


def slice_rows(board: Board, seed: int, held_out: Collection[str] = ()) -> list[dict[str, Any]]:
    """A row per slice, scorer and dimension, with ``slice`` beside the keys of an accuracy row.

    ``generator=NAME``: pairs that hold a clip of it. With generators that no training pair held:
    ``generators=held_out``, pairs with a clip of one of them, and ``generators=seen``, the others. A
    reward that learned to tell generators apart instead of clips falls on the former. Intervals are
    of one slice each, not corrected for how many there are; a slice without untied pairs has no row.
    """
    names = sorted({name for held in board.held.values() for name in _present(held)})
    masks = {f"generator={name}": _with(board, {name}) for name in names}
    if held_out:
        masks[HELD_OUT] = _with(board, held_out)
        masks[SEEN] = {d: ~mask for d, mask in masks[HELD_OUT].items()}
    cases = [
        (where, s, d, tables)
        for where, mask in masks.items()
        for s in board.scorers
        for d in board.dimensions
        if _untied(tables := board.tables(s, d, mask))
    ]
    found = intervals(board.n_prompts, [of_tables(tables) for *_, tables in cases], seed)
    return [
        {"arm": s, "slice": where, "ties": "dropped", **row(board, tables, d, interval)}
        for (where, s, d, tables), interval in zip(cases, found, strict=True)
    ]


def _present(held: Held) -> set[str]:
    used = {*held.panel.first.tolist(), *held.panel.second.tolist()}
    return {held.panel.generators[i] for i in used}


def _with(board: Board, names: Collection[str]) -> dict[str, Mask]:
    """Which pairs hold a clip of these generators, by dimension."""
    found: dict[str, Mask] = {}
    for dimension, held in board.held.items():
        theirs = np.array([name in names for name in held.panel.generators], bool)
        found[dimension] = theirs[held.panel.first] | theirs[held.panel.second]
    return found


def _untied(tables: Mapping[str, Any]) -> bool:
    return any(table[:, pairs.UNTIED].any() for table in tables.values())
