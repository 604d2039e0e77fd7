"""The clips of a corpus, as whatever stands at the entrance of what is trained."""

import dataclasses
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Clips(Protocol):
    """Clips by row. A clip with fewer than T frames is padded at its end; padding takes no part."""

    @property
    def video_ids(self) -> tuple[str, ...]:
        """Of each row."""
        ...

    @property
    def keys(self) -> tuple[str, ...]:
        """What each row's frames are: 64 hex digits over the frames that were picked. Two rows of
        one key hold the same pixels."""
        ...

    @property
    def depth(self) -> int | None:
        """How far the clips have come through the trunk; None: pixels."""
        ...

    def read(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Clips (B, T, ...) and which of their frames are there (B, T) bool.

        Pixels are uint8 (B, T, 3, S, S); tokens (B, T, L, W) and embeddings (B, T, D) floating.
        """
        ...


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HeldClips:
    """Pixels of all clips in memory."""

    video_ids: tuple[str, ...]
    keys: tuple[str, ...]
    frames: NDArray[np.uint8]  # (n, T, 3, S, S)
    valid: NDArray[np.bool_]  # (n, T)

    @property
    def depth(self) -> int | None:
        """Pixels."""
        return None

    def read(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """uint8 (B, T, 3, S, S) and bool (B, T)."""
        return torch.from_numpy(self.frames[rows]), torch.from_numpy(self.valid[rows])
