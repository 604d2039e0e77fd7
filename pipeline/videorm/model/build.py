"""A VideoRM ready to train: which arm, what is frozen, where the shift stands."""

from collections.abc import Sequence
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
        towers=towers.config.to_dict(),
        trunk=options.trunk,
        trunk_sha256=towers_sha256(towers) if options.trunk else None,
        saved="all" if options.save_trunk or options.trunk is None else "trained",
        overall=options.overall or dict.fromkeys(dimensions, 1.0),
        loss=options.loss.kind,
        scale=options.loss.scale,
    )
    model = VideoRM(config, towers, tokenizer)
    if options.trunk is not None:
        freeze(model, options.training.train_blocks)
        model.trunk.gradient_checkpointing = options.training.gradient_checkpointing
    return model


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
    trunk = model.trunk
    n = trunk.n_blocks
    if train_blocks > n:
        raise SetupError(
            f"videorm.training.train_blocks: {train_blocks}, but the image tower has {n} blocks"
        )
    trunk.requires_grad_(False)
    if train_blocks:
        for part in (*trunk.blocks[n - train_blocks :], *trunk.exits()):
            part.requires_grad_(True)
