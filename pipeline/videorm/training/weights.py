"""What learns, its averaged copy, and the best of it."""

import copy
import dataclasses
import math
from typing import TypeVar

import torch
from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)
EARLY = 10  # a shorter memory at first, so that the random start is soon forgotten


def learned_state(module: nn.Module) -> dict[str, Tensor]:
    """Weights that learn, and buffers, by name; no copies."""
    frozen = {name for name, p in module.named_parameters() if not p.requires_grad}
    return {name: t for name, t in module.state_dict().items() if name not in frozen}


def load_learned(module: nn.Module, state: dict[str, Tensor]) -> None:
    """Put :func:`learned_state` back. Raises ValueError where it is of another module."""
    own = learned_state(module)
    if own.keys() != state.keys() or any(own[k].shape != state[k].shape for k in own):
        raise ValueError("weights of another model")
    module.load_state_dict(state, strict=False)


def averaged_copy(module: M) -> M:
    """A copy in evaluation mode that shares what is frozen, which may be gigabytes."""
    shared = {id(p): p for p in module.parameters() if not p.requires_grad}
    kept = copy.deepcopy(module, shared)
    return kept.eval()


@torch.no_grad()
def average(into: nn.Module, live: nn.Module, decay: float, step: int) -> None:
    """Exponential moving average of what learns; buffers are copied.

    ``into`` becomes d * ``into`` + (1 - d) * ``live`` with d = min(``decay``, (1 + step) / (10 + step)),
    as TensorFlow's ExponentialMovingAverage with ``num_updates``.
    """
    pairs = zip(into.parameters(), live.parameters(), strict=True)
    kept, new = zip(*((a, b) for a, b in pairs if b.requires_grad), strict=True)
    if decay:
        share = 1 - min(decay, (1 + step) / (EARLY + step))
        torch._foreach_lerp_(list(kept), list(new), share)
    else:
        torch._foreach_copy_(list(kept), list(new))
    for a, b in zip(into.buffers(), live.buffers(), strict=True):
        a.copy_(b)


@dataclasses.dataclass(slots=True, kw_only=True)
class Best:
    """The weights of the epoch with the lowest validation log-loss, or of the last without one."""

    epoch: int = 0
    loss: float = math.inf
    state: dict[str, Tensor] = dataclasses.field(default_factory=dict)

    def offer(self, epoch: int, validation_loss: float | None, module: nn.Module) -> None:
        """Keep a copy of the weights if they are the best so far."""
        if validation_loss is None or validation_loss < self.loss or not self.state:
            self.epoch = epoch
            self.loss = math.inf if validation_loss is None else validation_loss
            self.state = {k: v.detach().clone() for k, v in learned_state(module).items()}
