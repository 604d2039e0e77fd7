"""Train VideoRM and its control on a run's preferences, and say how good they are."""

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.videorm.data.corpus import check_trainable, load_groups
from pipeline.videorm.evaluation.evaluate import report
from pipeline.videorm.model.config import FILES
from pipeline.videorm.options import VideoRMOptions
from pipeline.videorm.training.process import ArmResult, Progress, train_side_by_side

DESCRIPTIONS = {
    "videorm": "CLIP towers with temporal shift, temporal transformer over frames, one head per "
    "dimension",
    "shift": "the shift alone: the head sees every frame by itself",
    "transformer": "the head over frames alone: no shift",
    "per_frame": "the same network and number of parameters, every frame seen by itself: no shift, "
    "attention between frames masked to the frame itself, the mean position for every frame",
}


def train_and_validate(
    data: Path,
    output: Path,
    options: VideoRMOptions,
    progress: Progress | None = None,
    answers: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """Train every arm on the train split, choose by validation, measure on the test split.

    ``data`` is a run's folder or the dataset it publishes; ``answers`` names the raters'
    dimensions that answer for ours. Writes config.json, model.safetensors and tokenizer.json of
    the first arm to ``output``, those of the others to ``output/ARM``, and last metrics.json,
    whose content is returned. ``progress`` gets rows with arm, epoch, step, steps (how many there
    will be) and train_loss. Raises SetupError where the preferences do not suffice.
    """
    corpus = load_groups(
        data, options.frames, _image_size(options), dimensions=options.dimensions, fit=options.fit
    )
    check_trainable(corpus)
    _clear(output)
    with tempfile.TemporaryDirectory(prefix="videorm-") as job:
        results = train_side_by_side(corpus, options, Path(job), progress)
        for arm, result in results.items():
            _keep(result, output if arm == options.arms[0] else output / arm)
    sizes = {result.parameters for result in results.values()}
    if len(sizes) != 1:
        raise AssertionError(f"arms of unequal size, so not comparable: {sizes}")
    metrics = {
        "seed": options.seed,
        "dimensions": list(corpus.dimensions),
        "answers": {ours: list(theirs) for ours, theirs in (answers or {}).items()},
        "arms": {arm: _describe(arm, result) for arm, result in results.items()},
        "curve": [row for result in results.values() for row in result.curve],
        **report(
            corpus,
            data,
            {arm: result.rewards for arm, result in results.items()},
            answers or {},
            options.seed,
        ),
    }
    text = json.dumps(metrics, indent=1, allow_nan=False)
    (output / "metrics.json").write_text(text + "\n")
    return metrics


def _image_size(options: VideoRMOptions) -> int:
    if options.trunk is None:
        return options.towers.image_size
    from pipeline.videorm.model.towers import (
        image_size_of,  # opens torch, so only where towers are loaded
    )

    return image_size_of(options.trunk)


def _clear(output: Path) -> None:
    """Remove what an earlier training left, so that no two trainings are ever mixed."""
    for folder in (output, *(output / arm for arm in DESCRIPTIONS)):
        for name in (*FILES, "metrics.json"):
            (folder / name).unlink(missing_ok=True)


def _describe(arm: str, result: ArmResult) -> dict[str, Any]:
    return {
        "parameters": result.parameters,
        "description": DESCRIPTIONS[arm],
        "selected_epoch": result.selected_epoch,
        "log_k": result.log_k,
    }


def _keep(result: ArmResult, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(result.folder / name, folder / name)
