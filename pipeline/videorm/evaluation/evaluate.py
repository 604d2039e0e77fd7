"""How good rewards are on the prompts that were held out: the rows of metrics.json."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.audit.panel import human_panel
from pipeline.videorm.data.groups import Corpus, Group
from pipeline.videorm.data.tables import read_ratings, read_rows, read_votes
from pipeline.videorm.evaluation.accuracy import (
    CEILING,
    ENOUGH_PROMPTS,
    Board,
    Rewards,
    accuracy_rows,
    difference_rows,
    make_board,
)
from pipeline.videorm.evaluation.best_of_n import Gold, best_of_n_rows, by_prompt, mean_overall
from pipeline.videorm.evaluation.calibration import calibration_rows
from pipeline.videorm.evaluation.slices import slice_rows
from pipeline.videorm.evaluation.targets import (
    ANNOTATOR,
    RATERS,
    Answers,
    Said,
    annotator_choices,
    annotator_scores,
    panels,
)
from pipeline.videorm.evaluation.three_way import LogK, three_way_rows
from pipeline.videorm.evaluation.worst_pairs import annotator_margins, worst_rows
from schemas import OVERALL, SPLITS, Preference
from schemas.layout import Layout

TEST, VALIDATION = "test", "validation"
COVERED = 0.9  # of what people judged, from which on the annotator is held against them
Weights = Mapping[str, Mapping[str, float]]  # arm -> dimension -> weight in `overall`


def report(
    corpus: Corpus,
    folders: Sequence[Path],
    rewards: Rewards,
    answers: Answers,
    seed: int,
    *,
    extra: Rewards | None = None,
    log_k: LogK | None = None,
    overall: Weights | None = None,
    held_out_generators: Collection[str] = (),
    split: str = TEST,
) -> dict[str, list[Any]]:
    """``accuracy``, ``differences``, ``three_way``, ``slices``, ``best_of_n``, ``calibration`` and
    ``worst_pairs``.

    ``rewards`` of each arm by video_id, in the order of the corpus' dimensions, over the clips of
    the validation and the test split; ``extra`` of other scorers likewise, such as those of
    :mod:`pipeline.videorm.evaluation.baselines`. ``answers`` names the people's dimensions that answer
    for ours; ``log_k`` the tie thresholds of the arms by dimension, ``overall`` their weights.
    ``held_out_generators``: no clip of theirs was trained on. ``differences``: the first arm minus each
    other scorer, the annotator and one rater of several among them; ``worst_pairs``: of the first arm.
    ``notes`` says what could not be measured.
    """
    extra, log_k = extra or {}, log_k or {}
    said = read_said(folders, corpus.dimensions)
    scorers: Rewards = {**rewards, **extra}
    found = boards(said, corpus, scorers, answers, split)
    before: dict[str, Board] = {}
    if split != VALIDATION:  # fitted and measured on the same prompts would be too good
        before = {b.against: b for b in boards(said, corpus, scorers, answers, VALIDATION)}
    first, *others = scorers
    notes = [] if before else ["no other prompts to fit a threshold or a temperature on: none is"]
    few = len(corpus.groups.get(split, ()))
    if few < ENOUGH_PROMPTS:
        notes.append(f"{few} prompts in the {split} split: intervals over so few are too narrow")
    notes += [
        f"the annotator judged too few of the pairs of the {b.against} to be held against them"
        for b in found
        if b.against != ANNOTATOR and ANNOTATOR not in b.scorers
    ]
    calibration = [
        row
        for b in found
        for row in calibration_rows(b, before.get(b.against), tuple(rewards), log_k, seed)
    ]
    return {
        "accuracy": [row for b in found for row in accuracy_rows(b, seed)],
        "differences": [
            row
            for b in found
            for row in difference_rows(b, first, [*others, *_references(b)], seed)
        ],
        "three_way": [
            row for b in found for row in three_way_rows(b, before.get(b.against), log_k, seed)
        ],
        "slices": [row for b in found for row in slice_rows(b, seed, held_out_generators)],
        "best_of_n": picked(said, corpus, scorers, answers, overall or {}, split, seed),
        "calibration": calibration,
        "worst_pairs": _worst(said, corpus, first, rewards, found, calibration),
        "notes": notes,
    }


def _references(board: Board) -> list[str]:
    """Who is no model and yet held against the same target."""
    return [name for name in (ANNOTATOR, CEILING) if name in board.scorers]


def _worst(
    said: Said,
    corpus: Corpus,
    arm: str,
    rewards: Rewards,
    found: Sequence[Board],
    calibration: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """What the arm gets most wrong of each board, its probabilities after the board's temperatures."""
    scores = {d: _scores(corpus, {arm: rewards[arm]}, d) for d in corpus.dimensions}
    margins = {d: annotator_margins(said.preferences, d) for d in corpus.dimensions}
    own = [row for row in calibration if row["arm"] == arm]
    temperatures = {(row["against"], row["dimension"]): row["temperature"] for row in own}
    return [row for b in found for row in worst_rows(b, arm, scores, margins, temperatures)]


def read_said(folders: Sequence[Path], dimensions: Sequence[str]) -> Said:
    """What annotator and people said in all of the folders, of every split."""
    return Said(
        preferences=[
            row
            for folder in folders
            for split in SPLITS
            for row in read_rows(Layout(folder).table("preferences", split), Preference)
            if row.dimension in dimensions
        ],
        ratings=[row for folder in folders for row in read_ratings(folder)],
        votes=[row for folder in folders for row in read_votes(folder)],
    )


def boards(
    said: Said, corpus: Corpus, rewards: Rewards, answers: Answers, split: str
) -> list[Board]:
    """Every scorer against the annotator and against people, where they said something.

    Against people the annotator is a scorer, too, where it judged ``COVERED`` of their pairs in every
    dimension: a pair that one scorer lacks counts for nobody.
    """
    prompts = [g.prompt_id for g in corpus.groups.get(split, ())]
    said = said.of(prompts)
    found = []
    for who, by_dimension in panels(said, corpus.dimensions, answers).items():
        scores = {d: _scores(corpus, rewards, d) for d in by_dimension}
        own = {d: annotator_scores(said.preferences, d) for d in by_dimension}
        choices = {d: annotator_choices(said.preferences, d) for d in by_dimension}
        judged = [panel.differences(own[d], choices[d]) for d, panel in by_dimension.items()]
        if who != ANNOTATOR and all(np.isfinite(x).mean() >= COVERED for x in judged):
            scores = {d: by | {ANNOTATOR: own[d]} for d, by in scores.items()}
        compared = {d: {ANNOTATOR: by} for d, by in choices.items()}
        found.append(make_board(who, split, prompts, by_dimension, scores, compared))
    return [board for board in found if board is not None]


def _scores(corpus: Corpus, rewards: Rewards, dimension: str) -> dict[str, dict[str, float]]:
    k = corpus.dimensions.index(dimension)
    return {name: {v: float(r[k]) for v, r in by.items()} for name, by in rewards.items()}


def picked(
    said: Said,
    corpus: Corpus,
    rewards: Rewards,
    answers: Answers,
    overall: Weights,
    split: str,
    seed: int,
) -> list[dict[str, Any]]:
    """Best-of-n by each scorer, per dimension and overall, in points of the raters' mean.

    Where fewer than all dimensions are rated the quality is the annotator's score.
    """
    groups = corpus.groups.get(split, ())
    clips = by_prompt((g.prompt_id, _videos(corpus, g)) for g in groups)
    said = said.of(clips)
    name, parts = _gold(said, corpus.dimensions, answers)
    rows = []
    for d, quality in [*parts.items(), *_overall_gold(parts)]:
        scores = _overall(corpus, rewards, overall) if d == OVERALL else _scores(corpus, rewards, d)
        if name == RATERS:
            own = [annotator_scores(said.preferences, one) for one in parts]
            theirs = mean_overall(own, [1.0] * len(own)) if d == OVERALL else own[[*parts].index(d)]
            covered = len(theirs.keys() & quality.keys()) >= COVERED * len(quality)
            scores |= {ANNOTATOR: theirs} if covered else {}
        rows += best_of_n_rows(
            clips, Gold(name=name, dimension=d, split=split, quality=quality), scores, seed
        )
    return rows


def _videos(corpus: Corpus, group: Group) -> list[str]:
    return [corpus.clips.video_ids[row] for row in group.rows]


def _gold(
    said: Said, dimensions: Sequence[str], answers: Answers
) -> tuple[str, dict[str, dict[str, float]]]:
    rated = {d: _mean_rating(said, answers.get(d, (d,))) for d in dimensions}
    if all(rated.values()):
        return RATERS, rated
    return ANNOTATOR, {d: annotator_scores(said.preferences, d) for d in dimensions}


def _mean_rating(said: Said, theirs: Sequence[str]) -> dict[str, float]:
    panel = human_panel(said.ratings, theirs)
    return dict(zip(panel.videos, panel.target.tolist(), strict=True)) if panel.videos else {}


def _overall_gold(parts: Mapping[str, dict[str, float]]) -> list[tuple[str, dict[str, float]]]:
    """Overall, where there is more than one dimension to take the mean of."""
    if len(parts) < 2 or OVERALL in parts:
        return []
    return [(OVERALL, mean_overall(list(parts.values()), [1.0] * len(parts)))]


def _overall(corpus: Corpus, rewards: Rewards, weights: Weights) -> dict[str, dict[str, float]]:
    parts = {d: _scores(corpus, rewards, d) for d in corpus.dimensions}
    return {
        name: mean_overall(
            [parts[d][name] for d in corpus.dimensions],
            [weights.get(name, {}).get(d, 1.0) for d in corpus.dimensions],
        )
        for name in rewards
    }
