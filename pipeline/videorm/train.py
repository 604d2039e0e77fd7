"""One arm's training: groups in shuffled order, AdamW, cosine, averaged weights, the best epoch kept."""

import copy
import dataclasses
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.videorm.batch import Batch, augment, collate
from pipeline.videorm.data import Corpus, Group
from pipeline.videorm.frames import Clips
from pipeline.videorm.loss import per_prompt_mean, rao_kupper
from pipeline.videorm.model import VideoRM, build
from pipeline.videorm.whiten import whiten_patches
from pipeline.videorm.options import Arm, VideoRMOptions

START_LOG_K = 0.5  # a tie share of a quarter at equal rewards: tanh(log k / 2)
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


RK=TieLoss
def orders(n: int, options: VideoRMOptions) -> Iterator[NDArray[np.int64]]:
    """The prompts of each step, epoch after epoch: the same for every arm of one seed."""
    rng = np.random.default_rng(options.seed)
    size = min(options.batch_prompts, n)
    while True:
        order = rng.permutation(n)
        # the last, smaller batch is dropped: its prompts come first or in the middle next time
        for start in range(0, n - size + 1, size):
            yield order[start : start + size]


def rate_at(step: int, steps: int, options: VideoRMOptions) -> float:
    """Learning rate: linear warm-up, then half a cosine to zero."""
    warm = max(1, round(options.warmup * steps))
    if step < warm:
        return options.learning_rate * (step + 1) / warm
    return options.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))


def optimizer_for(modules: Sequence[nn.Module], options: VideoRMOptions) -> torch.optim.Optimizer:
    """AdamW; weight decay on matrices only."""
    parameters = [p for m in modules for p in m.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": options.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=options.learning_rate, betas=(0.9, 0.98), fused=True)


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
        out = model(tokens, batch.pixels.float() / 255, batch.valid, batch.prompt)
        ends = np.cumsum([len(g.rows) for g in part])[:-1]
        rewards += np.split(out.double().numpy(), ends)
    return rewards


def validate(
    model: VideoRM, loss: TieLoss, clips: Clips, groups: Sequence[Group]
) -> tuple[float, float]:
    """Log-loss in nats and pair accuracy without annotator ties, over groups."""
    rewards = np.concatenate(rewards_of(model, clips, groups))
    batch = collate(clips, groups)
    with torch.no_grad():
        nats = loss(torch.from_numpy(rewards).float(), batch).item()
    d = rewards[batch.a, batch.dimension] - rewards[batch.b, batch.dimension]
    label = batch.label.numpy()
    right = np.where(np.abs(d) <= 1e-6, 0.5, np.sign(d) == np.sign(label))[label != 0]
    return nats, float(right.mean()) if len(right) else 0.5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A trained arm. ``curve`` holds one row per epoch, ``epoch`` the one whose weights are kept."""

    model: VideoRM
    epoch: int
    log_k: tuple[float, ...]
    curve: tuple[dict[str, Any], ...]


def train_arm(
    corpus: Corpus, options: VideoRMOptions, arm: Arm, progress: Progress | None = None
) -> Trained:
    """Train one arm; weights of the epoch with the lowest validation log-loss, else the last.

    Deterministic on a CPU for one number of threads: the order, the augmentation and the initial
    weights come from ``options.seed`` alone, and are the same for every arm.
    """
    torch.set_num_threads(options.threads)
    began = time.monotonic()
    groups, held_out = corpus.groups["train"], corpus.groups.get("validation", ())
    model = build(options, arm, corpus.dimensions, [g.prompt for g in groups])
    if options.trunk is None and os.environ.get("WHITEN","1")=="1":
        rows = np.unique(np.concatenate([g.rows for g in groups]))
        whiten_patches(model, corpus.clips.frames[rows], options.seed)
    loss = TieLoss(len(corpus.dimensions))
    kept, kept_loss = copy.deepcopy(model), copy.deepcopy(loss)
    optimizer = optimizer_for([model, loss], options)
    generator = torch.Generator().manual_seed(options.seed)
    batches = orders(len(groups), options)
    per_epoch = max(1, len(groups) // options.batch_prompts)
    steps = options.epochs * per_epoch
    curve: list[dict[str, Any]] = []
    best: tuple[float, int, dict[str, Tensor], Tensor] | None = None
    for epoch in range(1, options.epochs + 1):
        model.train()
        total = 0.0
        for step in range((epoch - 1) * per_epoch, epoch * per_epoch):
            batch = collate(corpus.clips, [groups[i] for i in next(batches)])
            for group in optimizer.param_groups:
                group["lr"] = rate_at(step, steps, options)
            pixels = augment(
                batch.pixels.float() / 255, options.jitter, options.translate, generator
            )
            tokens = model.encode(batch.prompts)
            value = loss(model(tokens, pixels, batch.valid, batch.prompt), batch)
            optimizer.zero_grad()
            value.backward()
            nn.utils.clip_grad_norm_(model.parameters(), options.clip_norm)
            optimizer.step()
            # a shorter memory at first, so that the random start is soon forgotten
            decay = min(options.ema, (1 + step) / (10 + step))
            average(kept, model, decay)
            average(kept_loss, loss, decay)
            total += value.item()
        row: dict[str, Any] = {
            "arm": arm,
            "epoch": epoch,
            "step": epoch * per_epoch,
            "train_loss": total / per_epoch,
        }
        if held_out:
            row["validation_loss"], row["validation_accuracy"] = validate(
                kept, kept_loss, corpus.clips, held_out
            )
        row["seconds"] = time.monotonic() - began
        curve.append(row)
        if best is None or not held_out or row["validation_loss"] <= best[0]:
            state = {k: v.clone() for k, v in kept.state_dict().items()}
            best = (row.get("validation_loss", 0.0), epoch, state, kept_loss.log_k.detach().clone())
        if progress:
            progress({**row, "of": steps})
    assert best is not None
    kept.load_state_dict(best[2])
    return Trained(
        model=kept.eval(), epoch=best[1], log_k=tuple(best[3].tolist()), curve=tuple(curve)
    )
