"""Groups as tensors, and the augmentation both arms share."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.videorm.data import Group
from pipeline.videorm.frames import Clips


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """P prompts with all of their clips (B) and all of their pairs (N)."""

    prompts: tuple[str, ...]  # (P,)
    pixels: Tensor  # (B, T, C, H, W) uint8
    valid: Tensor  # (B, T) bool
    prompt: Tensor  # (B,) which prompt a clip belongs to
    a: Tensor  # (N,) row of the batch
    b: Tensor  # (N,)
    dimension: Tensor  # (N,)
    label: Tensor  # (N,) +1, 0, -1
    weight: Tensor  # (N,)
    pair_prompt: Tensor  # (N,) which prompt a pair belongs to


def collate(clips: Clips, groups: Sequence[Group]) -> Batch:
    """Groups side by side; positions within a group become rows of the batch."""
    sizes = np.array([len(g.rows) for g in groups])
    starts = np.cumsum(sizes) - sizes
    pairs = np.array([len(g.label) for g in groups])
    rows = np.concatenate([g.rows for g in groups])
    a = np.concatenate([g.a + s for g, s in zip(groups, starts, strict=True)])
    b = np.concatenate([g.b + s for g, s in zip(groups, starts, strict=True)])
    return Batch(
        prompts=tuple(g.prompt for g in groups),
        pixels=torch.from_numpy(clips.frames[rows]),
        valid=torch.from_numpy(clips.valid[rows]),
        prompt=torch.from_numpy(np.repeat(np.arange(len(groups)), sizes)),
        a=torch.from_numpy(a),
        b=torch.from_numpy(b),
        dimension=torch.from_numpy(np.concatenate([g.dimension for g in groups])),
        label=torch.from_numpy(np.concatenate([g.label for g in groups])),
        weight=torch.from_numpy(np.concatenate([g.weight for g in groups])),
        pair_prompt=torch.from_numpy(np.repeat(np.arange(len(groups)), pairs)),
    )


def augment(pixels: Tensor, jitter: float, translate: int, generator: torch.Generator) -> Tensor:
    """Brightness, contrast and a small translation, one draw per clip and so alike for all frames.

    ``pixels`` (B, T, C, H, W) in [0, 1]. What happens between frames stays what it was; no
    mirroring, for prompts name left and right.
    """
    b, t, c, h, w = pixels.shape
    draw = torch.rand((b, 2), generator=generator) * 2 - 1  # (B, 2) in [-1, 1)
    gain, bias = (1 + jitter * draw[:, 0]), jitter * draw[:, 1]
    mean = pixels.mean(dim=(1, 2, 3, 4), keepdim=True)
    shape = (b, 1, 1, 1, 1)
    pixels = (pixels - mean) * gain.view(shape) + mean + bias.view(shape)
    if translate:
        moves = torch.randint(0, 2 * translate + 1, (b, 2), generator=generator).tolist()
        flat = F.pad(pixels.flatten(1, 2), [translate] * 4, mode="replicate")  # (B, T*C, H+, W+)
        parts = [flat[i, :, y : y + h, x : x + w] for i, (y, x) in enumerate(moves)]
        pixels = torch.stack(parts).view(b, t, c, h, w)
    return pixels
