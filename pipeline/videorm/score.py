"""Rewards of clips from a trained model: plain functions for commands and annotators."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from pipeline.videorm.data.frames import stack_clip
from pipeline.videorm.data.groups import Corpus
from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.training.train import rewards_of


def score_clips(
    model_dir: Path, prompt: str, frames_list: Sequence[Sequence[bytes]]
) -> list[dict[str, float]]:
    """Reward of each clip per dimension. A clip is its frames as JPEG bytes, in the order of time.

    Rewards have no unit and compare within one model only: the difference of two clips of one
    prompt says which is preferred. Clips longer than the model's number of frames are thinned out
    evenly.
    """
    model = VideoRM.from_pretrained(model_dir)
    size, frames = model.config.image_size, model.config.frames
    clips = [stack_clip(jpegs, frames, size, model.config.fit) for jpegs in frames_list]
    pixels = torch.from_numpy(np.stack([array for array, _ in clips]))
    valid = torch.from_numpy(np.stack([mask for _, mask in clips]))
    with torch.no_grad():
        rewards = model.score([prompt] * len(clips), pixels, valid)
    return [dict(zip(model.config.dimensions, row, strict=True)) for row in rewards.tolist()]


def reward_table(model: VideoRM, corpus: Corpus, split: str) -> dict[str, list[float]]:
    """Rewards of every clip of a split by video_id, in the order of the corpus' dimensions."""
    groups = corpus.groups[split]
    rewards = rewards_of(model, corpus.clips, groups)
    return {
        corpus.clips.video_ids[row]: values.tolist()
        for group, table in zip(groups, rewards, strict=True)
        for row, values in zip(group.rows, table, strict=True)
    }
