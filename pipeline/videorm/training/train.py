"""One arm's training from beginning to end, and from wherever an earlier process was stopped."""

import contextlib
import dataclasses
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.videorm.data.groups import Corpus
from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.options import Arm, VideoRMOptions
from pipeline.videorm.training import checkpoint
from pipeline.videorm.training.checkpoint import checkpoint_path
from pipeline.videorm.training.device import Compute, compile_blocks, compute_of
from pipeline.videorm.training.distributed import World, joined, spread, told
from pipeline.videorm.training.feed import Feed, StepBatch
from pipeline.videorm.training.fingerprint import fingerprint
from pipeline.videorm.training.inputs import Inputs, inputs_of
from pipeline.videorm.training.reporting import EVERY, Progress, Reporter
from pipeline.videorm.training.schedule import rate_at, steps_per_epoch
from pipeline.videorm.training.start import (
    begin_on_scale,
    check_shares,
    new_model,
    state_at,
    teaching,
)
from pipeline.videorm.training.tracking import check_trackers, open_trackers
from pipeline.videorm.training.trainer import Trainer
from pipeline.videorm.training.validation import overall_weights, rewards_of, validate

__all__ = ["Trained", "rewards_of", "train_arm"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A trained arm. ``curve``: one row per epoch; ``epoch``: the one whose weights are kept."""

    model: VideoRM  # on the device it was trained on
    epoch: int
    log_k: tuple[float, ...]  # by dimension; zeros where the loss knows no ties
    curve: tuple[dict[str, Any], ...]
    inputs: Inputs  # what it read, for rewards of the same clips
    compute: Compute
    notes: tuple[str, ...]


def train_arm(
    corpus: Corpus,
    options: VideoRMOptions,
    arm: Arm,
    output: Path,
    progress: Progress | None = None,
) -> Trained:
    """Train one arm; weights of the epoch with the lowest validation log-loss, else the last.

    Goes on from ``output/checkpoints`` where a training of the same data and options stands there,
    and ends with the very weights that it would have had uninterrupted (on a CPU to the bit); a
    training of others is begun anew. Curves go to ``output/logs``, what frozen parts made to
    ``output/features``. The finished training's checkpoint stays, so that asking again costs nothing.

    Deterministic on a CPU for one number of threads: the order, the augmentation and the initial
    weights come from ``options.seed`` alone, and are the same for every arm. Under ``torchrun`` every
    process calls this, and each takes its share of every batch. ``progress`` gets rows with arm, stage
    (encode or train), step, steps and, in training, epoch, train_loss, train_accuracy, prompts_per_s
    and seconds_left, or a note. Raises SetupError for what is wrong before the first step,
    FloatingPointError for a loss that is no number.
    """
    check_trackers(options)
    with joined(options.device) as world:
        training = _Training(corpus, options, arm, output, world, progress)
        training.run()
        return training.result()


class _Training:
    """The loop over steps and epochs, and its checkpoints."""

    def __init__(
        self,
        corpus: Corpus,
        options: VideoRMOptions,
        arm: Arm,
        output: Path,
        world: World,
        progress: Progress | None,
    ) -> None:
        self.corpus, self.options, self.output, self.world = corpus, options, output, world
        self.compute = compute_of(options, world)
        check_shares(options, world)
        model = new_model(corpus, options, arm)
        self.path = checkpoint_path(output, arm)
        mark = fingerprint(corpus, options, arm, model)
        self.state, note = state_at(self.path, mark, world, self.compute.device)
        model.to(self.compute.device)
        say = progress if world.first else None
        self.inputs = inputs_of(corpus, model, options, output, self.compute, world, say)
        if options.loss.kind == "regression":
            begin_on_scale(model, corpus.groups["train"], self.inputs, self.compute)
        self.trainer = Trainer(model, options, self.compute, world, self.inputs.clips.depth)
        self.groups = teaching(self.trainer.live, corpus.groups["train"], world)
        self.notes = list(self.trainer.live.notes(corpus.groups["train"]))
        compile_blocks(model, options, self.compute)
        self.per_epoch = steps_per_epoch(len(self.groups), options.training)
        self.steps = options.training.epochs * self.per_epoch
        self.report = Reporter(arm, self.steps, self.state, progress, world.first)
        if note:
            self.report.note(note)
        self._resume()
        self.began = self.saved = time.monotonic()

    def run(self) -> None:
        """All steps that are left."""
        if self.state.finished:
            return
        if self.world.first:
            arm = self.trainer.live.model.config.arm
            self.report.trackers = list(open_trackers(self.options, arm, self.output, self.state))
        feed = Feed(self.groups, self.inputs, self.trainer.live.model, self.options, self.world)
        try:
            with contextlib.closing(feed.steps(self.state.step, self.steps)) as batches:
                for batch in batches:
                    self._step(batch)
                    if self.state.finished:
                        break
        finally:
            self.report.close()

    def result(self) -> Trained:
        """The best weights, and what goes with them."""
        best = self.trainer.best
        if self.world.size > 1 and not self.world.first:
            best.offer(0, None, self.trainer.kept)  # of the right shapes, to be filled
        spread([best.state[name] for name in sorted(best.state)], self.world)
        model = self.trainer.finish()
        with torch.no_grad():
            log_k = self.trainer.kept.log_k.tolist()
        known = {
            "overall": self.options.overall
            or overall_weights(model, self.corpus, self.inputs, self.compute),
            "log_k": dict(zip(self.corpus.dimensions, log_k, strict=True)) if any(log_k) else {},
        }
        model.config = model.config.model_copy(update=known)
        return Trained(
            model=model,
            epoch=self.state.best_epoch,
            log_k=tuple(log_k),
            curve=tuple(self.state.curve),
            inputs=self.inputs,
            compute=self.compute,
            notes=tuple(self.notes),
        )

    def _step(self, batch: StepBatch) -> None:
        state, n = self.state, len(batch.prompt_ids)
        total, right, untied = self.trainer.step(batch, self.steps)
        before = state.sums if batch.step % self.per_epoch else (0.0, 0.0, 0.0, 0.0)
        added = zip(before, (total, right, untied, n), strict=True)
        state.sums = tuple(a + b for a, b in added)  # type: ignore[assignment]
        state.step = batch.step + 1
        self.report.prompts += n
        ends = state.step % self.per_epoch == 0
        if ends:
            self._end_epoch()
        if ends or state.step % EVERY == 0:
            rate = rate_at(batch.step, self.steps, self.options.training)
            self.report.track(
                {
                    "train/loss": total / n,
                    "train/learning_rate": rate * self.options.training.learning_rate,
                    **({"train/accuracy": right / untied} if untied else {}),
                }
            )
        if ends or time.monotonic() - self.saved >= self.options.training.checkpoint_seconds:
            self._save()
        if self.report.due(ends):
            self.report.tell(batch.step // self.per_epoch + 1)

    def _end_epoch(self) -> None:
        state, best = self.state, self.trainer.best
        epoch = state.step // self.per_epoch
        held_out = self._validate()
        total, right, untied, prompts = state.sums
        row = {"arm": self.report.arm, "epoch": epoch, "step": state.step}
        row |= {"train_loss": total / prompts}
        row |= {"train_accuracy": right / untied} if untied else {}
        self.report.track({name.replace("_", "/"): value for name, value in held_out.items()})
        seconds = state.seconds + time.monotonic() - self.began
        state.curve.append({**row, **held_out, "seconds": seconds})
        best.offer(epoch, held_out.get("validation_loss"), self.trainer.kept)
        state.best_epoch = best.epoch
        state.best_loss = best.loss if math.isfinite(best.loss) else None
        patience = self.options.training.patience
        waited = patience is not None and epoch - best.epoch >= patience
        state.finished = waited or state.step == self.steps

    def _validate(self) -> dict[str, float]:
        """Of the kept weights; process 0 measures, all of them know."""
        groups = self.corpus.groups.get("validation", ())
        if not groups:
            return {}
        names = ("validation_loss", "validation_accuracy")
        found: dict[str, float] = {}
        if self.world.first:
            found = validate(self.trainer.kept, self.inputs, groups, self.compute)
        values = [found.get(name, np.nan) for name in names]
        known = zip(names, told(values, self.world, self.compute.device), strict=True)
        return {name: value for name, value in known if not np.isnan(value)}

    def _save(self) -> None:
        self.saved = time.monotonic()
        if not self.world.first:
            return
        self.report.flush()
        seconds = self.state.seconds + self.saved - self.began
        state = dataclasses.replace(self.state, seconds=seconds)
        checkpoint.write(self.path, state, self.trainer.tensors())

    def _resume(self) -> None:
        if not self.state.step:
            return
        self.trainer.load(checkpoint.read_tensors(self.path, self.compute.device))
        best, loss = self.trainer.best, self.state.best_loss
        best.epoch, best.loss = self.state.best_epoch, math.inf if loss is None else loss
