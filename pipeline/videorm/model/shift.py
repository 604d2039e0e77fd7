"""Parameter-free temporal shift (TSM, arXiv 1811.08383): channels of the neighbour frames."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def temporal_shift(tokens: Tensor, valid: Tensor, fraction: float, first: int = 1) -> Tensor:
    """Take ``fraction`` of the patch tokens' channels from the next frame, as many from the last.

    ``tokens`` (B, T, N, D), ``valid`` (B, T) bool. Channels [0, k) of frame t come from t + 1,
    [k, 2k) from t - 1, the rest stay, k = floor(fraction * D). Beyond the clip's ends, and where the
    neighbour is padding, stand zeros, as in TSM; so a clip of one frame loses the shifted channels
    rather than keeping them. The first ``first`` tokens, CLIP's class token, are not shifted
    (ActionCLIP, arXiv 2109.08472): what the neighbours show reaches it through the patch tokens it
    attends to.
    """
    k = int(fraction * tokens.shape[-1] + 1e-9)  # 0.29 of 100 are 29
    if k == 0:
        return tokens
    shifted: Tensor = _Shift.apply(tokens, valid, k, first)
    return shifted


class _Shift(torch.autograd.Function):
    """The shift with its gradient written out: the opposite shift. What autograd makes of the
    assignments copies the whole gradient for each of them, four times the work (measured)."""

    @staticmethod
    def forward(ctx: Any, tokens: Tensor, valid: Tensor, k: int, first: int) -> Tensor:
        ctx.save_for_backward(valid)
        ctx.k, ctx.first = k, first
        moved = tokens[:, :, first:, : 2 * k] * _there(valid, tokens)
        shifted = tokens.clone()
        shifted[:, :-1, first:, :k] = moved[:, 1:, :, :k]
        shifted[:, -1, first:, :k] = 0
        shifted[:, 1:, first:, k : 2 * k] = moved[:, :-1, :, k:]
        shifted[:, 0, first:, k : 2 * k] = 0
        return shifted

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        (valid,) = ctx.saved_tensors
        k, first = ctx.k, ctx.first
        there = _there(valid, grad)
        back = grad.clone()
        back[:, 1:, first:, :k] = grad[:, :-1, first:, :k] * there[:, 1:]
        back[:, 0, first:, :k] = 0
        back[:, :-1, first:, k : 2 * k] = grad[:, 1:, first:, k : 2 * k] * there[:, :-1]
        back[:, -1, first:, k : 2 * k] = 0
        return back, None, None, None


def _there(valid: Tensor, like: Tensor) -> Tensor:
    return valid[:, :, None, None].to(like.dtype)
