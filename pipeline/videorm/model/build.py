"""A VideoRM ready to train: which arm, what is frozen, where the shift stands."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from pipeline.videorm.model.config import ShiftConfig, VideoRMConfig
from pipeline.videorm.model.tokens import train_tokenizer
from pipeline.videorm.model.towers import (
    load_towers,
    random_towers,
    small_config,
    towers_sha256,
)
from pipeline.videorm.model.trunk import trunk_of
from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.options import Arm, VideoRMOptions
from schemas.options import SetupError

SHIFTED = ("videorm", "shift")  # arms with the shift
TEMPORAL = ("videorm", "transformer")  # arms whose head sees frames together


def build(
    options: VideoRMOptions,
    arm: Arm,
    dimensions: Sequence[str],
    prompts: Sequence[str],
    frames: int | None = None,
) -> VideoRM:
    """A model ready to train. The same seed gives every arm the same initial weights.

    ``prompts`` are the training prompts: a tokenizer of their words goes with random towers.
    ``frames``: the most that a clip has, where that is fewer than ``options.frames``.
    """
    torch.manual_seed(options.seed)
    towers: Any
    if options.trunk is None:
        tokenizer = train_tokenizer(prompts)
        towers = random_towers(small_config(options.towers, tokenizer))
    else:
        towers, tokenizer = load_towers(options.trunk, options.tokenizer)
    n_blocks = towers.config.vision_config.num_hidden_layers
    config = VideoRMConfig(
        arm=arm,
        dimensions=tuple(dimensions),
        frames=min(options.frames, frames or options.frames),
        fit=options.fit,
        shift=shift_config(options, arm, n_blocks),
        temporal=arm in TEMPORAL,
        head=options.head,
        readout=options.readout,
        towers=_plain(towers.config.to_dict()),
        trunk=_found_again(options.trunk),
        trunk_sha256=towers_sha256(towers) if options.trunk else None,
        train_blocks=options.training.train_blocks if options.trunk else None,
        saved="all" if options.save_trunk or options.trunk is None else "trained",
        overall=_overall(options, dimensions),
        loss=options.loss.kind,
        scale=options.loss.scale,
    )
    _check_heads(options, towers)
    model = VideoRM(config, towers, tokenizer)
    if options.trunk is not None:
        freeze(model, options.training.train_blocks)
        model.trunk.gradient_checkpointing = options.training.gradient_checkpointing
    return model


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    """A tower's configuration as JSON gives it back, without where it lay."""
    below = {k: _plain(v) if isinstance(v, dict) else v for k, v in config.items()}
    kept = {k: v for k, v in below.items() if k not in ("_name_or_path", "transformers_version")}
    plain: dict[str, Any] = json.loads(json.dumps(kept))
    return plain


def _found_again(trunk: str | None) -> str | None:
    """A folder's whole path, for the model may be loaded from elsewhere; a hub id as it is."""
    return str(Path(trunk).resolve()) if trunk is not None and Path(trunk).is_dir() else trunk


def _overall(options: VideoRMOptions, dimensions: Sequence[str]) -> dict[str, float]:
    weights = options.overall or dict.fromkeys(dimensions, 1.0)
    if set(weights) != set(dimensions):
        raise SetupError(
            f"videorm.overall: weights of {', '.join(weights)}, but the model has "
            f"{', '.join(dimensions)}; give each of these a weight"
        )
    return weights


def _check_heads(options: VideoRMOptions, towers: Any) -> None:
    width, heads = trunk_of(towers).width, options.head.heads
    if options.head.kind == "transformer" and width % heads:
        raise SetupError(
            f"videorm.head.heads: {heads} does not divide the trunk's {width}; take a divisor, such as "
            f"{next(h for h in range(heads, 0, -1) if width % h == 0)}"
        )


def shift_config(options: VideoRMOptions, arm: Arm, n_blocks: int) -> ShiftConfig:
    """Where the shift stands. ``trained``: all blocks of random towers, else those that learn."""
    blocks: Sequence[int]
    if arm not in SHIFTED or options.shift.fraction == 0:
        blocks = ()
    elif options.shift.blocks == "all" or (
        options.shift.blocks == "trained" and options.trunk is None
    ):
        blocks = range(n_blocks)
    elif options.shift.blocks == "trained":
        blocks = range(n_blocks - min(options.training.train_blocks, n_blocks), n_blocks)
    else:
        blocks = [b for b in options.shift.blocks if isinstance(b, int)]
        beyond = [b for b in blocks if not 0 <= b < n_blocks]
        if beyond:
            raise SetupError(
                f"videorm.shift.blocks: there is no block {beyond[0]}; the image tower has "
                f"{n_blocks}, from 0 to {n_blocks - 1}"
            )
    return ShiftConfig(
        fraction=options.shift.fraction if blocks else 0.0,
        placement=options.shift.placement,
        blocks=tuple(blocks),
    )


def freeze(model: VideoRM, train_blocks: int) -> None:
    """Freeze the towers but for the top ``train_blocks`` blocks of the image tower and what follows
    them. By number, not by name: a name matches more than was meant."""
    n = model.trunk.n_blocks
    if train_blocks > n:
        raise SetupError(
            f"videorm.training.train_blocks: {train_blocks}, but the image tower has {n} blocks"
        )
    model.trunk.freeze(train_blocks)
