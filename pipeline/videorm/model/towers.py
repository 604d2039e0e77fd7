"""Where towers come from: the hub or a folder, random weights, or the shape alone."""

import hashlib
import pickle
from collections.abc import Iterable
from typing import Any, cast

import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer
from torch import nn
from transformers import AutoConfig, CLIPConfig, CLIPModel, SiglipConfig, SiglipModel
from transformers.initialization import no_init_weights
from transformers.utils import logging

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
    """Towers of the shape that a saved model's config.json says, without weights: those are loaded
    next, and to draw a billion random numbers first would take longer than that.

    Raises ValueError or TypeError for what is no configuration of towers.
    """
    kind, model = KINDS[config["model_type"]]
    with no_init_weights():
        towers: Any = model(kind(**config))
    towers.logit_scale.data.zero_()  # read before the weights come: memory may hold anything
    return cast(nn.Module, towers)


def load_weights(trunk: str) -> nn.Module:
    """Pretrained towers in float32, from a folder or the hub, without a tokenizer.

    Raises :class:`SetupError` for what is neither CLIP nor SigLIP, for weights that are missing or
    of another shape, and for a file that is neither safetensors nor a pickle of weights alone, which
    torch reads without running code.
    """
    model: Any = KINDS[_model_type(trunk)][1]
    logging.disable_progress_bar()  # of loading: commands show their own
    try:
        loaded: Any = model.from_pretrained(
            trunk, dtype=torch.float32, weights_only=True, output_loading_info=True
        )
        towers, told = loaded
        missing = sorted(told["missing_keys"])
        if missing:  # transformers fills them with random numbers and goes on
            raise ValueError(f"no weights for {', '.join(missing[:3])}")
        if not getattr(towers.config.vision_config, "vision_use_head", True):
            raise ValueError("its image tower has no pooling head, so no embedding of a picture")
    except (OSError, ValueError, RuntimeError, SafetensorError, pickle.UnpicklingError) as error:
        raise SetupError(
            f"videorm.trunk: cannot load {trunk!r}: {str(error).splitlines()[0]}; name a folder or "
            "hub id that holds its whole weights"
        ) from error
    return cast(nn.Module, towers)


def load_tokenizer(source: str) -> tuple[Tokenizer, int | None]:
    """The fast tokenizer of a folder or hub id, and the id it pads with. SetupError without one."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast  # half a second

    faults: list[Exception] = []
    for kind in (AutoTokenizer, PreTrainedTokenizerFast):  # the second: tokenizer.json as it stands
        try:
            found: Any = kind.from_pretrained(source)
            words: Tokenizer = found.backend_tokenizer
            if words.get_vocab_size() <= len(found.all_special_ids):
                raise ValueError("no vocabulary")  # transformers makes an empty one and goes on
            return words, found.pad_token_id
        except (OSError, ValueError, AttributeError, ImportError, TypeError) as error:
            faults.append(error)
    told = (str(faults[0]) or type(faults[0]).__name__).splitlines()[0]
    raise SetupError(
        f"videorm.trunk: no fast tokenizer in {source!r} ({told}); name a "
        "folder or hub id that has a tokenizer.json with videorm.tokenizer"
    ) from faults[0]


def load_towers(trunk: str, tokenizer: str | None = None) -> tuple[nn.Module, Tokenizer]:
    """Pretrained towers in float32 and their tokenizer, from folders or the hub.

    SigLIP's are told what the tokenizer pads with, for its text tower sees that. Raises
    :class:`SetupError` as :func:`load_weights` and :func:`load_tokenizer`.
    """
    towers = load_weights(trunk)
    words, pad = load_tokenizer(tokenizer or trunk)
    config: Any = towers.config
    size, room = words.get_vocab_size(), config.text_config.vocab_size
    if not room / 2 <= size <= room:
        raise SetupError(
            f"videorm.tokenizer: {tokenizer or trunk!r} knows {size} tokens, but the text tower of "
            f"{trunk!r} was made for {room}; name the one it was trained with"
        )
    if config.model_type == "siglip" and pad is not None:
        config.text_config.pad_token_id = pad
    return towers, words


def image_size_of(trunk: str) -> int:
    """Height and width in pixels of the frames that a pretrained image tower takes."""
    _model_type(trunk)
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
    return weights_sha256([towers])


def weights_sha256(parts: Iterable[nn.Module]) -> str:
    """The same over the weights of some parts, one after the other."""
    whole = hashlib.sha256()
    for part in parts:
        for name, tensor in sorted(part.state_dict().items()):
            value = tensor.detach().cpu().contiguous()
            whole.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
            whole.update(value.reshape(-1).view(torch.uint8).numpy())
    return whole.hexdigest()
