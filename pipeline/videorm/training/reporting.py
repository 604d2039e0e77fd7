"""What a training says while it runs: rows for a display and points on curves."""

import time
from collections.abc import Callable
from typing import Any

from pipeline.videorm.training.checkpoint import State
from pipeline.videorm.training.tracking import Tracker

Progress = Callable[[dict[str, Any]], None]
EVERY = 10  # steps
SECONDS = 5.0  # or as often, where steps are slow


def counting(progress: Progress, place: dict[str, Any]) -> Callable[[int, int], None]:
    """Rows of clips done, of how many: ``place`` says of what; with ``clips_per_s`` and ``seconds_left``
    at the mean pace since now."""
    began = time.monotonic()

    def tell(done: int, of: int) -> None:
        pace = done / max(time.monotonic() - began, 1e-9)
        left = (of - done) / pace if pace else None
        progress({**place, "step": done, "steps": of, "clips_per_s": pace, "seconds_left": left})

    return tell


class Reporter:
    """Tells of one arm's training. Process 0 alone has one that speaks."""

    def __init__(
        self, arm: str, steps: int, state: State, progress: Progress | None, speaks: bool
    ) -> None:
        self.arm, self.steps, self.state = arm, steps, state
        self.progress = progress if speaks else None
        self.trackers: list[Tracker] = []
        self.began, self.began_at = time.monotonic(), state.step
        self.prompts = 0  # since then
        self.spoke = self.began

    def note(self, text: str) -> None:
        """A sentence for the person who waits."""
        self._tell({"note": text})

    def due(self, epoch_ends: bool) -> bool:
        """Whether a row is to be told after this step."""
        slow = time.monotonic() - self.spoke >= SECONDS
        return epoch_ends or slow or self.state.step % EVERY == 0

    def row(self, epoch: int) -> dict[str, Any]:
        """The epoch so far: ``train_loss`` in the loss's unit, ``train_accuracy`` on untied pairs,
        ``prompts_per_s`` and ``seconds_left`` at the mean pace since this process began."""
        total, right, untied, prompts = self.state.sums
        seconds = time.monotonic() - self.began
        pace = seconds / max(1, self.state.step - self.began_at)
        row: dict[str, Any] = {"epoch": epoch, "train_loss": total / prompts}
        if untied:
            row["train_accuracy"] = right / untied
        row["prompts_per_s"] = self.prompts / max(seconds, 1e-9)
        row["seconds_left"] = pace * (self.steps - self.state.step)
        return row

    def tell(self, epoch: int) -> None:
        """A row of the training."""
        self.spoke = time.monotonic()
        if self.progress:
            self._tell(self.row(epoch))

    def track(self, values: dict[str, float]) -> None:
        """A point on each curve."""
        for tracker in self.trackers:
            tracker.log(self.state.step, values)

    def flush(self) -> None:
        """Curves to disk."""
        for tracker in self.trackers:
            tracker.flush()

    def close(self) -> None:
        """The end of the curves."""
        for tracker in self.trackers:
            tracker.close()

    def _tell(self, row: dict[str, Any]) -> None:
        if self.progress:
            place = {"arm": self.arm, "stage": "train", "step": self.state.step}
            self.progress({**place, "steps": self.steps, **row})
