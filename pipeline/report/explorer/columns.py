"""Scores of clips and margins of pairs in columns, so that a page filters 10,000 prompts at once.

A source of opinion is an annotator, the consensus, or :data:`RATERS`; :data:`LABELS` are the published
preferences, which rest on the consensus or on comparisons and know ties.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.report.explorer.order import Order
from pipeline.report.tables import read_rows, read_table
from schemas import CONSENSUS
from schemas.layout import Layout

RATERS, LABELS = "raters", "labels"
DIGITS = 5  # significant ones of a score or a margin
TIE = 1e-9  # differences below are ties, as in the preferences

Column = npt.NDArray[np.float64]  # NaN: not known
Columns = dict[str, dict[str, Column]]  # by dimension and source
VOTES = {"a": 1.0, "b": -1.0, "tie": 0.0, "both_good": 0.0, "both_bad": 0.0}


def columns_of(
    layout: Layout, order: Order, answers: Mapping[str, Sequence[str]]
) -> Iterator[dict[str, Any]]:
    """One object per dimension, as ``data/scores-<n>.js`` has it.

    ``{"dimension", "scores": {source: (clips,)}, "spread": {annotator: (clips,)}, "margins": {source:
    (pairs,)}}``: null where nothing is known; a positive margin prefers the first clip of a pair, 0 is
    a tie. Margins of annotators are differences of their scores, or mean votes (+1, 0, -1) where they
    compared clips; those of raters likewise. ``spread`` is the standard deviation of several draws.
    ``answers`` names the human dimensions that answer for one of ours: all of them averaged, none
    where one is missing; a human dimension that nothing claims stands for itself.
    """
    scores, spread = _scores(layout, order)
    compared = _compared(layout, order)
    labels = _labels(layout, order)
    rated, voted = _rated(layout, order), _voted(layout, order)
    claimed = {theirs for many in answers.values() for theirs in many}
    ours = {*scores, *compared, *labels}
    alone = {name for name in {*rated, *voted} if name not in claimed}
    for dimension in sorted(ours | alone):
        theirs = answers.get(dimension) or [dimension]
        own = scores.get(dimension, {}) | _averaged(rated, theirs)
        votes = compared.get(dimension, {}) | _averaged(voted, theirs)
        margins = {source: _differences(order, column) for source, column in own.items()}
        margins.pop(CONSENSUS, None)  # the labels say it, with their ties
        yield {
            "dimension": dimension,
            "scores": {source: _plain(column) for source, column in sorted(own.items())},
            "spread": {
                source: _plain(c) for source, c in sorted(spread.get(dimension, {}).items())
            },
            "margins": {
                source: _plain(column)
                for source, column in (labels.get(dimension, {}) | votes | margins).items()
            },
        }


def _plain(column: Column) -> list[float | int | None]:
    """JSON values, short: whole numbers without a point, null for NaN."""
    return [
        None
        if value != value
        else int(value)
        if value.is_integer()
        else float(f"{value:.{DIGITS}g}")
        for value in column.tolist()
    ]


def _column(n: int, places: npt.NDArray[np.int64], values: Column) -> Column:
    """Values put at their places; those of place -1 are left out."""
    column = np.full(n, np.nan)
    column[places[places >= 0]] = values[places >= 0]
    return column


def _mean(n: int, places: npt.NDArray[np.int64], values: Column) -> Column:
    """The mean of all values at each place, NaN where there is none."""
    kept, known = places[places >= 0], values[places >= 0]
    count = np.bincount(kept, minlength=n)
    total = np.bincount(kept, weights=known, minlength=n)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _groups(table: pa.Table, *keys: str) -> Iterator[tuple[tuple[str, ...], npt.NDArray[np.int64]]]:
    """Row numbers of every combination of keys."""
    names = table.select(list(keys)).group_by(list(keys)).aggregate([]).to_pylist()
    for row in names:
        mask = np.ones(len(table), bool)
        for key in keys:
            mask &= pc.equal(table.column(key), row[key]).to_numpy()
        yield tuple(row[key] for key in keys), np.flatnonzero(mask)


def _scores(layout: Layout, order: Order) -> tuple[Columns, Columns]:
    """Mean scores of every source, and the spread of draws where there are several."""
    names = ["video_id", "dimension", "annotator_id", "mean", "spread", "n"]
    table = read_table(layout, "scores", columns=names)
    places = order.places(table.column("video_id"))
    mean = table.column("mean").to_numpy()
    spread = pc.fill_null(table.column("spread"), np.nan).to_numpy()
    scores: Columns = {}
    spreads: Columns = {}
    for (dimension, source), rows in _groups(table, "dimension", "annotator_id"):
        column = _column(len(order.clips), places[rows], mean[rows])
        scores.setdefault(dimension, {})[source] = column
        if source != CONSENSUS and np.isfinite(spread[rows]).any():
            own = _column(len(order.clips), places[rows], spread[rows])
            spreads.setdefault(dimension, {})[source] = own
    return scores, spreads


def _labels(layout: Layout, order: Order) -> Columns:
    """Margins of the published preferences, exactly 0 where the label is a tie."""
    names = ["video_a", "video_b", "dimension", "annotator_id", "label", "margin"]
    table = read_table(layout, "preferences", columns=names)
    places, sign = order.pair_places(
        order.places(table.column("video_a")), order.places(table.column("video_b"))
    )
    tie = pc.equal(table.column("label"), "tie").to_numpy()
    margin = np.where(tie, 0.0, table.column("margin").to_numpy() * sign)
    found: Columns = {}
    for (dimension, source), rows in _groups(table, "dimension", "annotator_id"):
        name = LABELS if source == CONSENSUS else f"{LABELS} of {source}"
        column = _column(int(order.first_pairs[-1]), places[rows], margin[rows])
        found.setdefault(dimension, {})[name] = column
    return found


def _compared(layout: Layout, order: Order) -> Columns:
    """Mean votes of the annotators that compared clips: +1 the first is ranked before the second."""
    names = ["video_ids", "dimension", "annotator_id", "ranking"]
    at = {clip: n for n, clip in enumerate(order.clips)}
    votes: dict[tuple[str, str], list[tuple[int, int, float]]] = {}
    for row in read_rows(layout, "comparisons", columns=names):
        own = votes.setdefault((row["dimension"], row["annotator_id"]), [])
        ranked = [(at.get(c, -1), r) for c, r in zip(row["video_ids"], row["ranking"], strict=True)]
        own += [
            (a, b, float(np.sign(rank_b - rank_a)))
            for n, (a, rank_a) in enumerate(ranked)
            for b, rank_b in ranked[n + 1 :]
        ]
    return _by_source(order, votes)


def _voted(layout: Layout, order: Order) -> dict[str, Column]:
    """Mean votes of people per human dimension; a tie of either kind is 0."""
    at = {clip: n for n, clip in enumerate(order.clips)}
    votes: dict[tuple[str, str], list[tuple[int, int, float]]] = {}
    names = ["video_a", "video_b", "dimension", "choice"]
    for row in read_rows(layout, "human_votes", columns=names):
        vote = at.get(row["video_a"], -1), at.get(row["video_b"], -1), VOTES[row["choice"]]
        votes.setdefault((row["dimension"], RATERS), []).append(vote)
    return {name: own[RATERS] for name, own in _by_source(order, votes).items()}


def _by_source(
    order: Order, votes: Mapping[tuple[str, str], Sequence[tuple[int, int, float]]]
) -> Columns:
    found: Columns = {}
    for (dimension, source), own in votes.items():
        table = np.array(own, float)
        places, sign = order.pair_places(table[:, 0].astype(int), table[:, 1].astype(int))
        column = _mean(int(order.first_pairs[-1]), places, table[:, 2] * sign)
        found.setdefault(dimension, {})[source] = column
    return found


def _rated(layout: Layout, order: Order) -> dict[str, Column]:
    """The raters' mean per human dimension."""
    table = read_table(layout, "human_ratings", columns=["video_id", "dimension", "score"])
    places, score = order.places(table.column("video_id")), table.column("score").to_numpy()
    return {
        name: _mean(len(order.clips), places[rows], score[rows])
        for (name,), rows in _groups(table, "dimension")
    }


def _averaged(found: Mapping[str, Column], theirs: Sequence[str]) -> dict[str, Column]:
    """The mean of several human dimensions under the name of the raters, nothing where one is absent."""
    own = [found[name] for name in theirs if name in found]
    return {RATERS: np.mean(own, axis=0)} if own and len(own) == len(theirs) else {}


def _differences(order: Order, column: Column) -> Column:
    """Score of the first clip minus that of the second; exactly 0 where they are equal."""
    first, second = order.pairs
    margin = column[first] - column[second]
    return np.where(np.abs(margin) <= TIE, 0.0, margin)
