"""Curves for people to look at: TensorBoard's files, and wandb where it is installed."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from pipeline.videorm.options import VideoRMOptions
from pipeline.videorm.training.checkpoint import State
from schemas.options import SetupError

PROJECT = "videoprefer"  # on wandb, where WANDB_PROJECT names no other
Values = Mapping[str, float]


class Tracker(Protocol):
    """Takes numbers by step."""

    def log(self, step: int, values: Values) -> None:
        """Numbers by name, such as train/loss, after ``step`` steps."""

    def flush(self) -> None:
        """Put on disk what was logged: called before every checkpoint, so that nothing is missing from
        the curve of a training that goes on from it."""

    def close(self) -> None:
        """The end."""


class TensorBoard:
    """Event files under ``folder``. Later steps that an earlier process wrote are superseded."""

    def __init__(self, folder: Path, done: int) -> None:
        from tensorboardX import SummaryWriter  # type: ignore[import-untyped]  # opens matplotlib and more, where it is there

        # two starts within a second would write to one file but for the suffix
        suffix = f".{os.getpid()}.{done}"
        self._writer = SummaryWriter(str(folder), purge_step=done + 1, filename_suffix=suffix)

    def log(self, step: int, values: Values) -> None:
        """One point on each curve."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def flush(self) -> None:
        """To disk."""
        self._writer.flush()

    def close(self) -> None:
        """Flushes too."""
        self._writer.close()


class Wandb:
    """A run on wandb, of project WANDB_PROJECT or ``videoprefer``. WANDB_MODE=offline keeps it here."""

    def __init__(self, options: VideoRMOptions, arm: str, folder: Path, run_id: str) -> None:
        wandb = _wandb()
        folder.mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            id=run_id,
            resume="allow",  # a training that goes on continues its curve
            name=arm,
            dir=str(folder),
            config=options.model_dump(mode="json"),
        )

    def log(self, step: int, values: Values) -> None:
        """One point on each curve."""
        self._run.log(dict(values), step=step)

    def flush(self) -> None:
        """Nothing to do: it sends on its own."""

    def close(self) -> None:
        """Waits until all is sent."""
        self._run.finish()


def check_trackers(options: VideoRMOptions) -> None:
    """Raise :class:`SetupError` where a tracker is not installed."""
    if "wandb" in options.track:
        _wandb()


def open_trackers(
    options: VideoRMOptions, arm: str, output: Path, state: State
) -> Sequence[Tracker]:
    """What ``track`` names, for a training that has come to ``state``."""
    folder = output / "logs" / arm
    opened: list[Tracker] = []
    for name in options.track:
        if name == "tensorboard":
            opened.append(TensorBoard(folder, state.step))
        else:
            opened.append(Wandb(options, arm, folder, state.run_id))
    return opened


def _wandb() -> Any:
    try:
        import wandb  # type: ignore[import-not-found]
    except ImportError as error:
        raise SetupError(
            "videorm.track: wandb is not installed; `pip install wandb`, or leave it out of `track`"
        ) from error
    return wandb
