"""Scores of many clips by the model, its arms and the baselines, in one pass over the frames."""

import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from annotators.embedding.pictures import Unmeasured
from pipeline.videorm.evaluation.baselines import (
    Scorer,
    Shown,
    named_scorer,
    rewards_by,
    shifted_control,
    trunk_scorer,
)
from pipeline.videorm.model.config import read_config
from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.options import ARMS
from pipeline.videorm.score import load_model
from schemas.options import SetupError

BATCH_CLIPS = 8
Progress = Callable[[int, int], None]  # clips done, clips failed


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Rewards by scorer, video_id and dimension; why a clip has none by video_id."""

    rewards: dict[str, dict[str, list[float]]]
    failures: dict[str, str]


def load_arms(folder: Path, device: str = "auto") -> dict[str, VideoRM]:
    """The model of a folder under the name of its arm, first, and the arms that lie beside it."""
    first = read_config(folder).arm
    beside = [arm for arm in ARMS if arm != first and (folder / arm / "config.json").is_file()]
    return {first: load_model(folder, device)} | {
        arm: load_model(folder / arm, device) for arm in beside
    }


def known_of(folder: Path) -> dict[str, Any]:
    """metrics.json of the model's training; empty where there is none."""
    path = folder / "metrics.json"
    known: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return known


def log_k_of(
    models: Mapping[str, VideoRM], known: Mapping[str, Any]
) -> dict[str, dict[str, float]]:
    """Tie thresholds of the arms by dimension, of those that were trained with ties."""
    told = {arm: known.get("arms", {}).get(arm, {}).get("log_k") or {} for arm in models}
    found = {arm: dict(model.config.log_k) or told[arm] for arm, model in models.items()}
    return {arm: by for arm, by in found.items() if by}


def beside(
    models: Mapping[str, VideoRM], named: Sequence[str] = (), device: str = "auto"
) -> tuple[list[Scorer], list[str]]:
    """The baselines: of the first model's trunk, the shifted control, and those asked for by name.

    Notes say why one of the model's own is not there; SetupError for one that was asked for.
    """
    first = next(iter(models.values()))
    notes: list[str] = []
    own: list[Scorer | None] = [shifted_control(models)]
    try:
        own.append(trunk_scorer(first))
    except SetupError as error:
        notes.append(f"no baseline of the trunk: {error}")
    asked = [named_scorer(given, first, device) for given in named]
    return [one for one in own if one is not None] + asked, notes


def score_clips_by(
    scorers: Sequence[Scorer], clips: Iterable[Shown], progress: Progress | None = None
) -> Scored:
    """Every scorer on every clip. A clip with a frame that is no picture, or for which a scorer gives
    no finite number, is a failure and has no score of anybody: all scorers meet the same clips."""
    scored, n = Scored(rewards={}, failures={}), 0
    for batch in _batches(clips):
        for clip, rows in _of_batch(scorers, batch, scored.failures):
            for name, row in rows.items():
                scored.rewards.setdefault(name, {})[clip.video_id] = list(row)
        n += len(batch)
        if progress:
            progress(n - len(scored.failures), len(scored.failures))
    return scored


def _batches(clips: Iterable[Shown]) -> Iterator[list[Shown]]:
    batch: list[Shown] = []
    for clip in clips:
        batch.append(clip)
        if len(batch) == BATCH_CLIPS:
            yield batch
            batch = []
    if batch:
        yield batch


def _of_batch(
    scorers: Sequence[Scorer], batch: Sequence[Shown], failures: dict[str, str]
) -> Iterator[tuple[Shown, dict[str, Sequence[float]]]]:
    try:
        found = {name: rows for scorer in scorers for name, rows in scorer(batch).items()}
    except (OSError, Unmeasured) as error:
        if len(batch) == 1:
            failures[batch[0].video_id] = str(error)
            return
        for clip in batch:
            yield from _of_batch(scorers, [clip], failures)
        return
    for i, clip in enumerate(batch):
        rows = {name: values[i] for name, values in found.items()}
        wrong = [name for name, row in rows.items() if not all(map(math.isfinite, row))]
        if wrong:
            failures[clip.video_id] = f"{', '.join(wrong)} gave no finite number"
        else:
            yield clip, rows


def arm_scorers(models: Mapping[str, VideoRM]) -> list[Scorer]:
    """The rewards of each arm."""
    return [rewards_by(model, arm) for arm, model in models.items()]
