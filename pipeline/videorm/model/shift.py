"""Parameter-free temporal shift (TSM, arXiv 1811.08383): channels of the neighbour frames."""

from torch import Tensor


def temporal_shift(tokens: Tensor, valid: Tensor, fraction: float, first: int = 1) -> Tensor:
    """Take ``fraction`` of the patch tokens' channels from the next frame, as many from the last.

    ``tokens`` (B, T, N, D), ``valid`` (B, T) bool. Channels [0, k) of frame t come from t + 1,
    [k, 2k) from t - 1, the rest stay, k = int(fraction * D). Beyond the clip's ends, and where the
    neighbour is padding, stand zeros, as in TSM; so a clip of one frame loses the shifted channels
    rather than keeping them. The first ``first`` tokens, CLIP's class token, are not shifted
    (ActionCLIP, arXiv 2109.08472): what the neighbours show reaches it through the patch tokens it
    attends to.
    """
    k = int(fraction * tokens.shape[-1])
    if k == 0:
        return tokens
    patches = tokens[:, :, first:]  # (B, T, N - first, D)
    moved = patches[..., : 2 * k] * valid[:, :, None, None].to(tokens.dtype)
    shifted = tokens.clone()
    shifted[:, :-1, first:, :k] = moved[:, 1:, :, :k]
    shifted[:, -1, first:, :k] = 0
    shifted[:, 1:, first:, k : 2 * k] = moved[:, :-1, :, k:]
    shifted[:, 0, first:, k : 2 * k] = 0
    return shifted
