"""Where towers come from: the hub or a folder, random weights, or the shape alone."""

import hashlib
from typing import Any

import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer
from torch import nn
from transformers import AutoConfig, CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

from pipeline.videorm.model.tokens import END, MAX_TOKENS, START
from pipeline.videorm.options import TowerOptions
from schemas.options import SetupError

POSITION_GAIN = 10.0  # likewise for the places of patches, which a jump is told by
TEXT_GAIN = (
    20.0  # CLIP starts word embeddings at 0.02, too small to learn from in a few hundred steps
)
KINDS = {"clip": (CLIPConfig, CLIPModel), "siglip": (SiglipConfig, SiglipModel)}


def small_config(options: TowerOptions, tokenizer: Tokenizer) -> CLIPConfig:
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


def empty_towers(config: dict[str, Any]) -> nn.Module:
    """Towers of the shape that a saved model's config.json says; their weights are loaded next."""
    kind, model = KINDS[config["model_type"]]
    return model(kind(**config))


def load_towers(trunk: str, tokenizer: str | None = None) -> tuple[nn.Module, Tokenizer]:
    """Pretrained towers in float32 and their tokenizer, from folders or the hub.

    Raises :class:`SetupError` for what is neither CLIP nor SigLIP, for weights that are missing or
    of another shape, and for files that are not safetensors and not weights alone.
    """
    model: Any = KINDS[_model_type(trunk)][1]
    try:
        loaded: Any = model.from_pretrained(trunk, dtype=torch.float32, output_loading_info=True)
        towers, told = loaded
        missing = sorted(told["missing_keys"])
        if missing:  # transformers fills them with random numbers and goes on
            raise ValueError(f"no weights for {', '.join(missing[:3])}")
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise SetupError(f"videorm.trunk: cannot load {trunk!r}: {error}") from error
    return towers, load_tokenizer(tokenizer or trunk)


def load_tokenizer(source: str) -> Tokenizer:
    """The fast tokenizer of a folder or hub id."""
    from transformers import AutoTokenizer  # half a second that random towers do not need

    try:
        backend: Tokenizer = AutoTokenizer.from_pretrained(source, use_fast=True).backend_tokenizer
        return backend
    except (OSError, ValueError, AttributeError, ImportError) as error:
        raise SetupError(
            f"videorm.trunk: no fast tokenizer in {source!r} ({str(error).splitlines()[0]}); name a "
            "folder or hub id that has one with videorm.tokenizer"
        ) from error


def image_size_of(trunk: str) -> int:
    """Height and width in pixels of the frames that a pretrained image tower takes."""
    return int(_config(trunk).vision_config.image_size)


def _model_type(trunk: str) -> str:
    kind: str = _config(trunk).model_type
    if kind not in KINDS:
        raise SetupError(
            f"videorm.trunk: {trunk} holds a model of type {kind!r}, not {' or '.join(KINDS)}"
        )
    return kind


def _config(trunk: str) -> Any:
    try:
        return AutoConfig.from_pretrained(trunk)
    except (OSError, ValueError) as error:
        raise SetupError(
            f"videorm.trunk: cannot read {trunk!r}: {str(error).splitlines()[0]}; name a folder "
            "with a CLIP or SigLIP model, a hub id that this machine can reach, or take preset "
            "videorm-tiny for random weights"
        ) from error


def towers_sha256(towers: nn.Module) -> str:
    """SHA-256 over names, shapes, types and bytes of all weights: the same wherever they came from."""
    whole = hashlib.sha256()
    for name, tensor in sorted(towers.state_dict().items()):
        value = tensor.detach().cpu().contiguous()
        whole.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
        whole.update(value.reshape(-1).view(torch.uint8).numpy())
    return whole.hexdigest()
