"""What stays in float32 when the model around it is narrowed."""

from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor, nn


class AtLeastFloat32(nn.Module):
    """``model.half()``, ``model.bfloat16()`` and ``model.to(torch.bfloat16)`` pass its weights by.

    For what is small, and takes sums and differences of rewards: the towers are what costs memory.
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """What torch calls to move and to cast all weights."""

        def kept(weights: Tensor) -> Tensor:
            moved: Tensor = fn(weights)
            if moved.is_floating_point() and moved.dtype.itemsize < torch.float32.itemsize:
                return weights.to(moved.device, torch.promote_types(weights.dtype, torch.float32))
            return moved

        applied: Any = super()._apply(kept, recurse)
        return applied
