"""Pair accuracy of rewards on held-out prompts, against the annotator and against the raters.

Every number is a share of pairs within a prompt, ties of the target dropped, a model's tie
counted as half, with a percentile interval from resampling prompts. Against the raters each rater
is left out in turn and the target is the mean of the others, so that models and people meet the
same targets.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.audit.panel import Panel, human_panel
from pipeline.audit.statistics.bootstrap import Array, Interval, weighted_bootstrap
from pipeline.audit.statistics.ceiling import mean_over_raters, others_mean
from pipeline.audit.statistics.pairs import UNTIED, accuracy, pair_table, within_prompt_pairs
from pipeline.videorm.data.groups import Group
from schemas import HumanRating

MODEL_TIE = 1e-6  # rewards are sums of 32-bit floats: a smaller difference is order of summation
ALL = "all"  # every dimension's pairs pooled
RESAMPLES = 2000

Rewards = Mapping[str, Mapping[str, Sequence[float]]]  # arm -> video_id -> reward per dimension
Tables = Sequence[Array]  # one (P, 5) table of pair statistics per target


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """What is held against one kind of target: tables of each arm by dimension, same prompts."""

    against: str
    n_prompts: int
    tables: dict[tuple[str, str], Tables]  # (arm, dimension) -> one table per target


def snap(differences: Array) -> Array:
    """Differences of rewards with those of at most ``MODEL_TIE`` made exact ties."""
    return np.where(np.abs(differences) <= MODEL_TIE, 0.0, differences)


def annotator_board(
    groups: Sequence[Group], video_ids: Sequence[str], dimensions: Sequence[str], rewards: Rewards
) -> Board:
    """Each arm against the annotator's labels of these prompts."""
    n = len(groups)
    prompt = np.repeat(np.arange(n), [len(g.label) for g in groups])
    dimension = np.concatenate([g.dimension for g in groups])
    label = np.concatenate([g.label for g in groups])
    first = np.concatenate([g.rows[g.a] for g in groups])
    second = np.concatenate([g.rows[g.b] for g in groups])
    tables: dict[tuple[str, str], Tables] = {}
    for arm, by_video in rewards.items():
        difference = snap(
            np.array(
                [
                    by_video[video_ids[i]][d] - by_video[video_ids[j]][d]
                    for i, j, d in zip(first, second, dimension, strict=True)
                ]
            )
        )
        for k, name in enumerate(dimensions):
            m = dimension == k
            tables[arm, name] = [pair_table(difference[m], label[m], prompt[m], n)]
    return _pooled(Board(against="annotator", n_prompts=n, tables=tables), dimensions)


def rater_board(
    ratings: Sequence[HumanRating],
    prompts: Sequence[str],
    dimensions: Sequence[str],
    answers: Mapping[str, Sequence[str]],
    rewards: Rewards,
    scores: Mapping[tuple[str, str], float],
) -> Board | None:
    """Each arm, the annotator and the raters themselves against the mean of the other raters.

    ``answers`` names the human dimensions that answer for ours (absent: the one of the same name);
    ``prompts`` are the prompt_ids to use; ``scores`` the annotator's, by (video_id, dimension). A
    dimension that fewer than two raters rated has no target that leaves one out and is missing;
    None where that is every dimension.
    """
    place = {prompt_id: i for i, prompt_id in enumerate(prompts)}
    held = [r for r in ratings if r.prompt_id in place]
    raters = sorted({r.rater for r in held})
    tables: dict[tuple[str, str], Tables] = {}
    rated: list[str] = []
    for k, name in enumerate(dimensions):
        human_names = answers.get(name, (name,))
        panel = human_panel(held, human_names)
        if panel.n_raters < 2:
            continue
        rated.append(name)
        judges = {arm: {v: r[k] for v, r in by.items()} for arm, by in rewards.items()}
        judges["annotator"] = {v: s for (v, d), s in scores.items() if d == name}
        kept = np.array([all(v in by for by in judges.values()) for v in panel.videos], bool)
        # the same clips for everybody, and a column for every rater of any dimension
        human = np.full((len(panel.videos), len(raters)), np.nan)
        columns = sorted({r.rater for r in held if r.dimension in human_names})
        human[:, [raters.index(c) for c in columns]] = panel.human
        human[~kept] = np.nan
        prompt = _places(panel, held, place)
        for arm, by in judges.items():
            own = np.array([[by.get(v, np.nan)] for v in panel.videos])
            tables[arm, name] = _tables(own, human, prompt, len(prompts))
        tables["human_ceiling", name] = _tables(human, human, prompt, len(prompts))
    if not rated:
        return None
    return _pooled(Board(against="raters", n_prompts=len(prompts), tables=tables), rated)


def _places(
    panel: Panel, ratings: Sequence[HumanRating], place: Mapping[str, int]
) -> NDArray[np.intp]:
    prompt_of = {r.video_id: r.prompt_id for r in ratings}
    return np.array([place[prompt_of[v]] for v in panel.videos], np.intp)


def _tables(scores: Array, human: Array, prompt: NDArray[np.intp], n: int) -> Tables:
    """One table per rater left out; without pairs where that rater saw nothing."""
    first, second = within_prompt_pairs(prompt)
    own = np.broadcast_to(scores, human.shape)
    return [
        pair_table(snap(x[first] - x[second]), y[first] - y[second], prompt[first], n)
        for x, y in zip(own.T, others_mean(human).T, strict=True)
    ]


def _pooled(board: Board, dimensions: Sequence[str]) -> Board:
    arms = dict.fromkeys(arm for arm, _ in board.tables)
    pooled = {
        (arm, ALL): [
            np.sum(parts, axis=0)
            for parts in zip(*(board.tables[arm, d] for d in dimensions), strict=True)
        ]
        for arm in arms
    }
    return dataclasses.replace(board, tables=board.tables | pooled)


def _of(tables: Tables) -> Callable[[Array], Array]:
    return mean_over_raters(tables, accuracy)


def _gap(tables: Tables, minus: Tables) -> Callable[[Array], Array]:
    ours, theirs = _of(tables), _of(minus)
    return lambda counts: ours(counts) - theirs(counts)


def _row(board: Board, tables: Tables, dimension: str, interval: Interval) -> dict[str, Any]:
    total = np.sum(tables, axis=0)  # (P, 5): over targets
    return {
        "against": board.against,
        "dimension": dimension,
        "split": "test",
        "value": interval.value,
        "low": interval.low,
        "high": interval.high,
        # pairs with an untied target: against the raters the mean over who is left out
        "n_pairs": round(float(total[:, UNTIED].sum()) / max(1, sum(t.any() for t in tables))),
        "n_prompts": int((total[:, UNTIED] > 0).sum()),
    }


def accuracy_rows(board: Board, seed: int) -> list[dict[str, Any]]:
    """One row per arm and dimension, and chance, which is one half by definition."""
    rows = []
    for (arm, dimension), tables in board.tables.items():
        interval = weighted_bootstrap(board.n_prompts, _of(tables), RESAMPLES, seed)
        rows.append({"arm": arm, **_row(board, tables, dimension, interval)})
    half = Interval(value=0.5, low=None, high=None)  # nothing was estimated
    first = next(iter(board.tables))[0]
    chance = [
        {"arm": "chance", **_row(board, tables, dimension, half)}
        for (arm, dimension), tables in board.tables.items()
        if arm == first
    ]
    return rows + chance


def difference_rows(board: Board, arm: str, minus: str, seed: int) -> list[dict[str, Any]]:
    """Paired differences of two arms: the same prompts are drawn for both."""
    rows = []
    for (name, dimension), tables in board.tables.items():
        if name != arm:
            continue
        gap = _gap(tables, board.tables[minus, dimension])
        interval = weighted_bootstrap(board.n_prompts, gap, RESAMPLES, seed)
        rows.append({"arm": arm, "minus": minus, **_row(board, tables, dimension, interval)})
    return rows
