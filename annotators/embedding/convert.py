"""CLIP weights of open_clip as a folder that transformers loads: how HPS v2 was published."""

import pickle
import re
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoTokenizer, CLIPConfig, CLIPImageProcessorPil, CLIPModel

from schemas.options import SetupError

# open_clip's name (beginning of it) -> transformers'; the first that fits
_NAMES = (
    (r"visual\.class_embedding$", "vision_model.embeddings.class_embedding"),
    (r"visual\.conv1\.", "vision_model.embeddings.patch_embedding."),
    (r"visual\.positional_embedding$", "vision_model.embeddings.position_embedding.weight"),
    (r"visual\.ln_pre\.", "vision_model.pre_layrnorm."),
    (r"visual\.ln_post\.", "vision_model.post_layernorm."),
    (r"visual\.proj$", "visual_projection.weight"),
    (r"visual\.transformer\.resblocks\.", "vision_model.encoder.layers."),
    (r"token_embedding\.", "text_model.embeddings.token_embedding."),
    (r"positional_embedding$", "text_model.embeddings.position_embedding.weight"),
    (r"transformer\.resblocks\.", "text_model.encoder.layers."),
    (r"ln_final\.", "text_model.final_layer_norm."),
    (r"text_projection$", "text_projection.weight"),
    (r"logit_scale$", "logit_scale"),
)
_IN_A_BLOCK = (
    (".attn.out_proj.", ".self_attn.out_proj."),
    (".ln_1.", ".layer_norm1."),
    (".ln_2.", ".layer_norm2."),
    (".mlp.c_fc.", ".mlp.fc1."),
    (".mlp.c_proj.", ".mlp.fc2."),
)
_PACKED = re.compile(r"(.*)\.attn\.in_proj_(weight|bias)$")
_NO_WEIGHTS = ("attn_mask",)  # of the causal text tower; transformers makes its own


def convert_open_clip(checkpoint: Path, base: str, folder: Path) -> None:
    """Write a transformers folder with the weights of an open_clip ``checkpoint``.

    ``base`` is the CLIP model it was trained from, a folder or a name on the hub, which gives the
    shape, the tokenizer and the image processor: for ``HPS_v2_compressed.pt`` of xswu/HPSv2 that is
    ``laion/CLIP-ViT-H-14-laion2B-s32B-b79K``. The file is read as weights alone (it is a pickle,
    which could otherwise run code) and written as safetensors in float32. Raises
    :class:`SetupError` where the weights do not fit the base.
    """
    clip = CLIPModel(CLIPConfig.from_pretrained(base))
    try:
        clip.load_state_dict(renamed(_weights(checkpoint)))
    except (RuntimeError, KeyError) as error:
        raise SetupError(
            f"{checkpoint}: not the weights of a model like {base}: {error}"
        ) from error
    clip.save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    CLIPImageProcessorPil.from_pretrained(base).save_pretrained(folder)


def _weights(checkpoint: Path) -> dict[str, Tensor]:
    try:
        found = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, OSError) as error:
        raise SetupError(f"{checkpoint}: not a file of weights alone: {error}") from error
    weights = found.get("state_dict", found) if isinstance(found, dict) else None
    if not isinstance(weights, dict) or not all(isinstance(w, Tensor) for w in weights.values()):
        raise SetupError(f"{checkpoint}: not a file of weights by name")
    return {k: v for k, v in weights.items() if k not in _NO_WEIGHTS}


def renamed(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights of open_clip's ``CLIP`` under the names of transformers' ``CLIPModel``.

    open_clip keeps query, key and value in one matrix (3 D, D), and its projections the other way
    round. Raises ``KeyError`` for a name that belongs to no plain CLIP.
    """
    made: dict[str, Tensor] = {}
    for name, weight in weights.items():
        packed = _PACKED.match(name)
        if packed:
            for part, third in zip("qkv", weight.chunk(3)):
                key = _renamed(f"{packed[1]}.")
                made[f"{key}self_attn.{part}_proj.{packed[2]}"] = third.clone()
        else:
            turned = name in ("visual.proj", "text_projection")
            made[_renamed(name)] = weight.T.contiguous() if turned else weight
    return made


def _renamed(name: str) -> str:
    for pattern, theirs in _NAMES:
        if re.match(pattern, name):
            whole = re.sub(f"^{pattern}", theirs, name)
            break
    else:
        raise KeyError(f"{name} is no weight of a CLIP model")
    for ours, theirs in _IN_A_BLOCK:
        whole = whole.replace(ours, theirs)
    return whole
