"""The pairs that a reward model gets most wrong, for a person to look at.

An accuracy says how often a model is wrong; only the clips show how. Of the pairs that the target
decides and on which the reward says the contrary, those come first on which both are surest: the
audit's worst disagreements (:mod:`pipeline.audit.disagreements`), with the model in the judge's place.
They are examples, chosen for being extreme; how often the model is wrong stands beside them.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from pipeline.audit.disagreements import Disagreement, Known, worst_disagreements
from pipeline.audit.pair_panel import PairPanel
from pipeline.audit.statistics.bootstrap import Array
from pipeline.audit.statistics.pairs import signs
from pipeline.formats.choice import Pair
from pipeline.videorm.evaluation.accuracy import Board, Held, Scores
from pipeline.videorm.evaluation.baselines import PER_FRAME
from pipeline.videorm.evaluation.calibration import win_probability
from pipeline.videorm.evaluation.targets import ANNOTATOR
from schemas import Preference

MOST = 12  # pairs of one target and dimension

Margins = Mapping[Pair, float]  # by the two sorted video ids, for the lower of them
Temperatures = Mapping[tuple[str, str], float | None]  # by (against, dimension)


def worst_rows(
    board: Board,
    arm: str,
    scores: Mapping[str, Scores],
    margins: Mapping[str, Margins],
    temperatures: Temperatures,
) -> list[dict[str, Any]]:
    """A row per dimension: how often ``arm`` is wrong, and at most ``MOST`` of those pairs.

    ``scores`` by dimension and scorer, ``margins`` of the annotator by dimension. Held against the
    target of all raters together, as one pair has one right answer only that way. ``n_pairs`` are
    those that the target decides, of ``n_prompts``; ``n_wrong`` and ``n_tied`` those on which the model
    says the contrary, and nothing. ``temperature`` is what a probability was divided by, None: by none.
    """
    return [
        _row(board, d, held, arm, scores[d][arm], margins.get(d, {}), temperatures)
        for d, held in board.held.items()
    ]


def annotator_margins(preferences: Iterable[Preference], dimension: str) -> dict[Pair, float]:
    """The annotator's margin of every pair, 0 where its label is a tie."""
    return {
        (min(r.video_a, r.video_b), max(r.video_a, r.video_b)): (
            _signed(r) if r.video_a < r.video_b else -_signed(r)
        )
        for r in preferences
        if r.dimension == dimension
    }


def _signed(row: Preference) -> float:
    """The margin in the direction of the label, which is what a model learns."""
    size = abs(row.margin)
    return {"a": size, "b": -size, "tie": 0.0}[row.label]


def _row(
    board: Board,
    dimension: str,
    held: Held,
    arm: str,
    scores: Mapping[str, float],
    margins: Margins,
    temperatures: Temperatures,
) -> dict[str, Any]:
    panel = _panel(held, board.against, margins)
    made, right = held.made[arm][:, 0], signs(panel.target)
    decided, said = right != 0, signs(held.made[arm][:, 0])
    temperature = temperatures.get((board.against, dimension))
    worst = worst_disagreements(panel.judged(made), arm, dimension, MOST, Known(scores=scores))
    control = _control(held, arm)
    return {
        "arm": arm,
        "against": board.against,
        "dimension": dimension,
        "split": board.split,
        "temperature": temperature,
        "n_pairs": int(decided.sum()),
        "n_prompts": len(np.unique(panel.prompts[decided])),
        "n_wrong": int((said * right < 0).sum()),
        "n_tied": int((decided & (said == 0)).sum()),
        "pairs": [_pair(one, board.against, temperature, control) for one in worst],
    }


def _panel(held: Held, against: str, margins: Margins) -> PairPanel:
    """The pairs with their margins as targets: of the annotator's labels the board has the side alone."""
    if against != ANNOTATOR or not margins:
        return held.panel
    target = held.panel.differences({}, margins)
    return dataclasses.replace(held.panel, target=target, human=target[:, None])


def _control(held: Held, arm: str) -> dict[Pair, float]:
    """What the per-frame control makes of each pair; empty where there is none beside the model."""
    if arm == PER_FRAME or PER_FRAME not in held.made:
        return {}
    made: Array = held.made[PER_FRAME][:, 0]
    return dict(zip(held.panel.pairs, made.tolist(), strict=True))


def _pair(
    one: Disagreement, against: str, temperature: float | None, control: Mapping[Pair, float]
) -> dict[str, Any]:
    """One pair; ``a`` is the clip that the target prefers, ``probability`` the model's that it wins."""
    ours = one.judge_margin
    pair = (one.a.video_id, one.b.video_id)
    theirs = control.get(pair, -control[pair[::-1]] if pair[::-1] in control else None)
    return {
        "prompt_id": one.prompt_id,
        **{
            name: {"video_id": side.video_id, "generator": side.generator, "reward": side.score}
            for name, side in (("a", one.a), ("b", one.b))
        },
        "difference": ours,
        "probability": float(win_probability(ours, temperature or 1.0)),
        "margin": one.human_margin,
        "n_raters": len(one.said) if against != ANNOTATOR else None,
        "said": dict(one.said) if against != ANNOTATOR else {},
        "model_sureness": one.judge_sureness,
        "target_sureness": one.human_sureness,
        "control_difference": theirs,
        "control": None if theirs is None else _word(theirs),
    }


def _word(difference: float) -> str:
    return "right" if difference > 0 else "wrong" if difference < 0 else "tie"
