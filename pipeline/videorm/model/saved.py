"""Writing and reading a VideoRM: safetensors only, never a pickle."""

import os
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from pipeline.videorm.model.config import VideoRMConfig, read_config
from pipeline.videorm.model.towers import empty_towers, load_towers, towers_sha256
from pipeline.videorm.model.video_rm import VideoRM
from schemas.options import SetupError


def save(model: VideoRM, folder: Path) -> None:
    """Write config.json, model.safetensors and tokenizer.json. Each appears whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / "model.safetensors"
    part = weights.with_suffix(".part")
    save_file(kept_weights(model), part, metadata={"format": "pt"})
    os.replace(part, weights)
    model.tokenizer.save(str(folder / "tokenizer.json"))
    model.config.write(folder)


def kept_weights(model: VideoRM) -> dict[str, Tensor]:
    """All weights, or without the frozen ones where the configuration says that those are named."""
    state = {k: v.detach().contiguous() for k, v in model.state_dict().items()}
    if model.config.saved == "all":
        return state
    frozen = {k for k, p in model.named_parameters() if not p.requires_grad}
    return {k: v for k, v in state.items() if k not in frozen}


def load(folder: Path) -> VideoRM:
    """The model that :func:`save` wrote, on the CPU, in evaluation mode.

    Raises :class:`SetupError` for a folder that holds none, for weights that are missing, too many
    or of another shape, for a file that is no safetensors, and where towers that are named by
    reference cannot be loaded or are no longer the same.
    """
    config = read_config(folder)
    towers = _towers(config, folder)
    path = folder / "model.safetensors"
    try:
        weights = load_file(path)
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except (SafetensorError, OSError, ValueError) as error:
        raise SetupError(
            f"{path}: not readable as safetensors ({error}); only such files are read, a pickle could "
            "run code"
        ) from error
    except Exception as error:  # tokenizers raises a bare Exception
        raise SetupError(f"{folder / 'tokenizer.json'}: no tokenizer ({error})") from error
    model = VideoRM(config, towers, tokenizer)
    _fill(model, weights, path)
    return model.eval()


def _towers(config: VideoRMConfig, folder: Path) -> nn.Module:
    if config.saved == "all":
        return empty_towers(config.towers)
    assert config.trunk is not None
    towers, _ = load_towers(config.trunk, str(folder))
    if towers_sha256(towers) != config.trunk_sha256:
        raise SetupError(
            f"{folder / 'config.json'}: the towers at {config.trunk!r} are not those it was trained on "
            "(another SHA-256); put those back, or train with save_trunk: true"
        )
    return towers


def _fill(model: VideoRM, weights: dict[str, Tensor], path: Path) -> None:
    own = model.state_dict()
    for name, value in weights.items():
        if name in own and own[name].shape != value.shape:
            raise SetupError(
                f"{path}: {name} has shape {tuple(value.shape)}, but config.json asks for "
                f"{tuple(own[name].shape)}; the two files are of different models"
            )
    told = model.load_state_dict(weights, strict=False)
    missing = [] if model.config.saved == "trained" else told.missing_keys
    for names, what in ((missing, "no weights for"), (told.unexpected_keys, "unknown weights")):
        if names:
            raise SetupError(
                f"{path}: {what} {', '.join(sorted(names)[:3])}; config.json and weights are of "
                "different models"
            )
