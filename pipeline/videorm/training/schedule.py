"""Which prompts a step takes, and how far it goes."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pipeline.videorm.options import TrainingOptions, VideoRMOptions
from pipeline.videorm.training.objective import Objective

PRETRAINED_SHARE = 0.1  # of the learning rate, for a pretrained trunk that is not told its own


def steps_per_epoch(n: int, training: TrainingOptions) -> int:
    """Whole batches in ``n`` prompts, at least one."""
    return max(1, n // training.batch_prompts)


def batch_at(step: int, n: int, options: VideoRMOptions) -> NDArray[np.int64]:
    """The prompts of a step, counted from 0: the same for every arm of one seed, and for a run that
    begins in the middle.

    Every epoch has its own order; its last, smaller batch is left out, other prompts every time.
    """
    epoch, place = divmod(step, steps_per_epoch(n, options.training))
    size = min(options.training.batch_prompts, n)
    order = np.random.default_rng((options.seed, epoch)).permutation(n)
    return order[place * size : (place + 1) * size]


def rate_at(step: int, steps: int, training: TrainingOptions) -> float:
    """Share of the learning rate: linear warm-up to 1, then half a cosine to zero, or 1."""
    warm = max(1, round(training.warmup * steps)) if training.warmup else 0
    if step < warm:
        return (step + 1) / warm
    if training.schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def optimizer_for(objective: Objective, options: VideoRMOptions) -> torch.optim.AdamW:
    """AdamW (arXiv 1711.05101); weight decay on matrices only, the trunk at its own rate.

    Each group's ``base`` is its full learning rate.
    """
    training = options.training
    share = 1.0 if options.trunk is None else PRETRAINED_SHARE
    rates = {
        True: training.trunk_learning_rate or share * training.learning_rate,
        False: training.learning_rate,
    }
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for parameter, in_trunk in _learning(objective):
        decay = training.weight_decay if parameter.ndim >= 2 else 0.0
        groups.setdefault((rates[in_trunk], decay), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "base": rate, "lr": rate, "weight_decay": decay}
            for (rate, decay), parameters in groups.items()
        ],
        betas=(0.9, training.beta2),
        fused=True,
    )


def _learning(objective: Objective) -> Iterator[tuple[nn.Parameter, bool]]:
    """What learns, and whether it is of the trunk."""
    trunk = {id(p) for p in objective.model.trunk.parameters()}
    for parameter in objective.parameters():
        if parameter.requires_grad:
            yield parameter, id(parameter) in trunk


def set_rate(optimizer: torch.optim.Optimizer, share: float) -> None:
    """Give every group ``share`` of its full learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = share * group["base"]
