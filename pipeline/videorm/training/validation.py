"""Rewards of clips, and how well they fit held-out labels."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.videorm.data.batch import Batch, collate
from pipeline.videorm.data.clips import Clips
from pipeline.videorm.data.groups import Corpus, Group
from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.training.device import Compute
from pipeline.videorm.training.inputs import Inputs
from pipeline.videorm.training.objective import Objective

BATCH_PROMPTS = 32
ON_CPU = Compute(device=torch.device("cpu"), dtype=torch.float32)
SPLITS = ("validation", "test")  # whose rewards are measured


@torch.no_grad()
def rewards_of(
    model: VideoRM,
    clips: Clips,
    groups: Sequence[Group],
    batch_prompts: int = BATCH_PROMPTS,
    *,
    texts: Inputs | None = None,
    compute: Compute = ON_CPU,
) -> list[NDArray[np.float64]]:
    """Rewards of every clip of every group, each (V, dimensions), in the groups' order.

    ``clips`` at whatever depth; ``texts`` holds prompts that are embedded already. The model stands on
    ``compute``'s device; it is left in evaluation mode.
    """
    model.eval()
    inputs = texts or Inputs(clips=clips)
    rewards: list[NDArray[np.float64]] = []
    for part, batch in _batches(clips, groups, batch_prompts, compute):
        text = inputs.text(model, batch.prompts).to(compute.device)
        with compute.autocast():
            out = model(text, compute.ready(batch.clips), batch.valid, batch.prompt, clips.depth)
        ends = np.cumsum([len(g.rows) for g in part])[:-1]
        rewards += np.split(out.double().cpu().numpy(), ends)
    return rewards


@torch.no_grad()
def validate(
    objective: Objective, inputs: Inputs, groups: Sequence[Group], compute: Compute
) -> dict[str, float]:
    """``validation_loss``, the mean over prompts that the loss can use, without text swaps, and
    ``validation_accuracy`` on untied pairs; either is missing where there is nothing to take it from."""
    sums = np.zeros(3)
    for _, batch in _batches(inputs.clips, groups, BATCH_PROMPTS, compute):
        text = inputs.text(objective.model, batch.prompts).to(compute.device)
        batch = dataclasses.replace(batch, clips=compute.ready(batch.clips))
        with compute.autocast():
            found = objective(batch, text, None, inputs.clips.depth)
        sums += torch.stack(tuple(found)).double().cpu().numpy()
    counted = objective.counted(groups)
    if not np.isfinite(sums[0]):
        raise FloatingPointError(f"videorm: loss on held-out prompts: {sums[0]}")
    row = {"validation_loss": float(sums[0] / counted)} if counted else {}
    return row | ({"validation_accuracy": float(sums[1] / sums[2])} if sums[2] else {})


def reward_tables(
    model: VideoRM, corpus: Corpus, inputs: Inputs, compute: Compute
) -> dict[str, dict[str, list[float]]]:
    """Rewards by split (validation and test) and video_id, in the order of the dimensions."""
    ids = corpus.clips.video_ids
    tables: dict[str, dict[str, list[float]]] = {}
    for split in SPLITS:
        groups = corpus.groups.get(split, ())
        found = rewards_of(model, inputs.clips, groups, texts=inputs, compute=compute)
        tables[split] = {
            ids[row]: values.tolist()
            for group, table in zip(groups, found, strict=True)
            for row, values in zip(group.rows, table, strict=True)
        }
    return tables


def spread_within_prompts(rewards: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """(dimensions,) root of the mean variance among one prompt's clips; 1 where it is nothing."""
    several = [table.var(axis=0) for table in rewards if len(table) > 1]
    spread = np.sqrt(np.mean(several, axis=0)) if several else np.zeros(rewards[0].shape[1])
    return np.where(spread > 1e-9, spread, 1.0)


def overall_weights(
    model: VideoRM, corpus: Corpus, inputs: Inputs, compute: Compute
) -> Mapping[str, float]:
    """Of each dimension in ``overall``: one over its reward's spread among one prompt's clips, on the
    validation split or, without one, on the training split. So each dimension moves it alike."""
    groups = corpus.groups.get("validation") or corpus.groups["train"]
    found = rewards_of(model, inputs.clips, groups, texts=inputs, compute=compute)
    weights = 1 / spread_within_prompts(found)
    return dict(zip(corpus.dimensions, weights.tolist(), strict=True))


def _batches(
    clips: Clips, groups: Sequence[Group], size: int, compute: Compute
) -> Iterator[tuple[Sequence[Group], Batch]]:
    for start in range(0, len(groups), size):
        part = groups[start : start + size]
        yield part, collate(clips, part).to(compute.device)
