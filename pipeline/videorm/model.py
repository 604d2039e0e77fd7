"""VideoRM: CLIP towers, temporal shift, temporal transformer, one reward per dimension.

frames (B, T, C, H, W) -> image tower with the shift -> (B, T, D) -> temporal transformer -> (B, D)
prompt (B, L) -> text tower -> (B, D); both -> readout -> rewards (B, dimensions).
"""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import CLIPConfig, CLIPModel

from pipeline.videorm.options import Arm, VideoRMOptions
from pipeline.videorm.temporal import Readout, TemporalTransformer
from pipeline.videorm.tokens import encode, train_tokenizer
from pipeline.videorm.trunk import embed_frames, load_towers, normalise, random_towers, small_config
from schemas.options import SetupError

FEW_TOKENS = 64  # up to here plain attention is faster than the fused one on a CPU (measured)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VideoRMConfig:
    """What is needed to build the network that a set of weights belongs to."""

    arm: Arm
    dimensions: tuple[str, ...]
    frames: int
    shift: float
    temporal_layers: int
    temporal_heads: int
    hidden: int
    clip: dict[str, Any]  # transformers' CLIPConfig
    trunk: str | None = None  # where the towers came from

    @property
    def image_size(self) -> int:
        """Height and width of a frame in pixels."""
        return int(self.clip["vision_config"]["image_size"])


class VideoRM(nn.Module):
    """A reward per dimension for (prompt, clip). Rewards compare within one model only."""

    def __init__(self, config: VideoRMConfig, clip: CLIPModel, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = tokenizer
        self.clip = clip
        n_tokens = clip.vision_model.embeddings.num_positions
        clip.set_attn_implementation("eager" if n_tokens <= FEW_TOKENS else "sdpa")
        width = clip.visual_projection.out_features
        temporal = config.arm == "videorm"
        self.shift = config.shift if temporal else 0.0
        self.temporal = TemporalTransformer(
            width, config.frames, config.temporal_layers, config.temporal_heads, temporal
        )
        self.readout = Readout(width, config.hidden, len(config.dimensions))

    @property
    def parameters_count(self) -> int:
        """Number of parameters; the same for both arms."""
        return sum(p.numel() for p in self.parameters())

    def embed(self, tokens: Tensor, pixels: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Clip embeddings (B, D) and prompt embeddings (P, D); arguments as in :meth:`forward`."""
        vision = self.clip.vision_model
        z = embed_frames(vision, normalise(pixels), valid, self.shift)  # (B, T, D)
        z = self.temporal(self.clip.visual_projection(z), valid)  # (B, D)
        return z, self.clip.text_projection(self.clip.text_model(input_ids=tokens).pooler_output)

    def forward(self, tokens: Tensor, pixels: Tensor, valid: Tensor, prompt: Tensor) -> Tensor:
        """Rewards (B, dimensions).

        ``tokens`` (P, L); ``pixels`` (B, T, C, H, W) in [0, 1]; ``valid`` (B, T) bool, False where
        a short clip was padded; ``prompt`` (B,) which of the P prompts each clip was made for.
        """
        z, q = self.embed(tokens, pixels, valid)
        return self.readout(z, q[prompt])

    def encode(self, prompts: Sequence[str]) -> Tensor:
        """Token ids (P, L)."""
        text: Any = self.clip.config.text_config
        return encode(self.tokenizer, prompts, text.max_position_embeddings)

    def score(self, prompts: Sequence[str], videos: Tensor, valid: Tensor | None = None) -> Tensor:
        """Rewards (B, dimensions) of clips (B, T, C, H, W), in [0, 1] or uint8, one prompt each.

        In evaluation mode, whatever mode the model is in. Differentiable with respect to
        ``videos``.
        """
        if len(prompts) != len(videos):
            raise ValueError(f"{len(prompts)} prompts for {len(videos)} clips: one each is needed")
        if videos.dtype == torch.uint8:
            videos = videos.float() / 255
        if valid is None:
            valid = torch.ones(videos.shape[:2], dtype=torch.bool, device=videos.device)
        training = self.training
        self.eval()
        try:
            tokens = self.encode(prompts).to(videos.device)
            return self(tokens, videos, valid, torch.arange(len(prompts), device=videos.device))
        finally:
            self.train(training)

    def save_pretrained(self, folder: Path) -> None:
        """Write config.json, model.safetensors and tokenizer.json."""
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(dataclasses.asdict(self.config), indent=2, sort_keys=True)
        (folder / "config.json").write_text(text + "\n")
        save_file(
            {k: v.contiguous() for k, v in self.state_dict().items()}, folder / "model.safetensors"
        )
        self.tokenizer.save(str(folder / "tokenizer.json"))

    @classmethod
    def from_pretrained(cls, folder: Path) -> "VideoRM":
        """The model that :meth:`save_pretrained` wrote, in evaluation mode."""
        for name in ("config.json", "model.safetensors", "tokenizer.json"):
            if not (folder / name).is_file():
                raise SetupError(
                    f"{folder / name}: not found; name the folder of a trained VideoRM"
                )
        values = json.loads((folder / "config.json").read_text())
        config = VideoRMConfig(**{**values, "dimensions": tuple(values["dimensions"])})
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        model = cls(config, CLIPModel(CLIPConfig(**config.clip)), tokenizer)
        model.load_state_dict(load_file(folder / "model.safetensors"))
        return model.eval()


def build(
    options: VideoRMOptions, arm: Arm, dimensions: Sequence[str], prompts: Sequence[str]
) -> VideoRM:
    """A model ready to train. The same seed gives every arm the same initial weights.

    ``prompts`` are the training prompts: a tokenizer of their words goes with random towers.
    """
    torch.manual_seed(options.seed)
    if options.trunk is None:
        tokenizer = train_tokenizer(prompts)
        clip = random_towers(small_config(options, tokenizer))
    else:
        clip, tokenizer = load_towers(options.trunk)
        clip.requires_grad_(False)  # as in the paper: only the temporal parts and the readout learn
    config = VideoRMConfig(
        arm=arm,
        dimensions=tuple(dimensions),
        frames=options.frames,
        shift=options.shift,
        temporal_layers=options.temporal_layers,
        temporal_heads=options.temporal_heads,
        hidden=options.hidden,
        clip=json.loads(clip.config.to_json_string(use_diff=False)),  # as it will be read again
        trunk=options.trunk,
    )
    return VideoRM(config, clip, tokenizer)
