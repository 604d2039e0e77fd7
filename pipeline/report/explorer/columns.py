"""Scores of clips and margins of pairs in columns, so that a page filters 10,000 prompts at once.

A source of opinion is an annotator, the consensus, or :data:`RATERS`; :data:`LABELS` are the published
preferences, which rest on the consensus or on comparisons and know ties.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.formats.choice import SIGN, Pair
from pipeline.preference.votes import RANKING_COLUMNS, keyed_ranking, votes_of
from pipeline.report.explorer.order import Order
from pipeline.report.tables import read_table
from schemas import CONSENSUS
from schemas.layout import Layout

RATERS, LABELS = "raters", "labels"
DIGITS = 5  # significant ones of a score or a margin
TIE = 1e-9  # differences below are ties, as in the preferences

Column = npt.NDArray[np.float64]  # NaN: not known
Columns = dict[str, dict[str, Column]]  # by dimension and source


def columns_of(
    layout: Layout, order: Order, answers: Mapping[str, Sequence[str]]
) -> Iterator[dict[str, Any]]:
    """One object per dimension, as ``data/scores-<n>.js`` has it.

    ``{"dimension", "scores": {source: (clips,)}, "spread": {annotator: (clips,)}, "margins": {source:
    (pairs,)}}``: null where nothing is known; a positive margin prefers the first clip of a pair, 0 is
    a tie. ``spread`` is the standard deviation of several draws.

    Whoever compared two clips said more of them than two scores do: the margin of a pair is the mean
    vote (+1, 0, -1) where there is one, else the difference of the scores, so for people and for
    annotators alike, as in the audit. The two have different units: what holds between pairs is the
    sign. A judge's vote counts as in the preferences, only where it saw both orders. What is a tie by
    the run's own rule only the labels know; the other margins are 0 where scores are equal or votes
    balance.

    ``answers`` names the human dimensions that answer for one of ours: all of them averaged, none
    where one is missing; a human dimension that nothing claims stands for itself. Sources and
    dimensions of which nothing is known of the clips shown are left out.
    """
    scores, spread = _scores(layout, order)
    compared = _compared(layout, order)
    labels = _labels(layout, order)
    rated, voted = _rated(layout, order), _voted(layout, order)
    claimed = {theirs for many in answers.values() for theirs in many}
    alone = {*rated, *voted} - claimed
    for dimension in sorted({*scores, *compared, *labels, *alone}):
        theirs = answers.get(dimension) or [dimension]
        own = scores.get(dimension, {}) | _averaged(rated, theirs)
        votes = compared.get(dimension, {}) | _averaged(voted, theirs)
        margins = labels.get(dimension, {}) | _margins(order, own, votes)
        found = {"scores": own, "spread": spread.get(dimension, {}), "margins": margins}
        plain = {part: _plain(columns) for part, columns in found.items()}
        if any(plain.values()):
            yield {"dimension": dimension, **plain}


def _margins(
    order: Order, scores: Mapping[str, Column], votes: Mapping[str, Column]
) -> dict[str, Column]:
    """What each source makes of every pair; nothing of the consensus, whose ties the labels know."""
    margins = {name: _differences(order, column) for name, column in scores.items()}
    margins.pop(CONSENSUS, None)
    for name, column in votes.items():
        by_scores = margins.get(name, np.full(len(column), np.nan))
        margins[name] = np.where(np.isnan(column), by_scores, column)
    return margins


def _plain(columns: Mapping[str, Column]) -> dict[str, list[float | int | None]]:
    """By name, as short JSON: whole numbers without a point, null for NaN. Those of which nothing is
    known are left out: there is nothing to choose by them."""
    return {
        name: _short(columns[name]) for name in sorted(columns) if not np.isnan(columns[name]).all()
    }


def _short(column: Column) -> list[float | int | None]:
    values, where = np.unique(column, return_inverse=True)  # on a scale there are few
    short = [_number(value) for value in values.tolist()]
    return [short[place] for place in where.tolist()]


def _number(value: float) -> float | int | None:
    if value != value:
        return None
    return int(value) if value.is_integer() else float(f"{value:.{DIGITS}g}")


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
    """Mean votes of the annotators that compared clips, over their draws."""
    table = read_table(layout, "comparisons", columns=RANKING_COLUMNS)
    found: Columns = {}
    for (dimension, source), rows in _groups(table, "dimension", "annotator_id"):
        part = table.take(pa.array(rows))
        read = zip(*(part.column(name).to_pylist() for name in RANKING_COLUMNS), strict=True)
        draws = votes_of(keyed_ranking(row)[1] for row in read).values()
        found.setdefault(dimension, {})[source] = _mean_votes(order, draws)
    return found


def _mean_votes(order: Order, draws: Iterable[Mapping[Pair, int]]) -> Column:
    """(pairs,): the mean over draws, for the clip that stands first."""
    votes = [(*pair, vote) for pairs in draws for pair, vote in pairs.items()]
    first, second = (
        order.places(pa.chunked_array([[vote[side] for vote in votes]], pa.string()))
        for side in (0, 1)
    )
    places, sign = order.pair_places(first, second)
    value = np.array([vote[2] for vote in votes], float)
    return _mean(int(order.first_pairs[-1]), places, value * sign)


def _voted(layout: Layout, order: Order) -> dict[str, Column]:
    """Mean votes of people per human dimension; a tie of any kind is 0."""
    names = ["video_a", "video_b", "dimension", "choice"]
    table = read_table(layout, "human_votes", columns=names)
    places, sign = order.pair_places(
        order.places(table.column("video_a")), order.places(table.column("video_b"))
    )
    vote = np.array([SIGN[choice] for choice in table.column("choice").to_pylist()], float) * sign
    return {
        name: _mean(int(order.first_pairs[-1]), places[rows], vote[rows])
        for (name,), rows in _groups(table, "dimension")
    }


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
