"""Pair accuracy of rewards on held-out prompts, against the annotator and against people.

Every number is a share of pairs within a prompt with a percentile interval from resampling prompts.
Against people each rater is left out in turn and the target is the mean of the others, so that
models and people meet the same targets. A pair counts only where every scorer gave it a number: all
rows of one board are about the same pairs.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.audit.pair_panel import PairPanel
from pipeline.audit.statistics import pairs
from pipeline.audit.statistics.bootstrap import Array, Interval, Statistic, weighted_bootstraps
from pipeline.audit.statistics.ceiling import mean_over_raters
from pipeline.formats.choice import Pair
from pipeline.videorm.model.config import MODEL_TIE

ALL = "all"  # every dimension's pairs pooled
RESAMPLES = 2000
# of two prompts a resample can only repeat them, and an interval of 95 % covers in about half of the cases
# (of ten in about nine of ten, where the prompts' values are normal)
ENOUGH_PROMPTS = 10
CEILING = "human_ceiling"
CHANCE = "chance"

Rewards = Mapping[str, Mapping[str, Sequence[float]]]  # scorer -> video_id -> reward per dimension
Scores = Mapping[str, Mapping[str, float]]  # scorer -> video_id -> score, of one dimension
Tables = Mapping[str, Array]  # by rater left out: pair table (P, 5)
Mask = NDArray[np.bool_]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The pairs of one dimension, with what every scorer makes of them."""

    panel: PairPanel
    place: NDArray[np.intp]  # (M,) number of each pair's prompt on the board
    made: Mapping[str, Array]  # scorer -> differences (M, 1), of the raters themselves (M, R)

    def tables(self, scorer: str, n_prompts: int, kept: Mask | None = None) -> dict[str, Array]:
        """Pair table (P, 5) against all raters but one, for each who said something."""
        return self.tables_of(self.made[scorer], n_prompts, kept)

    def tables_of(self, made: Array, n_prompts: int, kept: Mask | None = None) -> dict[str, Array]:
        """The same of differences (M, 1) or (M, R)."""
        others = self.panel.others
        own = np.broadcast_to(made, others.shape)
        rows = slice(None) if kept is None else kept
        return {
            rater: pairs.pair_table(x[rows], y[rows], self.place[rows], n_prompts)
            for rater, x, y in zip(self.panel.raters, own.T, others.T, strict=True)
        }


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One kind of target on the prompts of one split."""

    against: str
    split: str
    n_prompts: int
    held: Mapping[str, Held]  # by dimension

    @property
    def scorers(self) -> tuple[str, ...]:
        """In the order of the rows."""
        return tuple(next(iter(self.held.values())).made)

    def tables(
        self, scorer: str, dimension: str, masks: Mapping[str, Mask] | None = None
    ) -> dict[str, Array]:
        """Tables of a scorer by rater left out; of ``all`` the sums over dimensions."""
        names = self.held if dimension == ALL else (dimension,)
        return pooled(
            self.held[d].tables(scorer, self.n_prompts, masks and masks[d]) for d in names
        )

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Each that has pairs, then all of them."""
        return (*self.held, ALL)


def pooled(parts: Any) -> dict[str, Array]:
    """Tables of several dimensions summed, rater by rater."""
    found: dict[str, Array] = {}
    for tables in parts:
        for rater, table in tables.items():
            found[rater] = found[rater] + table if rater in found else table
    return found


def snap(differences: Array) -> Array:
    """Differences of rewards with those of at most ``MODEL_TIE`` made exact ties."""
    return np.where(np.abs(differences) <= MODEL_TIE, 0.0, differences)


def make_board(
    against: str,
    split: str,
    prompts: Sequence[str],
    panels: Mapping[str, PairPanel],
    scores: Mapping[str, Scores],
    choices: Mapping[str, Mapping[str, Mapping[Pair, float]]] | None = None,
) -> Board | None:
    """Scorers against one kind of target on these prompts; None where no pair is left.

    ``panels``, ``scores`` and ``choices`` (of scorers that compared pairs) by dimension. Where
    several raters are left out in turn, they are a scorer, too: ``human_ceiling``.
    """
    held = {
        d: one
        for d, panel in panels.items()
        if (one := _held(panel, prompts, scores[d], (choices or {}).get(d, {}))).panel.n_pairs
    }
    if not held:
        return None
    return Board(against=against, split=split, n_prompts=len(prompts), held=held)


def _held(
    panel: PairPanel,
    prompts: Sequence[str],
    scores: Scores,
    choices: Mapping[str, Mapping[Pair, float]],
) -> Held:
    made = {name: panel.differences(by, choices.get(name)) for name, by in scores.items()}
    known = [np.isfinite(d) for d in made.values()]
    number = {prompt_id: i for i, prompt_id in enumerate(prompts)}
    here = np.array([p in number for p in panel.prompt_ids], bool)[panel.prompts]
    kept = np.logical_and.reduce([here, *known])
    panel = panel.take(kept)
    columns = {name: snap(d[kept])[:, None] for name, d in made.items()}
    if len(panel.raters) > 1:
        columns[CEILING] = panel.human
    place = np.array([number[p] for p in panel.prompt_ids], np.intp)[panel.prompts]
    return Held(panel=panel, place=place, made=columns)


def intervals(n_prompts: int, statistics: Sequence[Statistic], seed: int) -> list[Interval]:
    """Intervals of statistics of prompt counts (B, P), all from the same draws."""
    if not statistics:
        return []

    def each(counts: Array) -> Array:
        return np.stack([statistic(counts) for statistic in statistics], axis=1)

    return weighted_bootstraps(n_prompts, each, len(statistics), RESAMPLES, seed)


def of_tables(tables: Tables, statistic: Statistic = pairs.accuracy) -> Statistic:
    """The mean over raters left out, as a statistic of prompt counts."""
    return mean_over_raters(list(tables.values()), statistic)


def row(
    board: Board, tables: Tables, dimension: str, interval: Interval, column: int = pairs.UNTIED
) -> dict[str, Any]:
    """What all rows have. ``n_pairs``: against people the mean over who is left out. No interval where
    the pairs are all of one prompt: every resample that has it says the same, which is no certainty."""
    total = np.sum(list(tables.values()), axis=0)  # (P, 5): over targets
    asked = sum(bool(table.any()) for table in tables.values())
    n_prompts = int((total[:, column] > 0).sum())
    low, high = (interval.low, interval.high) if n_prompts > 1 else (None, None)
    return {
        "against": board.against,
        "dimension": dimension,
        "split": board.split,
        "value": interval.value,
        "low": low,
        "high": high,
        "n_pairs": round(float(total[:, column].sum()) / max(1, asked)),
        "n_prompts": n_prompts,
    }


def accuracy_rows(board: Board, seed: int) -> list[dict[str, Any]]:
    """One row per scorer and dimension, and chance, which is one half by definition.

    Pairs tied in the target are dropped, a scorer's own tie is half right.
    """
    cases = [(s, d, board.tables(s, d)) for s in board.scorers for d in board.dimensions]
    found = intervals(board.n_prompts, [of_tables(t) for _, _, t in cases], seed)
    rows = [
        {"arm": s, "ties": "dropped", **row(board, t, d, interval)}
        for (s, d, t), interval in zip(cases, found, strict=True)
    ]
    half = Interval(value=0.5, low=None, high=None)  # nothing was estimated
    first = board.scorers[0]
    return rows + [
        {"arm": CHANCE, "ties": "dropped", **row(board, board.tables(first, d), d, half)}
        for d in board.dimensions
    ]


def difference_rows(
    board: Board, arm: str, others: Sequence[str], seed: int
) -> list[dict[str, Any]]:
    """Paired differences of a scorer and others: the same prompts are drawn for both."""
    cases = [
        (o, d, board.tables(arm, d), board.tables(o, d)) for o in others for d in board.dimensions
    ]
    gaps = [_gap(ours, theirs) for _, _, ours, theirs in cases]
    return [
        {"arm": arm, "minus": o, "ties": "dropped", **row(board, ours, d, interval)}
        for (o, d, ours, _), interval in zip(
            cases, intervals(board.n_prompts, gaps, seed), strict=True
        )
    ]


def _gap(tables: Tables, minus: Tables) -> Statistic:
    ours, theirs = of_tables(tables), of_tables(minus)
    return lambda counts: ours(counts) - theirs(counts)
