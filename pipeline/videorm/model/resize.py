"""Frames of any size as the square that a model takes, differentiably."""

from torch import Tensor
from torch.nn import functional as F

from pipeline.videorm.options import Fit


def fitted(videos: Tensor, size: int, fit: Fit) -> Tensor:
    """(B, T, C, H, W) -> (B, T, C, size, size), values kept in [0, 1].

    squeeze: the whole frame, out of proportion; crop: the middle of a frame whose shorter side is
    ``size``; letterbox: the whole frame between black bars. Antialiased bicubic. Frames of the right
    size pass untouched. What reads JPEGs (:mod:`pipeline.videorm.data.frames`) does the same with
    Pillow; the two differ by rounding.
    """
    height, width = videos.shape[-2:]
    if (height, width) == (size, size):
        return videos
    short, long = min(height, width), max(height, width)
    share = size / (short if fit == "crop" else long)
    squeezed = fit == "squeeze"
    new = (size, size) if squeezed else (round(height * share), round(width * share))
    flat = videos.flatten(0, 1)
    flat = F.interpolate(flat, size=new, mode="bicubic", antialias=True).clamp(0, 1)
    top, left = (size - new[0]) // 2, (size - new[1]) // 2  # negative where it is cut
    flat = F.pad(flat, (left, size - new[1] - left, top, size - new[0] - top))
    return flat.view(*videos.shape[:2], *flat.shape[1:])
