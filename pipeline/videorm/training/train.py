"""One arm's training: shuffled groups, AdamW, cosine, averaged weights, best epoch kept."""

import copy
import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.videorm.data.batch import Batch, augment, collate
from pipeline.videorm.data.clips import Clips, HeldClips
from pipeline.videorm.data.groups import Corpus, Group
from pipeline.videorm.model.build import build
from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.model.whiten import whiten_patches
from pipeline.videorm.options import Arm, VideoRMOptions
from pipeline.videorm.training.loss import per_prompt_mean, rao_kupper

START_LOG_K = 0.5  # at equal rewards (k - 1) / (k + 1), a quarter of the pairs, are ties
REPORT_EVERY = 10  # steps
Progress = Callable[[dict[str, Any]], None]


class TieLoss(nn.Module):
    """Rao-Kupper with one learned log k > 0 per dimension. Not part of the model that is saved."""

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.raw = nn.Parameter(torch.full((dimensions,), math.log(math.expm1(START_LOG_K))))

    @property
    def log_k(self) -> Tensor:
        """(dimensions,), kept above zero: at zero no tie is possible."""
        return nn.functional.softplus(self.raw) + 1e-3

    def forward(self, rewards: Tensor, batch: Batch) -> Tensor:
        """Mean over prompts, in nats; ``rewards`` (B, dimensions)."""
        d = rewards[batch.a, batch.dimension] - rewards[batch.b, batch.dimension]
        values = rao_kupper(d, batch.label, self.log_k[batch.dimension])
        return per_prompt_mean(values, batch.weight, batch.pair_prompt, len(batch.prompts))


def orders(n: int, options: VideoRMOptions) -> Iterator[NDArray[np.int64]]:
    """The prompts of each step, epoch after epoch: the same for every arm of one seed."""
    rng = np.random.default_rng(options.seed)
    size = min(options.training.batch_prompts, n)
    while True:
        order = rng.permutation(n)
        # a last, smaller batch is left out; which prompts that are changes every epoch
        for start in range(0, n - size + 1, size):
            yield order[start : start + size]


def rate_at(step: int, steps: int, options: VideoRMOptions) -> float:
    """Learning rate: linear warm-up, then half a cosine to zero."""
    warm = max(1, round(options.training.warmup * steps))
    if step < warm:
        return options.training.learning_rate * (step + 1) / warm
    return (
        options.training.learning_rate
        * 0.5
        * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))
    )


def optimizer_for(modules: nn.Module, options: VideoRMOptions) -> torch.optim.Optimizer:
    """AdamW; weight decay on matrices only."""
    parameters = [p for p in modules.parameters() if p.requires_grad]
    groups = [
        {
            "params": [p for p in parameters if p.ndim >= 2],
            "weight_decay": options.training.weight_decay,
        },
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        groups, lr=options.training.learning_rate, betas=(0.9, options.training.beta2), fused=True
    )


@torch.no_grad()
def average(into: nn.Module, model: nn.Module, decay: float) -> None:
    """Exponential moving average of the weights; running statistics are copied."""
    torch._foreach_lerp_(list(into.parameters()), list(model.parameters()), 1 - decay)
    for kept, new in zip(into.buffers(), model.buffers(), strict=True):
        kept.copy_(new)


@torch.no_grad()
def rewards_of(
    model: VideoRM, clips: Clips, groups: Sequence[Group], batch_prompts: int = 32
) -> list[NDArray[np.float64]]:
    """Rewards of every clip of every group, each (V, dimensions), in the groups' order."""
    model.eval()
    rewards: list[NDArray[np.float64]] = []
    for start in range(0, len(groups), batch_prompts):
        part = groups[start : start + batch_prompts]
        batch = collate(clips, part)
        tokens = model.encode(batch.prompts)
        out = model(tokens, batch.clips.float() / 255, batch.valid, batch.prompt)
        ends = np.cumsum([len(g.rows) for g in part])[:-1]
        rewards += np.split(out.double().numpy(), ends)
    return rewards


def validate(
    model: VideoRM, loss: TieLoss, clips: Clips, groups: Sequence[Group]
) -> dict[str, float]:
    """Log-loss in nats (mean over prompts) and pair accuracy without the annotator's ties."""
    rewards = np.concatenate(rewards_of(model, clips, groups))
    batch = collate(clips, groups)
    with torch.no_grad():
        nats = loss(torch.from_numpy(rewards).float(), batch).item()
    d = rewards[batch.a, batch.dimension] - rewards[batch.b, batch.dimension]
    label = batch.label.numpy()
    right = np.where(np.abs(d) <= 1e-6, 0.5, np.sign(d) == label)[label != 0]
    accuracy = {"validation_accuracy": float(right.mean())} if len(right) else {}
    return {"validation_loss": nats} | accuracy


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A trained arm. ``curve``: one row per epoch; ``epoch``: the one whose weights are kept."""

    model: VideoRM
    epoch: int
    log_k: tuple[float, ...]
    curve: tuple[dict[str, Any], ...]


class Best:
    """The weights of the epoch with the lowest validation log-loss, or of the last without one."""

    def __init__(self) -> None:
        self.epoch = 0
        self.loss = math.inf
        self.state: dict[str, Tensor] = {}

    def offer(self, epoch: int, validation_loss: float | None, modules: nn.Module) -> None:
        """Keep a copy of the weights if they are the best so far."""
        if validation_loss is None or validation_loss < self.loss:
            self.epoch = epoch
            self.loss = math.inf if validation_loss is None else validation_loss
            self.state = {k: v.clone() for k, v in modules.state_dict().items()}


class Trainer:
    """A model, its averaged copy, and what one step does to them."""

    def __init__(self, corpus: Corpus, options: VideoRMOptions, arm: Arm) -> None:
        self.corpus, self.options = corpus, options
        self.groups = corpus.groups["train"]
        self.per_epoch = max(1, len(self.groups) // options.training.batch_prompts)
        self.steps = options.training.epochs * self.per_epoch
        model = build(options, arm, corpus.dimensions, [g.prompt for g in self.groups])
        if options.trunk is None:
            rows = np.unique(np.concatenate([g.rows for g in self.groups]))
            assert isinstance(corpus.clips, HeldClips)
            whiten_patches(model.trunk, corpus.clips.frames[rows], options.seed)
        self.live = nn.ModuleDict({"model": model, "loss": TieLoss(len(corpus.dimensions))})
        self.kept = copy.deepcopy(self.live)
        self.optimizer = optimizer_for(self.live, options)
        self.batches = orders(len(self.groups), options)
        self.generator = torch.Generator().manual_seed(options.seed)

    def step(self, number: int) -> float:
        """One batch forward and back; its loss in nats."""
        options = self.options
        batch = collate(self.corpus.clips, [self.groups[i] for i in next(self.batches)])
        for group in self.optimizer.param_groups:
            group["lr"] = rate_at(number, self.steps, options)
        pixels = augment(
            batch.clips.float() / 255,
            options.training.jitter,
            options.training.translate,
            self.generator,
        )
        model, loss = cast(VideoRM, self.live["model"]), self.live["loss"]
        tokens = model.encode(batch.prompts)
        value: Tensor = loss(model(tokens, pixels, batch.valid, batch.prompt), batch)
        self.optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(self.live.parameters(), options.training.clip_norm)
        self.optimizer.step()
        # a shorter memory at first, so that the random start is soon forgotten
        average(self.kept, self.live, min(options.training.ema, (1 + number) / (10 + number)))
        return value.item()

    def validate(self) -> dict[str, float]:
        """Log-loss and accuracy on the validation split; nothing without one."""
        held_out = self.corpus.groups.get("validation", ())
        if not held_out:
            return {}
        model, loss = cast(VideoRM, self.kept["model"]), cast(TieLoss, self.kept["loss"])
        return validate(model, loss, self.corpus.clips, held_out)


def train_arm(
    corpus: Corpus, options: VideoRMOptions, arm: Arm, progress: Progress | None = None
) -> Trained:
    """Train one arm; weights of the epoch with the lowest validation log-loss, else the last.

    Deterministic on a CPU for one number of threads: the order, the augmentation and the initial
    weights come from ``options.seed`` alone, and are the same for every arm. ``progress`` gets a
    row every few steps with arm, epoch, step, steps and train_loss, the mean of the epoch so far.
    """
    torch.set_num_threads(options.threads)
    began = time.monotonic()
    trainer, best = Trainer(corpus, options, arm), Best()
    curve: list[dict[str, Any]] = []
    for epoch in range(1, options.training.epochs + 1):
        trainer.live.train()
        row: dict[str, Any] = {"arm": arm, "epoch": epoch}
        total = 0.0
        for done in range(1, trainer.per_epoch + 1):
            row["step"] = (epoch - 1) * trainer.per_epoch + done
            total += trainer.step(row["step"] - 1)
            row["train_loss"] = total / done
            if progress and (done % REPORT_EVERY == 0 or done == trainer.per_epoch):
                progress({**row, "steps": trainer.steps})
        row |= trainer.validate() | {"seconds": time.monotonic() - began}
        curve.append(row)
        best.offer(epoch, row.get("validation_loss"), trainer.kept)
    trainer.kept.load_state_dict(best.state)
    return Trained(
        model=cast(VideoRM, trainer.kept["model"]).eval(),
        epoch=best.epoch,
        log_k=tuple(cast(TieLoss, trainer.kept["loss"]).log_k.tolist()),
        curve=tuple(curve),
    )
