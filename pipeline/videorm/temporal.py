"""The temporal transformer over frame embeddings, and the readout of rewards."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class FrameBlock(nn.Module):
    """Pre-LN transformer layer over frames; starts as the identity: its last projections are 0."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)
        for last in (self.out, self.down):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """``x`` (B, T, D); ``mask`` (B, 1, T, T), True where a frame may look."""
        b, t, d = x.shape
        qkv = self.qkv(self.norm1(x)).view(b, t, 3, self.heads, d // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, heads, T, D / heads)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.out(y.transpose(1, 2).reshape(b, t, d))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class TemporalTransformer(nn.Module):
    """Frame embeddings (B, T, D) -> one clip embedding (B, D): positions, layers, masked mean.

    ``temporal=False`` is the per-frame control of equal size: each frame attends to itself alone
    and every frame gets the mean of the positions, so nothing tells frames apart and no frame
    sees another.
    """

    def __init__(self, width: int, frames: int, layers: int, heads: int, temporal: bool) -> None:
        super().__init__()
        self.temporal = temporal
        self.positions = nn.Parameter(torch.randn(frames, width) * 0.02)
        self.blocks = nn.ModuleList(FrameBlock(width, heads) for _ in range(layers))

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """``valid`` (B, T) bool, False where a short clip was padded."""
        t = x.shape[1]
        alone = torch.eye(t, dtype=torch.bool, device=x.device)
        if self.temporal:
            x = x + self.positions[:t]
            # a padded frame looks at itself, so that no row of the softmax is empty
            mask = valid[:, None, None, :] | alone
        else:
            x = x + self.positions.mean(dim=0)
            mask = alone.expand(x.shape[0], 1, t, t)
        for block in self.blocks:
            x = block(x, mask)
        share = valid / valid.sum(dim=1, keepdim=True)  # (B, T), sums to one
        return torch.einsum("btd,bt->bd", x, share.to(x.dtype))


class Readout(nn.Module):
    """Clip z and prompt q -> one reward per dimension, from [z, q, z * q] through one hidden layer.

    A cosine alone learns more slowly at this size (0.750 against 0.778 pair accuracy in the trial
    that chose this form). z and q are normalised over the batch, without learned scale.
    """

    def __init__(self, width: int, hidden: int, dimensions: int) -> None:
        super().__init__()
        self.norm_z = nn.BatchNorm1d(width, affine=False)
        self.norm_q = nn.BatchNorm1d(width, affine=False)
        self.hidden = nn.Linear(3 * width, hidden)
        self.heads = nn.Linear(hidden, dimensions)

    def forward(self, z: Tensor, q: Tensor) -> Tensor:
        """(B, D), (B, D) -> (B, dimensions)."""
        z, q = self.norm_z(z), self.norm_q(q)
        return self.heads(F.gelu(self.hidden(torch.cat([z, q, z * q], dim=-1))))
