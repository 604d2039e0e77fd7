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

from pipeline.videorm.model.config import VideoRMConfig
from pipeline.videorm.model.heads import TemporalHead
from pipeline.videorm.model.readout import Readout
from pipeline.videorm.model.resize import fitted
from pipeline.videorm.model.tokens import encode
from pipeline.videorm.model.trunk import trunk_of


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
        if any(p.requires_grad for p in self._entrance()):
            return None
        for i, block in enumerate(trunk.blocks):
            if any(p.requires_grad for p in block.parameters()):
                return i
        return trunk.n_blocks

    @property
    def text_is_frozen(self) -> bool:
        """Whether prompts may be embedded once."""
        inner: Any = self.trunk.towers
        return not any(p.requires_grad for p in inner.text_model.parameters())

    def _entrance(self) -> list[nn.Parameter]:
        inner: Any = self.trunk.towers
        return list(inner.vision_model.embeddings.parameters())

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
        """Token ids (P, L)."""
        text: Any = self.trunk.config.text_config
        length = int(text.max_position_embeddings)
        pad = text.pad_token_id if self.trunk.config.model_type == "siglip" else None
        return encode(self.tokenizer, prompts, length, pad)

    def score(self, prompts: Sequence[str], videos: Tensor, valid: Tensor | None = None) -> Tensor:
        """Rewards (B, dimensions) of clips (B, T, C, H, W), in [0, 1] or uint8, one prompt each.

        Frames of another size are brought to the model's as in training; more frames than it was
        trained on are thinned out evenly. In evaluation mode, whatever mode the model is in.
        Differentiable with respect to ``videos``. A regression's rewards are scores on its scale.
        """
        if videos.ndim != 5 or videos.shape[2] != 3:
            raise ValueError(
                f"videos of shape {tuple(videos.shape)}: (B, T, 3, H, W) is needed, RGB"
            )
        if len(prompts) != len(videos):
            raise ValueError(f"{len(prompts)} prompts for {len(videos)} clips: one each is needed")
        if valid is None:
            valid = torch.ones(videos.shape[:2], dtype=torch.bool, device=videos.device)
        if videos.shape[1] > self.config.frames:
            if not bool(valid.all()):
                raise ValueError(
                    f"padded clips of {videos.shape[1]} frames: thin out to {self.config.frames} first"
                )
            kept = torch.linspace(0, videos.shape[1] - 1, self.config.frames).round().long()
            videos, valid = videos[:, kept], valid[:, kept]
        if videos.dtype == torch.uint8:
            videos = videos.float() / 255
        videos = fitted(videos, self.config.image_size, self.config.fit)
        training = self.training
        self.eval()
        try:
            tokens = self.encode(prompts).to(videos.device)
            return self(tokens, videos, valid, torch.arange(len(prompts), device=videos.device))
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
        weights = rewards.new_tensor([self.config.overall[d] for d in self.config.dimensions])
        return rewards @ (weights / weights.sum())
