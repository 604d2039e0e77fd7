"""The image and the text tower, from pixels and words to one joint space, with the temporal shift.

transformers' CLIP and SigLIP, block by block: what the shift needs, and what lets frozen blocks be
passed once and remembered.
"""

from abc import ABC, abstractmethod
from typing import Any, Self, cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import CLIPModel, SiglipModel

from pipeline.videorm.model.config import ShiftConfig
from pipeline.videorm.model.shift import temporal_shift

FEW_TOKENS = 32  # up to here plain attention is as fast as the fused one on a CPU (measured)
NO_SHIFT = ShiftConfig(fraction=0.0, placement="branch", blocks=())


class Trunk(nn.Module, ABC):
    """Two towers. Depth says how far a frame has come: 0 to ``n_blocks`` - 1 are tokens before that
    block, ``n_blocks`` is a finished embedding, None pixels."""

    mean: tuple[float, ...]  # of the pixels, by channel
    std: tuple[float, ...]
    unshifted: int  # leading tokens that are no patches

    def __init__(self, towers: nn.Module) -> None:
        super().__init__()
        self.towers = towers
        inner: Any = towers
        self.config: Any = inner.config
        n_tokens = inner.vision_model.embeddings.num_positions
        inner.set_attn_implementation("eager" if n_tokens <= FEW_TOKENS else "sdpa")
        self.gradient_checkpointing = False
        for name, value in (("pixel_mean", self.mean), ("pixel_std", self.std)):
            # the towers' device is not the buffers': a saved model is made without memory for weights
            channels = torch.tensor(value, device="cpu").view(3, 1, 1)
            self.register_buffer(name, channels, persistent=False)
        self.pixel_mean: Tensor
        self.pixel_std: Tensor
        for unused in ("logit_scale", "logit_bias"):  # of the towers' own training: not VideoRM's
            if hasattr(inner, unused):
                getattr(inner, unused).requires_grad_(False)

    def freeze(self, train_blocks: int) -> None:
        """Freeze both towers but for the top blocks of the image tower and what follows them."""
        self.requires_grad_(False)
        if train_blocks:
            for part in (*self.blocks[self.n_blocks - train_blocks :], *self.exits()):
                part.requires_grad_(True)
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """As of any module, but what is frozen stays in evaluation mode: no dropout there."""
        super().train(mode)
        for part in (*self.entrance(), *self.blocks, *self.exits(), *self.text_parts()):
            if not any(p.requires_grad for p in part.parameters()):
                part.eval()
        return self

    @property
    def image_size(self) -> int:
        """Height and width of a frame in pixels."""
        return int(self.config.vision_config.image_size)

    @property
    def blocks(self) -> list[Any]:
        """The image tower's blocks, lowest first."""
        inner: Any = self.towers
        return list(inner.vision_model.encoder.layers)

    @property
    def n_blocks(self) -> int:
        """How many."""
        return len(self.blocks)

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights."""
        return next(self.towers.parameters()).dtype

    @property
    @abstractmethod
    def width(self) -> int:
        """D of the joint space."""

    @property
    def logit_scale(self) -> float:
        """What the towers' own training multiplied cosines by; 1 while they have no weights yet."""
        learned: Tensor = cast(Any, self.towers).logit_scale.detach()
        return 1.0 if learned.is_meta else float(learned.exp())

    @abstractmethod
    def texts(self, tokens: Tensor) -> Tensor:
        """Token ids (P, L) -> embeddings (P, D)."""

    @abstractmethod
    def enter(self, pixels: Tensor) -> Tensor:
        """Normalised pixels (N, C, H, W) -> tokens before the first block (N, L, W)."""

    @abstractmethod
    def leave(self, tokens: Tensor) -> Tensor:
        """Tokens behind the last block (N, L, W) -> embeddings (N, D)."""

    @abstractmethod
    def entrance(self) -> list[nn.Module]:
        """What stands between the pixels and the image tower's first block."""

    @abstractmethod
    def exits(self) -> list[nn.Module]:
        """What stands between the image tower's last block and the joint space."""

    @abstractmethod
    def text_parts(self) -> list[nn.Module]:
        """What stands between token ids and the joint space."""

    def normalise(self, pixels: Tensor) -> Tensor:
        """Pixels (..., C, H, W) in [0, 1] as the image tower takes them."""
        return (pixels - self.pixel_mean) / self.pixel_std

    def frames(
        self, clips: Tensor, valid: Tensor, shift: ShiftConfig, depth: int | None = None
    ) -> Tensor:
        """Embeddings (B, T, D) of clips that have come to ``depth``.

        ``clips`` are pixels (B, T, C, H, W) in [0, 1], tokens (B, T, L, W), or embeddings, which
        pass. ``valid`` (B, T) bool is False where a short clip was padded. What comes in at a depth
        may be of a narrower type: it is widened to the weights'.
        """
        if depth is not None:
            clips = clips.to(self.dtype)
        if depth == self.n_blocks:
            return clips
        x = self.passed(clips, valid, shift, depth, self.n_blocks)
        return self.leave(x.flatten(0, 1)).view(*valid.shape, -1)

    def passed(
        self, clips: Tensor, valid: Tensor, shift: ShiftConfig, start: int | None, end: int
    ) -> Tensor:
        """Tokens (B, T, L, W) before block ``end``, of clips that have come to ``start``."""
        x = clips.flatten(0, 1)
        if start is None:
            x = self.enter(self.normalise(x))
        for i in range(start or 0, end):
            fraction = shift.fraction if i in shift.blocks else 0.0
            if self.gradient_checkpointing and torch.is_grad_enabled() and self._learns(i, x):
                x = checkpoint(
                    self._block, i, x, valid, fraction, shift.placement, use_reentrant=False
                )
            else:
                x = self._block(i, x, valid, fraction, shift.placement)
        return x.view(*valid.shape, *x.shape[1:])

    def _learns(self, i: int, x: Tensor) -> bool:
        return x.requires_grad or any(p.requires_grad for p in self.blocks[i].parameters())

    def _block(self, i: int, x: Tensor, valid: Tensor, fraction: float, placement: str) -> Tensor:
        """One block; (B * T, L, W) both ways."""
        block = self.blocks[i]
        if fraction and placement == "input":
            x = self._shifted(x, valid, fraction)
        h = block.layer_norm1(x)
        if fraction and placement == "branch":
            h = self._shifted(h, valid, fraction)
        x = x + block.self_attn(hidden_states=h, attention_mask=None)[0]
        return x + block.mlp(block.layer_norm2(x))

    def _shifted(self, x: Tensor, valid: Tensor, fraction: float) -> Tensor:
        clips = x.view(*valid.shape, *x.shape[1:])
        return temporal_shift(clips, valid, fraction, self.unshifted).flatten(0, 1)


class ClipTrunk(Trunk):
    """CLIP (arXiv 2103.00020): also LAION's, HPS v2 and PickScore. A frame is its class token."""

    mean = (0.48145466, 0.4578275, 0.40821073)  # of CLIP's training images (its code)
    std = (0.26862954, 0.26130258, 0.27577711)
    unshifted = 1

    @property
    def width(self) -> int:
        """D of the joint space."""
        return int(self.config.projection_dim)

    def texts(self, tokens: Tensor) -> Tensor:
        """Token ids (P, L) -> embeddings (P, D)."""
        clip = cast(CLIPModel, self.towers)
        return clip.text_projection(clip.text_model(input_ids=tokens).pooler_output)

    def enter(self, pixels: Tensor) -> Tensor:
        """Normalised pixels (N, C, H, W) -> tokens before the first block (N, L, W)."""
        vision = cast(CLIPModel, self.towers).vision_model
        return vision.pre_layrnorm(vision.embeddings(pixels))

    def leave(self, tokens: Tensor) -> Tensor:
        """Tokens behind the last block (N, L, W) -> embeddings (N, D)."""
        clip = cast(CLIPModel, self.towers)
        return clip.visual_projection(clip.vision_model.post_layernorm(tokens[:, 0]))

    def exits(self) -> list[nn.Module]:
        """What stands between the image tower's last block and the joint space."""
        clip = cast(CLIPModel, self.towers)
        return [clip.vision_model.post_layernorm, clip.visual_projection]

    def entrance(self) -> list[nn.Module]:
        """What stands between the pixels and the image tower's first block."""
        vision = cast(CLIPModel, self.towers).vision_model
        return [vision.embeddings, vision.pre_layrnorm]

    def text_parts(self) -> list[nn.Module]:
        """What stands between token ids and the joint space."""
        clip = cast(CLIPModel, self.towers)
        return [clip.text_model, clip.text_projection]


class SiglipTrunk(Trunk):
    """SigLIP (arXiv 2303.15343). It has no class token: a frame is what its pooling head attends to."""

    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)
    unshifted = 0

    @property
    def width(self) -> int:
        """D of the joint space."""
        return int(self.config.vision_config.hidden_size)

    def texts(self, tokens: Tensor) -> Tensor:
        """Token ids (P, L), padded to the tower's full length -> embeddings (P, D)."""
        siglip = cast(SiglipModel, self.towers)
        pooled: Tensor = siglip.text_model(input_ids=tokens).pooler_output
        return pooled

    def enter(self, pixels: Tensor) -> Tensor:
        """Normalised pixels (N, C, H, W) -> tokens before the first block (N, L, W)."""
        return cast(SiglipModel, self.towers).vision_model.embeddings(pixels)

    def leave(self, tokens: Tensor) -> Tensor:
        """Tokens behind the last block (N, L, W) -> embeddings (N, D)."""
        vision = cast(SiglipModel, self.towers).vision_model
        return vision.head(vision.post_layernorm(tokens))

    def exits(self) -> list[nn.Module]:
        """What stands between the image tower's last block and the joint space."""
        vision = cast(SiglipModel, self.towers).vision_model
        return [vision.post_layernorm, vision.head]

    def entrance(self) -> list[nn.Module]:
        """What stands between the pixels and the image tower's first block."""
        return [cast(SiglipModel, self.towers).vision_model.embeddings]

    def text_parts(self) -> list[nn.Module]:
        """What stands between token ids and the joint space."""
        return [cast(SiglipModel, self.towers).text_model]


def trunk_of(towers: nn.Module) -> Trunk:
    """The towers with what VideoRM asks of them."""
    return SiglipTrunk(towers) if isinstance(towers, SiglipModel) else ClipTrunk(towers)
