"""What runs over the embeddings of a clip's frames: (B, T, D) -> one clip embedding (B, D).

Transformer, LSTM and convolution are those of ActionCLIP (arXiv 2109.08472; modules/Visual_Prompt.py of
sallymmx/ActionCLIP). ``start: normal`` begins as they do there. ``start: zero`` begins as no head at all:
the first clip embedding is exactly the mean of the frames. Otherwise than there: padding takes no part;
layer norms add 1e-5 to the variance, not 1e-12; the convolution runs over frames (there a view of the
wrong shape mixes frames and channels).
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.videorm.model.precision import AtLeastFloat32
from pipeline.videorm.options import HeadOptions

NORMAL_STD = 0.02


def quick_gelu(x: Tensor) -> Tensor:
    """x sigmoid(1.702 x), OpenAI's CLIP."""
    return x * torch.sigmoid(1.702 * x)


def gelu(x: Tensor) -> Tensor:
    """x times the normal distribution's share below x (arXiv 1606.08415), exact."""
    return F.gelu(x)


class FrameBlock(nn.Module):
    """Pre-LN transformer layer over frames."""

    def __init__(self, width: int, options: HeadOptions) -> None:
        super().__init__()
        self.heads = options.heads
        self.activation = quick_gelu if options.activation == "quick_gelu" else gelu
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, options.expansion * width)
        self.down = nn.Linear(options.expansion * width, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """``x`` (B, T, D); ``mask`` (B, 1, T, T), True where a frame may look."""
        b, t, d = x.shape
        qkv = self.qkv(self.norm1(x)).view(b, t, 3, self.heads, d // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, heads, T, D / heads)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.out(y.transpose(1, 2).reshape(b, t, d))
        return x + self.down(self.activation(self.up(self.norm2(x))))


class TransformerHead(nn.Module):
    """Learned frame positions and transformer layers; what they make is added to the frames."""

    def __init__(self, width: int, frames: int, options: HeadOptions) -> None:
        super().__init__()
        self.zero = options.start == "zero"
        self.positions = nn.Parameter(torch.randn(frames, width) * NORMAL_STD)
        self.blocks = nn.ModuleList(FrameBlock(width, options) for _ in range(options.layers))
        for block in self.blocks:
            self._start(cast(FrameBlock, block))

    def _start(self, block: FrameBlock) -> None:
        if self.zero:
            for last in (block.out, block.down):
                _zero(last)
            return
        for linear in (block.out, block.up, block.down):
            nn.init.normal_(linear.weight, std=NORMAL_STD)
            nn.init.zeros_(linear.bias)
        nn.init.xavier_uniform_(block.qkv.weight)  # as of torch's own attention, used there
        nn.init.zeros_(block.qkv.bias)

    def forward(self, x: Tensor, valid: Tensor, places: Tensor) -> Tensor:
        """(B, T, D) both ways; ``places`` (T, D) or (1, D) are added to the frames."""
        t = x.shape[1]
        alone = torch.eye(t, dtype=torch.bool, device=x.device)
        # a padded frame looks at itself, so that no row of the softmax is empty
        mask = valid[:, None, None, :] | alone
        h = x + places
        for block in self.blocks:
            h = block(h, mask)
        # zero: what the layers added, which is exactly nothing at the start
        return x + (h - (x + places)) if self.zero else x + h


class LSTMHead(nn.Module):
    """LSTM over frames, forward only, added to them. The zero start puts a projection behind it."""

    def __init__(self, width: int, options: HeadOptions) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, width, options.layers, batch_first=True)
        self.out = nn.Linear(width, width) if options.start == "zero" else nn.Identity()
        if isinstance(self.out, nn.Linear):
            _zero(self.out)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """(B, T, D) both ways. Padding stands at the end, so what is before it never sees it."""
        return x + self.out(self.lstm(x)[0])


class Conv1DHead(nn.Module):
    """Depthwise convolution over three frames, added to them.

    It starts as a shift of whole channels: the first quarter from the frame before, the last from the
    frame after, the rest stay; under ``start: zero`` with nothing.
    """

    def __init__(self, width: int, options: HeadOptions) -> None:
        super().__init__()
        self.conv = nn.Conv1d(width, width, 3, padding=1, groups=width, bias=False)
        quarter = width // 4
        taps = torch.zeros(width, 1, 3)
        if options.start == "normal":
            taps[:quarter, 0, 0] = 1.0
            taps[quarter : width - quarter, 0, 1] = 1.0
            taps[width - quarter :, 0, 2] = 1.0
        with torch.no_grad():
            self.conv.weight.copy_(taps)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """(B, T, D) both ways; beyond the clip's ends stand zeros."""
        seen = x * valid[..., None].to(x.dtype)
        return x + self.conv(seen.transpose(1, 2)).transpose(1, 2)


def _zero(linear: nn.Linear) -> None:
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)


class NoHead(nn.Module):
    """The frames as they are."""

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """(B, T, D) both ways."""
        return x


class TemporalHead(AtLeastFloat32):
    """A head over frames and the mean of the frames that are there.

    ``temporal=False`` is the control of equal size: every frame passes as a clip of its own, with
    the mean of all positions, so nothing tells frames apart and no frame sees another.
    """

    def __init__(self, width: int, frames: int, options: HeadOptions, temporal: bool) -> None:
        super().__init__()
        self.temporal = temporal
        kinds = {
            "transformer": lambda: TransformerHead(width, frames, options),
            "lstm": lambda: LSTMHead(width, options),
            "conv1d": lambda: Conv1DHead(width, options),
            "none": NoHead,
        }
        self.over_frames = kinds[options.kind]()

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """(B, T, D) -> (B, D), at least float32; ``valid`` (B, T) bool, False where a short clip was
        padded (at its end; one frame at least is there)."""
        x = x.to(torch.promote_types(x.dtype, torch.float32))  # sums of frames, not of roundings
        b, t, d = x.shape
        alone = not self.temporal
        frames, there = (x.reshape(b * t, 1, d), valid.reshape(b * t, 1)) if alone else (x, valid)
        if isinstance(self.over_frames, TransformerHead):
            positions = self.over_frames.positions
            places = positions.mean(dim=0, keepdim=True) if alone else positions[:t]
            frames = self.over_frames(frames, there, places)
        else:
            frames = self.over_frames(frames, there)
        share = valid / valid.sum(dim=1, keepdim=True)  # (B, T), sums to one
        # no matrix product, which autocast would narrow
        return (frames.reshape(b, t, d) * share.to(frames.dtype)[..., None]).sum(dim=1)
