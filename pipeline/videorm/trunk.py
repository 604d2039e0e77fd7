"""The CLIP towers, through transformers: loaded by name, or small ones with random weights."""

from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import CLIPConfig, CLIPModel
from transformers.models.clip.modeling_clip import CLIPVisionModel

from pipeline.videorm.options import VideoRMOptions
from pipeline.videorm.shift import temporal_shift
from pipeline.videorm.tokens import END, MAX_TOKENS, START
from schemas.options import SetupError

MEAN = (0.48145466, 0.4578275, 0.40821073)  # of CLIP's training images (arXiv 2103.00020, code)
STD = (0.26862954, 0.26130258, 0.27577711)
POSITION_GAIN = 10.0  # likewise for the places of patches, which a jump is told by
TEXT_GAIN = (
    20.0  # CLIP starts word embeddings at 0.02, too small to learn from in a few hundred steps
)


def normalise(pixels: Tensor) -> Tensor:
    """Pixels (..., C, H, W) in [0, 1] as CLIP's image tower takes them."""
    mean, std = (pixels.new_tensor(x).view(3, 1, 1) for x in (MEAN, STD))
    return (pixels - mean) / std


def small_config(options: VideoRMOptions, tokenizer: Tokenizer) -> CLIPConfig:
    """Two towers of equal width, sized by the options and by the tokenizer's vocabulary."""
    tower = {
        "hidden_size": options.width,
        "intermediate_size": 2 * options.width,
        "num_attention_heads": options.heads,
        "hidden_act": "gelu",  # faster than quick-GELU on a CPU
        "projection_dim": options.width,
    }
    ids = {"bos_token_id": tokenizer.token_to_id(START), "eos_token_id": tokenizer.token_to_id(END)}
    return CLIPConfig(
        projection_dim=options.width,
        text_config={
            **tower,
            **ids,
            "vocab_size": tokenizer.get_vocab_size(),
            "num_hidden_layers": options.text_layers,
            "max_position_embeddings": MAX_TOKENS,
        },
        vision_config={
            **tower,
            "num_hidden_layers": options.layers,
            "image_size": options.image_size,
            "patch_size": options.patch_size,
        },
    )


def random_towers(config: CLIPConfig) -> CLIPModel:
    """Towers with random weights, from torch's current seed."""
    clip = CLIPModel(config)
    with torch.no_grad():
        clip.text_model.embeddings.token_embedding.weight.mul_(TEXT_GAIN)
        clip.vision_model.embeddings.position_embedding.weight.mul_(POSITION_GAIN)
    return clip


def load_towers(trunk: str) -> tuple[CLIPModel, Tokenizer]:
    """Pretrained towers and their tokenizer, from a folder or the hub."""
    from transformers import AutoTokenizer  # half a second that random towers do not need

    try:
        clip = CLIPModel.from_pretrained(trunk, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(trunk, use_fast=True).backend_tokenizer
    except (OSError, ValueError, AttributeError) as error:
        raise SetupError(
            f"videorm.trunk: cannot load a CLIP model and its tokenizer from {trunk!r}: {error}; "
            "name a folder or hub id that holds both, or leave it out for random weights"
        ) from error
    return clip, tokenizer


def embed_frames(
    vision: CLIPVisionModel, pixels: Tensor, valid: Tensor, shift: float = 0.0
) -> Tensor:
    """The image tower with the temporal shift, (B, T, C, H, W) -> (B, T, D).

    The shift stands inside the attention branch: the skip path stays a clean copy of the frame, and
    the block's non-linearity follows, without which a mean over frames would undo it. A frame's
    embedding is CLIP's class token. With ``shift`` 0 this is CLIPVisionModel's own forward pass.
    """
    x = vision.pre_layrnorm(vision.embeddings(pixels.flatten(0, 1)))  # (B * T, N, D)
    layers: list[Any] = list(vision.encoder.layers)
    for layer in layers:
        h = layer.layer_norm1(x)
        h = temporal_shift(h.view(*valid.shape, *h.shape[1:]), valid, shift).flatten(0, 1)
        x = x + layer.self_attn(hidden_states=h)[0]
        x = x + layer.mlp(layer.layer_norm2(x))
    return vision.post_layernorm(x[:, 0]).view(*valid.shape, -1)  # (B, T, D)


def image_size_of(trunk: str) -> int:
    """Height and width in pixels of the frames that a pretrained image tower takes."""
    try:
        vision: Any = CLIPConfig.from_pretrained(trunk).vision_config
        return int(vision.image_size)
    except (OSError, ValueError) as error:
        raise SetupError(f"videorm.trunk: cannot read {trunk!r}: {error}") from error
