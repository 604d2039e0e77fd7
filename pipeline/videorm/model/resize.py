"""Frames of any size as the square that a model takes, differentiably."""

import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.videorm.options import Fit


def fitted(videos: Tensor, size: int, fit: Fit) -> Tensor:
    """(B, T, C, H, W) in [0, 1] -> (B, T, C, size, size).

    squeeze: the whole frame, out of proportion, box-averaged; crop: the middle of a frame whose shorter
    side is ``size``; letterbox: the whole frame between black bars; these two antialiased bicubic, kept
    in [0, 1]. Frames of the right size pass untouched. What reads JPEGs
    (:mod:`pipeline.videorm.data.decode`) does the same with Pillow: the two differ by its rounding to
    whole levels, twice, and where it halves a large JPEG while decoding.
    """
    height, width = videos.shape[-2:]
    if (height, width) == (size, size):
        return videos
    if fit == "squeeze":
        rows, columns = (_box(n, size).to(videos) for n in (height, width))
        return rows @ videos @ columns.T
    share = size / (min if fit == "crop" else max)(height, width)
    new = (max(1, round(height * share)), max(1, round(width * share)))
    flat = F.interpolate(videos.flatten(0, 1), size=new, mode="bicubic", antialias=True)
    top, left = (size - new[0]) // 2, (size - new[1]) // 2  # negative where it is cut
    flat = F.pad(flat.clamp(0, 1), (left, size - new[1] - left, top, size - new[0] - top))
    return flat.view(*videos.shape[:2], *flat.shape[1:])


def _box(n: int, size: int) -> Tensor:
    """Weights (size, n) of Pillow's box filter: the mean of the pixels whose centres lie in the span of
    a new one; where there are fewer pixels than new ones, the nearest."""
    step = n / size
    half = max(step, 1.0) / 2
    centres = (torch.arange(size, dtype=torch.float64) + 0.5) * step
    pixels = torch.arange(n, dtype=torch.float64) + 0.5
    away = pixels - centres[:, None]  # (size, n)
    inside = ((away > -half) & (away <= half)).double()
    return inside / inside.sum(dim=1, keepdim=True)
