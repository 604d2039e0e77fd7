"""What a training begins with: a model, the prompts that teach, and where an earlier process stopped."""

import math
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from pipeline.videorm.data.groups import Corpus, Group
from pipeline.videorm.model.build import build
from pipeline.videorm.model.readout import MOST_SCALE
from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.model.whiten import whiten_patches
from pipeline.videorm.options import Arm, VideoRMOptions
from pipeline.videorm.training.checkpoint import State, read_state
from pipeline.videorm.training.device import Compute
from pipeline.videorm.training.distributed import World, told
from pipeline.videorm.training.inputs import Inputs
from pipeline.videorm.training.objective import Objective
from pipeline.videorm.training.validation import rewards_of
from schemas.options import SetupError

ANEW = -1.0
SAMPLE = 64  # prompts


def new_model(corpus: Corpus, options: VideoRMOptions, arm: Arm) -> VideoRM:
    """The arm's model before the first step."""
    groups = corpus.groups["train"]
    prompts = [g.prompt for g in groups]
    model = build(options, arm, corpus.dimensions, prompts, frames=corpus.most_frames)
    if options.trunk is None:
        rows = np.unique(np.concatenate([g.rows for g in groups]))
        whiten_patches(model.trunk, corpus.clips, rows, options.seed)
    if options.loss.kind == "regression":
        _centre(model, groups)
    return model


def _centre(model: VideoRM, groups: Sequence[Group]) -> None:
    """Begin with the training scores' mean and spread, so that the network has units of one to learn."""
    scores = np.concatenate([g.scores for g in groups])  # (clips, dimensions), NaN where unknown
    for k, column in enumerate(scores.T):
        known = column[np.isfinite(column)]
        if not len(known):
            raise SetupError(
                f"videorm: no clip of the train split has a score of {model.config.dimensions[k]} for "
                "loss.kind=regression; take another loss or name the dimensions to train"
            )
        model.readout.centre[k] = float(known.mean())
        model.readout.spread[k] = float(known.std()) or 1.0


@torch.no_grad()
def begin_on_scale(
    model: VideoRM, groups: Sequence[Group], inputs: Inputs, compute: Compute
) -> None:
    """Start a regression by cosines with rewards of the scores' mean and spread.

    A trunk's cosines times its own scale lie far from there (20 and more of them above the mean), and
    would spend the training on coming down. Taken from the first prompts; a matter of the start alone.
    """
    cosine, centre = model.readout.cosine, model.readout.centre
    if cosine is None:
        return
    before = cosine.log_scale.clamp(max=math.log(MOST_SCALE)).exp().item()
    first = np.concatenate(
        rewards_of(model, inputs.clips, groups[:SAMPLE], texts=inputs, compute=compute)
    )  # (clips, dimensions): spread * scale * cosine + centre
    spread = model.readout.spread.cpu().double().numpy()
    raw = (first - centre.cpu().double().numpy()) / (spread * before)
    scale = float(np.clip(1 / max(raw.std(axis=0).mean(), 1 / MOST_SCALE), 1.0, MOST_SCALE))
    cosine.log_scale.fill_(math.log(scale))
    centre -= torch.from_numpy(spread * scale * raw.mean(axis=0)).to(centre)


def teaching(objective: Objective, groups: Sequence[Group], world: World) -> tuple[Group, ...]:
    """The prompts that the loss can learn from. Raises :class:`SetupError` where they do not suffice."""
    found = tuple(g for g in groups if objective.counted([g]))
    if not found:
        raise SetupError(
            f"videorm: none of the {len(groups)} prompts of the train split has a pair or score that "
            f"the {objective.options.kind} loss can learn from; take another loss.kind or more prompts"
        )
    if len(found) < world.size:
        raise SetupError(
            f"videorm: {len(found)} prompts for {world.size} processes; start fewer processes"
        )
    return found


def check_shares(options: VideoRMOptions, world: World) -> None:
    """Raise :class:`SetupError` where some process would have no prompt of a batch."""
    if options.training.batch_prompts < world.size:
        raise SetupError(
            f"videorm.training.batch_prompts: {options.training.batch_prompts} prompts in a batch for "
            f"{world.size} processes; start fewer, or set it to {world.size} or more"
        )


def state_at(path: Path, mark: str, world: World, device: torch.device) -> tuple[State, str | None]:
    """Where the training of fingerprint ``mark`` stands, and a note for whoever waits.

    A checkpoint of other data or options is removed. Raises :class:`SetupError` for a file that is no
    checkpoint, and where the processes do not see the same one.
    """
    found = read_state(path)
    fits = found is not None and found.fingerprint == mark
    (step,) = told([float(found.step) if found and fits else ANEW], world, device)
    if step == ANEW:
        if found and world.first:
            path.unlink(missing_ok=True)
        note = "starts anew: the earlier training had other data or options" if found else None
        return State(fingerprint=mark, run_id=uuid.uuid4().hex[:12]), note
    if found is None or not fits or found.step != step:
        raise SetupError(
            f"{path}: process 0 goes on from step {int(step)}, but process {world.rank} does not see "
            "that checkpoint; name an output folder that all processes share"
        )
    return found, None if found.finished else f"goes on after step {found.step}"
