"""From clip z and prompt q to one reward per dimension."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.videorm.model.precision import AtLeastFloat32
from pipeline.videorm.options import ReadoutOptions

MOST_SCALE = 100.0  # CLIP clamps its logit scale here (arXiv 2103.00020, section 2.5)


class _Capped(torch.autograd.Function):
    """min(x, most). A gradient that would push x further beyond is dropped, one that brings it back
    passes: a plain clamp would hold x there for good."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, most: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.most = most
        return x.clamp(max=most)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        kept = (x < ctx.most) | (grads[0] > 0)  # descent goes against the gradient
        return grads[0] * kept, None


class CosineReadout(nn.Module):
    """logit scale x cosine(z + A_d z, q), a matrix A_d per dimension that starts at zero.

    The scale stands inside the reward, so inside the loss: raw cosines of a good and a bad clip differ by
    about 0.01, and -log sigmoid of that is flat. Learned as its logarithm, at most log 100.
    """

    def __init__(self, width: int, dimensions: int, scale: float) -> None:
        super().__init__()
        self.adapters = nn.Parameter(torch.zeros(dimensions, width, width))
        self.log_scale = nn.Parameter(torch.tensor(math.log(min(scale, MOST_SCALE))))

    def forward(self, z: Tensor, q: Tensor) -> Tensor:
        """(B, D), (B, D) -> (B, dimensions)."""
        moved = z[:, None] + torch.einsum("bd,ked->bke", z, self.adapters)  # (B, dimensions, D)
        log_scale: Tensor = _Capped.apply(self.log_scale, math.log(MOST_SCALE))
        return log_scale.exp() * F.cosine_similarity(moved, q[:, None], dim=-1)


class MLPReadout(nn.Module):
    """Of [z, q, z * q] through one hidden layer.

    Small towers from random weights learn faster so than by a cosine (0.778 against 0.750 pair accuracy
    in the trial that chose this form). z and q are normalised over the batch, or each to a length of
    sqrt(D), without learned scale.
    """

    def __init__(self, width: int, dimensions: int, options: ReadoutOptions, zero: bool) -> None:
        super().__init__()
        self.unit = options.norm == "unit"
        if not self.unit:
            self.norm_z = nn.BatchNorm1d(width, affine=False)
            self.norm_q = nn.BatchNorm1d(width, affine=False)
        self.hidden = nn.Linear(3 * width, options.hidden)
        self.heads = nn.Linear(options.hidden, dimensions)
        if zero:
            nn.init.zeros_(self.heads.weight)
            nn.init.zeros_(self.heads.bias)

    def forward(self, z: Tensor, q: Tensor) -> Tensor:
        """(B, D), (B, D) -> (B, dimensions)."""
        if self.unit:
            z, q = (F.normalize(x, dim=-1) * math.sqrt(x.shape[-1]) for x in (z, q))
        else:
            z, q = self.norm_z(z), self.norm_q(q)
        return self.heads(F.gelu(self.hidden(torch.cat([z, q, z * q], dim=-1))))


class Readout(AtLeastFloat32):
    """One reward per dimension, in float32 at least, whatever the towers' precision.

    ``centre`` and ``spread`` (dimensions,) put a regression's output on the scale of its scores.
    """

    def __init__(self, width: int, dimensions: int, options: ReadoutOptions, scale: float) -> None:
        super().__init__()
        both = options.kind == "cosine_mlp"
        self.cosine = CosineReadout(width, dimensions, scale) if "cosine" in options.kind else None
        self.mlp = MLPReadout(width, dimensions, options, both) if "mlp" in options.kind else None
        self.register_buffer("centre", torch.zeros(dimensions))
        self.register_buffer("spread", torch.ones(dimensions))
        self.centre: Tensor
        self.spread: Tensor

    def forward(self, z: Tensor, q: Tensor) -> Tensor:
        """(B, D), (B, D) -> (B, dimensions)."""
        with torch.autocast(z.device.type, enabled=False):
            z, q = (x.to(torch.promote_types(x.dtype, torch.float32)) for x in (z, q))
            parts = [part(z, q) for part in (self.cosine, self.mlp) if part is not None]
            return torch.stack(parts).sum(dim=0) * self.spread + self.centre
