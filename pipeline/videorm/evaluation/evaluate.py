"""How good trained arms are on the prompts that were held out: the rows of metrics.json."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.videorm.data.corpus import load_groups, read_preferences, read_ratings
from pipeline.videorm.data.groups import Corpus
from pipeline.videorm.evaluation.accuracy import (
    Board,
    Rewards,
    accuracy_rows,
    annotator_board,
    difference_rows,
    rater_board,
)
from pipeline.videorm.options import ARMS
from schemas.options import SetupError

Answers = Mapping[str, Sequence[str]]  # our dimension -> the raters' dimensions that answer for it


def boards(corpus: Corpus, data: Path, rewards: Rewards, answers: Answers) -> list[Board]:
    """Tables of every arm against the annotator, and against the raters where there are any.

    ``rewards`` of the test split's clips by arm and video_id, in the order of the dimensions.
    """
    groups = corpus.groups["test"]
    found = [annotator_board(groups, corpus.clips.video_ids, corpus.dimensions, rewards)]
    ratings = read_ratings(data)
    if ratings:
        scores = {
            key: score
            for row in read_preferences(data)["test"]
            for key, score in (
                ((row.video_a, row.dimension), row.score_a),
                ((row.video_b, row.dimension), row.score_b),
            )
        }
        prompts = [g.prompt_id for g in groups]
        people = rater_board(ratings, prompts, corpus.dimensions, answers, rewards, scores)
        found += [people] if people else []
    return found


def report(
    corpus: Corpus, data: Path, rewards: Rewards, answers: Answers, seed: int
) -> dict[str, list[dict[str, Any]]]:
    """``accuracy`` and ``differences`` of metrics.json: the first arm minus each of the others."""
    first, *others = rewards
    found = boards(corpus, data, rewards, answers)
    return {
        "accuracy": [row for board in found for row in accuracy_rows(board, seed)],
        "differences": [
            row
            for board in found
            for other in others
            for row in difference_rows(board, first, other, seed)
        ],
    }


def evaluate(
    model_dir: Path, data: Path, *, answers: Answers | None = None, seed: int | None = None
) -> dict[str, list[dict[str, Any]]]:
    """Evaluate a trained model, and its control where it lies beside it, on a run's test split.

    ``answers`` and ``seed`` (of the resamples) default to those of the model's own metrics.json.
    Raises SetupError for a folder that holds no model, and for data without a test split or without
    the model's dimensions.
    """
    from pipeline.videorm.model.video_rm import VideoRM
    from pipeline.videorm.score import reward_table

    folders = {"videorm": model_dir} | {arm: model_dir / arm for arm in ARMS[1:]}
    models = {
        arm: VideoRM.from_pretrained(folder)
        for arm, folder in folders.items()
        if arm == "videorm" or (folder / "config.json").is_file()
    }
    config = models["videorm"].config
    corpus = load_groups(
        data,
        config.frames,
        config.image_size,
        fit=config.fit,
        dimensions=config.dimensions,
        splits=("test",),
    )
    if not corpus.groups["test"]:
        raise SetupError(f"{data}: no preferences in the test split to evaluate on")
    rewards = {arm: reward_table(m, corpus, "test") for arm, m in models.items()}
    known = _own_metrics(model_dir)
    answers = known.get("answers", {}) if answers is None else answers
    return report(corpus, data, rewards, answers, known.get("seed", 0) if seed is None else seed)


def _own_metrics(model_dir: Path) -> dict[str, Any]:
    path = model_dir / "metrics.json"
    return json.loads(path.read_text()) if path.is_file() else {}
