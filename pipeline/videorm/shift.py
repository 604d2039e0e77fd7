"""Parameter-free temporal shift (TSM, arXiv 1811.08383): channels of the neighbour frames."""

import torch
from torch import Tensor


def temporal_shift(tokens: Tensor, valid: Tensor, fraction: float) -> Tensor:
    """Take ``fraction`` of the patch tokens' channels from the next frame, as many from the last.

    ``tokens`` (B, T, N, D) with the class token first, ``valid`` (B, T) bool. Channels [0, k) of
    frame t come from t + 1, [k, 2k) from t - 1, the rest stay, k = int(fraction * D). Beyond the
    clip's ends, and where the neighbour is padding, stand zeros, as in TSM; so a clip of one
    frame loses the shifted channels rather than keeping them. The class token is not shifted
    (ActionCLIP, arXiv 2109.08472): what the neighbours show reaches it through the patch tokens
    it attends to.
    """
    k = int(fraction * tokens.shape[-1])
    if k == 0:
        return tokens
    cls, patches = tokens[:, :, :1], tokens[:, :, 1:]  # (B, T, 1, D), (B, T, N-1, D)
    moved = patches[..., : 2 * k] * valid[:, :, None, None]
    zeros = moved.new_zeros((moved.shape[0], 1, *moved.shape[2:-1], k))
    from_next = torch.cat([moved[:, 1:, :, :k], zeros], dim=1)
    from_previous = torch.cat([zeros, moved[:, :-1, :, k:]], dim=1)
    patches = torch.cat([from_next, from_previous, patches[..., 2 * k :]], dim=-1)
    return torch.cat([cls, patches], dim=2)
