"""VideoRM: two towers, temporal shift, a head over frames, one reward per dimension.

frames (B, T, C, H, W) -> image tower with the shift -> (B, T, D) -> head -> (B, D);
prompts (P, L) -> text tower -> (P, D); both -> readout -> rewards (B, dimensions).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from pipeline.videorm.data.decode import pick
from pipeline.videorm.model.config import VideoRMConfig
from pipeline.videorm.model.heads import TemporalHead
from pipeline.videorm.model.readout import Readout
from pipeline.videorm.model.resize import fitted
from pipeline.videorm.model.tokens import encode
from pipeline.videorm.model.trunk import trunk_of

OVERSHOOT = 0.5  # of pixel values beyond [0, 1]


class VideoRM(nn.Module):
    """A reward per dimension for (prompt, clip). Rewards compare within one model only."""

    def __init__(self, config: VideoRMConfig, towers: nn.Module, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = tokenizer
        self.trunk = trunk_of(towers)
        width, dimensions = self.trunk.width, len(config.dimensions)
        self.head = TemporalHead(width, config.frames, config.head, config.temporal)
        self.readout = Readout(width, dimensions, config.readout, self.trunk.logit_scale)

    @property
    def parameters_count(self) -> int:
        """Number of parameters; the same for all arms."""
        return sum(p.numel() for p in self.parameters())

    @property
    def frozen_depth(self) -> int | None:
        """How deep the frozen part of the image tower reaches (see :class:`Trunk`); None: nowhere."""
        trunk = self.trunk
        if _learn(trunk.entrance()):
            return None
        for i, block in enumerate(trunk.blocks):
            if _learn([block]):
                return i
        # embeddings are behind what follows the blocks
        return trunk.n_blocks - 1 if _learn(trunk.exits()) else trunk.n_blocks

    @property
    def text_is_frozen(self) -> bool:
        """Whether prompts may be embedded once."""
        return not _learn(self.trunk.text_parts())

    def texts(self, text: Tensor) -> Tensor:
        """Prompt embeddings (P, D) of token ids (P, L) int64; embeddings pass."""
        return text if text.is_floating_point() else self.trunk.texts(text)

    def clips(self, clips: Tensor, valid: Tensor, depth: int | None = None) -> Tensor:
        """Clip embeddings (B, D); arguments as in :meth:`forward`."""
        return self.head(self.trunk.frames(clips, valid, self.config.shift, depth), valid)

    def forward(
        self, text: Tensor, clips: Tensor, valid: Tensor, prompt: Tensor, depth: int | None = None
    ) -> Tensor:
        """Rewards (B, dimensions).

        ``text`` (P, L) token ids, or (P, D) embeddings of a frozen tower; ``clips`` pixels
        (B, T, C, H, W) in [0, 1], or what came out of the frozen trunk at ``depth``: tokens
        (B, T, L, W) or embeddings (B, T, D); ``valid`` (B, T) bool, False where a short clip was
        padded; ``prompt`` (B,) which of the P prompts each clip was made for.
        """
        return self.readout(self.clips(clips, valid, depth), self.texts(text)[prompt])

    def encode(self, prompts: Sequence[str]) -> Tensor:
        """Token ids (P, L) int64, on the CPU."""
        text: Any = self.trunk.config.text_config
        length = int(text.max_position_embeddings)
        pad = text.pad_token_id if self.trunk.config.model_type == "siglip" else None
        return encode(self.tokenizer, prompts, length, pad)

    def score(self, prompts: Sequence[str], videos: Tensor, valid: Tensor | None = None) -> Tensor:
        """Rewards (B, dimensions) of clips (B, T, 3, H, W), one prompt each: uint8, or floats in [0, 1].

        Frames of another size are brought to the model's as in training. ``valid`` (B, T) bool is False
        where a short clip was padded at its end; more frames than the model was trained on are thinned
        out evenly. In evaluation mode, whatever mode the model is in. Differentiable with respect to
        ``videos``. A regression's rewards are scores on its scale.

        Raises ValueError for other shapes, other types and values, and clips without a frame.
        """
        videos, valid = _checked(prompts, videos, valid)
        device = next(self.parameters()).device
        videos, valid = thinned(videos.to(device), valid.to(device), self.config.frames)
        videos = fitted(videos, self.config.image_size, self.config.fit)
        training = self.training
        self.eval()
        try:
            tokens = self.encode(prompts).to(device)
            return self(tokens, videos, valid, torch.arange(len(prompts), device=device))
        finally:
            self.train(training)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write config.json, model.safetensors and tokenizer.json."""
        from pipeline.videorm.model.saved import save  # it builds models, so it stands above

        save(self, Path(folder))

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> "VideoRM":
        """The model that :meth:`save_pretrained` wrote, on the CPU, in evaluation mode.

        Raises :class:`schemas.options.SetupError` naming the file and what is wrong with it.
        """
        from pipeline.videorm.model.saved import load

        return load(Path(folder))

    def overall(self, rewards: Tensor) -> Tensor:
        """The weighted mean (B,) of rewards (B, dimensions), by the weights of the configuration."""
        dimensions = self.config.dimensions
        given = self.config.overall or dict.fromkeys(dimensions, 1.0)
        weights = rewards.new_tensor([given[d] for d in dimensions])
        return rewards @ (weights / weights.sum())


def _learn(parts: Sequence[nn.Module]) -> bool:
    return any(p.requires_grad for part in parts for p in part.parameters())


def _checked(prompts: Sequence[str], videos: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
    """Videos as floats in [0, 1] and their mask, or ValueError."""
    if isinstance(prompts, str):
        raise ValueError("prompts: one string; a list with a prompt for each clip is needed")
    if videos.ndim != 5 or videos.shape[2] != 3 or 0 in videos.shape:
        raise ValueError(f"videos of shape {tuple(videos.shape)}: (B, T, 3, H, W) is needed, RGB")
    if len(prompts) != len(videos):
        raise ValueError(f"{len(prompts)} prompts for {len(videos)} clips: one each is needed")
    if valid is None:
        valid = torch.ones(videos.shape[:2], dtype=torch.bool, device=videos.device)
    if valid.shape != videos.shape[:2] or valid.dtype != torch.bool:
        raise ValueError(
            f"valid of shape {tuple(valid.shape)}, {valid.dtype}: {tuple(videos.shape[:2])} bool is needed"
        )
    if not bool(valid[:, 0].all()) or bool((valid[:, 1:] & ~valid[:, :-1]).any()):
        raise ValueError("valid: a clip has its frames first and padding, if any, at its end")
    return _in_unit_range(videos), valid


def _in_unit_range(videos: Tensor) -> Tensor:
    if videos.dtype == torch.uint8:
        return videos.float() / 255
    if not videos.is_floating_point():
        raise ValueError(f"videos of type {videos.dtype}: uint8, or floats in [0, 1] are needed")
    low, high = (float(x) for x in videos.detach().aminmax())
    # a decoder's output passes the ends a little; levels to 255, and pixels centred on zero, do not fit
    if not (low >= -OVERSHOOT and high <= 1 + OVERSHOOT):
        raise ValueError(
            f"videos with values from {low:g} to {high:g}: floats in [0, 1] are needed"
        )
    return videos


def thinned(videos: Tensor, valid: Tensor, frames: int) -> tuple[Tensor, Tensor]:
    """At most ``frames`` of each clip's frames, those that :func:`pick` takes in training.

    ``videos`` (B, T, ...), ``valid`` (B, T) with padding at the end; both come back with at most
    ``frames`` places.
    """
    if videos.shape[1] <= frames:
        return videos, valid
    counts = valid.sum(dim=1).tolist()
    kept = [pick(n, frames) for n in counts]
    length = max(map(len, kept))
    places = [[*row, *[0] * (length - len(row))] for row in kept]
    index = torch.tensor(places, device=videos.device)
    there = torch.tensor([[i < len(row) for i in range(length)] for row in kept])
    clips = torch.arange(len(videos), device=videos.device)[:, None]
    return videos[clips, index], there.to(valid.device)
