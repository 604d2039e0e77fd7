"""Writing and reading a VideoRM: safetensors only, never a pickle."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from pipeline.videorm.model.config import VideoRMConfig, read_config
from pipeline.videorm.model.towers import empty_towers, load_weights, towers_sha256
from pipeline.videorm.model.video_rm import VideoRM
from schemas.options import SetupError


def save(model: VideoRM, folder: Path) -> None:
    """Write config.json, model.safetensors and tokenizer.json. Each appears whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    _place(
        folder / "model.safetensors",
        lambda part: save_file(kept_weights(model), part, metadata={"format": "pt"}),
    )
    _place(folder / "tokenizer.json", lambda part: model.tokenizer.save(str(part)))
    model.config.write(folder)


def _place(path: Path, write: Callable[[Path], None]) -> None:
    part = path.with_suffix(".part")
    write(part)
    os.replace(part, path)


def kept_weights(model: VideoRM) -> dict[str, Tensor]:
    """All weights, or without the frozen ones where the configuration says that those are named."""
    state = {k: v.detach().contiguous() for k, v in model.state_dict().items()}
    if model.config.saved == "all":
        return state
    frozen = {k for k, p in model.named_parameters() if not p.requires_grad}
    return {k: v for k, v in state.items() if k not in frozen}


def load(folder: Path) -> VideoRM:
    """The model that :func:`save` wrote, on the CPU, in evaluation mode, frozen where it was.

    Raises :class:`SetupError` for a folder that holds none, for weights that are missing, too many
    or of another shape, for a file that is no safetensors, and where towers that are named by
    reference cannot be loaded or are no longer the same.
    """
    config = read_config(folder)
    weights = _weights(folder / "model.safetensors")
    tokenizer = _tokenizer(folder / "tokenizer.json")
    model = _shaped(config, folder, tokenizer)
    _fill(model, weights, folder / "model.safetensors")
    return model.eval()


def _weights(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise SetupError(
            f"{path}: not readable as safetensors ({error}); copy the model anew. No other kind of "
            "file is read: a pickle could run code"
        ) from error


def _tokenizer(path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises a bare Exception
        raise SetupError(f"{path}: no tokenizer ({error}); copy the model anew") from error


def _shaped(config: VideoRMConfig, folder: Path, tokenizer: Tokenizer) -> VideoRM:
    """A model as the configuration describes it, its own weights still to be filled in."""
    path = folder / "config.json"
    try:
        towers = _named(config, path) if config.saved == "trained" else empty_towers(config.towers)
        model = VideoRM(config, towers, tokenizer)
    except SetupError:
        raise
    except Exception as error:  # what transformers' configurations and torch raise differs
        raise SetupError(
            f"{path}: describes no network that can be built ({error}); train the model anew"
        ) from error
    n = model.trunk.n_blocks
    if max((*config.shift.blocks, (config.train_blocks or 0) - 1)) >= n:
        raise SetupError(f"{path}: names a block that is not there; the image tower has {n}")
    if config.train_blocks is not None:
        model.trunk.freeze(config.train_blocks)
    return model


def _named(config: VideoRMConfig, path: Path) -> nn.Module:
    """The towers that a configuration names, if they are still the same."""
    assert config.trunk is not None
    towers = load_weights(config.trunk)
    if towers_sha256(towers) != config.trunk_sha256:
        raise SetupError(
            f"{path}: the towers at {config.trunk!r} are not those it was trained on (another "
            "SHA-256); put those back, or train with save_trunk: true"
        )
    # of the tokenizer, which SigLIP's own configuration may have otherwise
    cast(Any, towers).config.text_config.pad_token_id = config.towers["text_config"]["pad_token_id"]
    return towers


def _fill(model: VideoRM, weights: dict[str, Tensor], path: Path) -> None:
    own, needed = model.state_dict(), kept_weights(model)
    for name in sorted(set(weights) & set(own)):
        if own[name].shape != weights[name].shape:
            raise SetupError(
                f"{path}: {name} has shape {tuple(weights[name].shape)}, but config.json asks for "
                f"{tuple(own[name].shape)}; the two files are of different models"
            )
    missing, unknown = needed.keys() - weights.keys(), weights.keys() - own.keys()
    for names, what in ((missing, "no weights for"), (unknown, "unknown weights")):
        if names:
            raise SetupError(
                f"{path}: {what} {', '.join(sorted(names)[:3])}; config.json and weights are of "
                "different models"
            )
    model.load_state_dict(weights, strict=False)
