"""Accuracy on all pairs: better, worse or tie, small differences of rewards read as ties.

How small is fitted on the validation prompts, frozen, and reported on the test prompts; for a model
trained with ties its own threshold stands beside. A pair is right where scorer and target say the
same of the three.

Sources: Deutsch, Foster and Freitag 2023, arXiv:2305.14324 (acc_eq and tie calibration, here on
other prompts than those of the report); Rao and Kupper 1967, JASA 62:194-204 (the threshold).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.audit.measures.ties import fit_tie_threshold, with_threshold
from pipeline.audit.statistics import pairs
from pipeline.audit.statistics.bootstrap import Array
from pipeline.videorm.evaluation.accuracy import (
    CHANCE,
    Board,
    Held,
    intervals,
    of_tables,
    pooled,
    row,
)

ALL_TIE = "all_tie"
VALIDATION, LOG_K = "validation", "log_k"

LogK = Mapping[str, Mapping[str, float]]  # arm -> dimension -> log k, in units of the reward
Thresholds = Mapping[str, Mapping[str, float]]  # dimension -> rater left out -> threshold


def three_way_rows(
    board: Board, validation: Board | None, log_k: LogK, seed: int
) -> list[dict[str, Any]]:
    """A row per scorer, dimension and where its threshold is from.

    ``threshold_from`` validation: fitted there, for raters and annotator as for models; none of these
    rows without ``validation``. log_k: the model's own, below which neither clip wins with a
    probability over one half. Beside them ``all_tie``, which calls every pair a tie, and ``chance``:
    guessing, with every pair a tie where more than a third of the validation pairs are. ``threshold``
    is the mean over raters left out, None for several dimensions together.
    """
    cases = [
        (scorer, source, d, tables, threshold)
        for scorer, source, found in _thresholds(board, validation, log_k)
        for d, tables, threshold in _tables(board, scorer, found)
    ]
    same = [of_tables(tables, pairs.agreement_with_ties) for *_, tables, _ in cases]
    zeros = {d: _pooled_zeros(board, d) for d in board.dimensions}
    ties = [of_tables(t, pairs.target_tie_share) for t in zeros.values()]
    guess = [of_tables(t, _chance(validation, d)) for d, t in zeros.items()] if validation else []
    found = intervals(board.n_prompts, [*same, *ties, *guess], seed)
    named = [
        *cases,
        *((ALL_TIE, None, d, t, None) for d, t in zeros.items()),
        *((CHANCE, VALIDATION, d, t, None) for d, t in zeros.items() if validation),
    ]
    return [
        {"arm": name, "ties": "three_way", "threshold": threshold, "threshold_from": source}
        | row(board, tables, d, interval, pairs.PAIRS)
        for (name, source, d, tables, threshold), interval in zip(named, found, strict=True)
    ]


def _thresholds(
    board: Board, validation: Board | None, log_k: LogK
) -> list[tuple[str, str, Thresholds]]:
    """(scorer, where from, thresholds) of every scorer."""
    found: list[tuple[str, str, Thresholds]] = []
    for scorer in board.scorers:
        if validation is not None and set(board.held) <= set(validation.held):
            fitted = {d: _fitted(validation.held[d], scorer) for d in board.held}
            found.append((scorer, VALIDATION, fitted))
        own = log_k.get(scorer, {})
        if set(board.held) <= set(own):
            raters = {d: held.panel.raters for d, held in board.held.items()}
            found.append((scorer, LOG_K, {d: dict.fromkeys(r, own[d]) for d, r in raters.items()}))
    return found


def _fitted(held: Held, scorer: str) -> dict[str, float]:
    """The best threshold against all but one, for every rater left out; NaN without pairs."""
    others = held.panel.others
    own = np.broadcast_to(held.made[scorer], others.shape)
    return {
        rater: fit_tie_threshold(x, y).threshold
        for rater, x, y in zip(held.panel.raters, own.T, others.T, strict=True)
    }


def _tables(
    board: Board, scorer: str, thresholds: Thresholds
) -> list[tuple[str, dict[str, Array], float | None]]:
    """(dimension, tables, mean threshold), pairs within the threshold tied; then all together."""
    parts = {
        d: held.tables_of(_tied(held, scorer, thresholds[d]), board.n_prompts)
        for d, held in board.held.items()
    }
    means = {d: _mean(list(thresholds[d].values())) for d in parts}
    one = [(d, tables, means[d]) for d, tables in parts.items()]
    return [*one, (board.dimensions[-1], pooled(parts.values()), None)]


def _tied(held: Held, scorer: str, thresholds: Mapping[str, float]) -> Array:
    """Differences (M, R), NaN against a target that had no pairs to fit a threshold on."""
    own = np.broadcast_to(held.made[scorer], held.panel.others.shape)
    columns = []
    for rater, x in zip(held.panel.raters, own.T, strict=True):
        threshold = thresholds.get(rater, float("nan"))
        columns.append(
            np.full(len(x), np.nan) if np.isnan(threshold) else with_threshold(x, threshold)
        )
    return np.stack(columns, axis=1)


def _mean(values: Sequence[float]) -> float | None:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else None


def _pooled_zeros(board: Board, dimension: str) -> dict[str, Array]:
    names = board.held if dimension == board.dimensions[-1] else (dimension,)
    return pooled(
        board.held[d].tables_of(np.zeros((board.held[d].panel.n_pairs, 1)), board.n_prompts)
        for d in names
    )


def _chance(validation: Board, dimension: str) -> Any:
    """What guessing with the better of no ties and nothing but ties comes to (see
    :func:`pipeline.audit.measures.ties.tie_baselines`)."""
    if dimension not in validation.dimensions:
        return _half_of_untied
    tables = _pooled_zeros(validation, dimension)
    share = of_tables(tables, pairs.target_tie_share)(np.ones((1, validation.n_prompts)))[0]
    return pairs.target_tie_share if share > 1 / 3 else _half_of_untied


def _half_of_untied(sums: Array) -> Array:
    return np.asarray((1 - pairs.target_tie_share(sums)) / 2)
