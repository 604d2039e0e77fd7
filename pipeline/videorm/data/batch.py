"""Groups as tensors, and the augmentation all arms share."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.videorm.data.clips import Clips
from pipeline.videorm.data.groups import Group


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """P prompts with all of their clips (B) and all of their pairs (N)."""

    prompts: tuple[str, ...]  # (P,)
    clips: Tensor  # (B, T, ...) as the clips' depth says
    valid: Tensor  # (B, T) bool
    prompt: Tensor  # (B,) which prompt a clip belongs to
    scores: Tensor  # (B, dimensions) NaN where there is none
    a: Tensor  # (N,) row of the batch
    b: Tensor  # (N,)
    dimension: Tensor  # (N,)
    label: Tensor  # (N,) +1, 0, -1
    margin: Tensor  # (N,) NaN where unknown
    share: Tensor  # (N,) NaN where unknown
    weight: Tensor  # (N,)
    pair_prompt: Tensor  # (N,) which prompt a pair belongs to

    def to(self, device: torch.device) -> "Batch":
        """The same on a device."""
        moved = {
            f.name: value.to(device, non_blocking=True)
            for f in dataclasses.fields(self)
            if isinstance(value := getattr(self, f.name), Tensor)
        }
        return dataclasses.replace(self, **moved)


def collate(clips: Clips, groups: Sequence[Group]) -> Batch:
    """Groups side by side; positions within a group become rows of the batch."""
    sizes = np.array([len(g.rows) for g in groups])
    starts = np.cumsum(sizes) - sizes
    pairs = np.array([len(g.label) for g in groups])

    def joined(name: str) -> Tensor:
        return torch.from_numpy(np.concatenate([getattr(g, name) for g in groups]))

    def placed(name: str) -> Tensor:
        parts = [getattr(g, name) + start for g, start in zip(groups, starts, strict=True)]
        return torch.from_numpy(np.concatenate(parts))

    seen, valid = clips.read(np.concatenate([g.rows for g in groups]))
    return Batch(
        prompts=tuple(g.prompt for g in groups),
        clips=seen,
        valid=valid,
        prompt=torch.from_numpy(np.repeat(np.arange(len(groups)), sizes)),
        scores=joined("scores").float(),
        a=placed("a"),
        b=placed("b"),
        dimension=joined("dimension"),
        label=joined("label"),
        margin=joined("margin").float(),
        share=joined("share").float(),
        weight=joined("weight").float(),
        pair_prompt=torch.from_numpy(np.repeat(np.arange(len(groups)), pairs)),
    )


def draws(n: int, translate: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """What :func:`augmented` takes of ``n`` clips: (n, 2) in [-1, 1), and (n, 2) pixels from the top left.

    ``generator`` is the CPU's: draws do not depend on the device.
    """
    light = torch.rand((n, 2), generator=generator) * 2 - 1
    return light, torch.randint(0, 2 * translate + 1, (n, 2), generator=generator)


def augmented(
    pixels: Tensor, jitter: float, translate: int, light: Tensor, moves: Tensor
) -> Tensor:
    """Contrast, brightness and a small translation, one draw per clip and so alike for all frames.

    ``pixels`` (B, T, C, H, W) in [0, 1]. What happens between frames stays what it was; no
    mirroring, for prompts name left and right.
    """
    b, t, c, h, w = pixels.shape
    light = light.to(pixels.device)
    gain, bias = (1 + jitter * light[:, 0]), jitter * light[:, 1]
    mean = pixels.mean(dim=(1, 2, 3, 4), keepdim=True)
    shape = (b, 1, 1, 1, 1)
    pixels = (pixels - mean) * gain.view(shape) + mean + bias.view(shape)
    if translate:
        flat = F.pad(pixels.flatten(1, 2), [translate] * 4, mode="replicate")  # (B, T*C, H+, W+)
        parts = [flat[i, :, y : y + h, x : x + w] for i, (y, x) in enumerate(moves.tolist())]
        pixels = torch.stack(parts).view(b, t, c, h, w)
    return pixels
