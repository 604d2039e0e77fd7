"""Weights of annotators from what people said, never from what people said of the same prompt.

An annotator that orders a share p of pairs as people do weighs log(p / (1 - p)): for independent
judges, that weighted majority is right most often. Sources: Nitzan and Paroush 1982, Optimal Decision
Rules in Uncertain Dichotomous Choice Situations, International Economic Review 23(2); Shapley and
Grofman 1984, Optimizing Group Judgmental Accuracy in the Presence of Interdependencies, Public Choice
43(3). Deviations: the weights average scores, not votes; whoever does not beat chance weighs nothing
rather than less than nothing; that judges err alike is not reckoned with.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pipeline.audit.panel import Panel, human_panel
from pipeline.audit.statistics import pairs
from pipeline.audit.statistics.bootstrap import Array
from pipeline.preference.fitted import fold_of
from schemas import HumanRating
from schemas.options import SetupError

Means = Mapping[str, Mapping[str, float]]  # annotator -> clip -> score
Weights = dict[tuple[int, str], dict[str, float]]


def human_weights(
    dimension: str, means: Means, people: Sequence[HumanRating], theirs: Sequence[str], folds: int
) -> tuple[Weights, list[str]]:
    """Weights of each fold on one dimension, and notes.

    ``theirs`` are the human dimensions that answer for ours, several averaged per rater; the target
    is the mean of all raters of a clip. Pairs are two clips of one prompt that people do not tie. The
    weights of a fold come from the pairs of all other folds: those of a prompt never saw its ratings.
    A fold in which nobody beats chance has no weights. Raises :class:`SetupError` without a rating.
    """
    panel = human_panel(people, theirs)
    if not panel.videos:
        raise SetupError(
            f"consensus.method: human_weights: nobody rated {' and '.join(theirs)}, which answers for "
            f"{dimension}; add ratings of it to audit.ratings, or say in audit.dimensions which human "
            "dimension answers"
        )
    prompt_of = {rating.video_id: rating.prompt_id for rating in people}
    fold = np.asarray([fold_of(prompt_of[video], folds) for video in panel.videos], dtype=np.intp)
    tables = {name: _by_fold(panel, scores, fold, folds) for name, scores in means.items()}
    weights: Weights = {}
    for k in range(folds):
        others = np.arange(folds) != k
        odds = {name: log_odds(table[others].sum(axis=0)) for name, table in tables.items()}
        positive = {name: value for name, value in odds.items() if value > 0}
        if positive:
            total = math.fsum(positive.values())
            weights[k, dimension] = {name: value / total for name, value in positive.items()}
    return weights, _notes(dimension, tables, weights, folds)


def _by_fold(
    panel: Panel, scores: Mapping[str, float], fold: npt.NDArray[np.intp], folds: int
) -> Array:
    """Sums (folds, 5) of pair tables (``pairs.pair_table``); clips without a score left out."""
    judge = np.asarray([scores.get(video, np.nan) for video in panel.videos])
    first, second = pairs.within_prompt_pairs(panel.prompts)
    target = panel.target
    own, theirs = judge[first] - judge[second], target[first] - target[second]
    return pairs.pair_table(own, theirs, fold[first], folds)


def log_odds(sums: Array) -> float:
    """Log odds of ordering a pair as people do, from sums (5,) of a pair table; 0 without pairs.

    Accuracy with Laplace's rule of succession, (right + ties / 2 + 1) / (untied + 2), so that a few
    lucky pairs do not weigh without bound.
    """
    right = sums[pairs.CORRECT] + sums[pairs.JUDGE_TIES] / 2
    wrong = sums[pairs.UNTIED] - right
    return math.log((right + 1) / (wrong + 1))


def _notes(dimension: str, tables: Mapping[str, Array], weights: Weights, folds: int) -> list[str]:
    shares = [weights[k, dimension] for k in range(folds) if (k, dimension) in weights]
    notes = []
    for name, table in tables.items():
        own = [share.get(name, 0.0) for share in shares]
        if own:
            notes.append(
                f"human_weights on {dimension}: {name} weighs {min(own):.3f} to {max(own):.3f} over "
                f"{len(own)} folds ({int(table[:, pairs.UNTIED].sum())} pairs that people do not tie)"
            )
    without = [str(k) for k in range(folds) if (k, dimension) not in weights]
    if without:
        notes.append(
            f"human_weights on {dimension}: no annotator beats chance on the pairs outside of fold "
            f"{', '.join(without)} of {folds}, so the prompts of it have no consensus"
        )
    return notes
