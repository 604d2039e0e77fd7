"""Rewards of clips from a trained model, and the best of several: plain functions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.videorm.data.frames import stack_clip
from pipeline.videorm.model.video_rm import VideoRM
from schemas import OVERALL
from schemas.options import SetupError

# Rewards are sums of 32-bit floats: a smaller difference is order of summation, so a tie.
TIE = 1e-6
BATCH_CLIPS = 8  # scored at once
Clip = Sequence[bytes]  # its frames as JPEG bytes, in the order of time
Stacked = tuple[NDArray[np.uint8], NDArray[np.bool_]]  # (T, 3, S, S) and (T,)
Rewards = dict[str, float]  # by dimension, and `overall`


def score_clips(
    model_dir: Path | str,
    prompt: str,
    frames_list: Sequence[Clip],
    *,
    device: str = "auto",
    batch_clips: int = BATCH_CLIPS,
) -> list[dict[str, float]]:
    """Reward of each clip per dimension. A clip is its frames as JPEG bytes, in the order of time.

    Rewards have no unit and compare within one model only: the difference of two clips of one
    prompt says which is preferred. Clips longer than the model's number of frames are thinned out
    evenly. Raises :class:`SetupError` for a folder that holds no model and for a device that is not
    there, ``OSError`` for a JPEG that is none.
    """
    model = load_model(model_dir, device)
    return [
        {d: rewards[d] for d in model.config.dimensions}
        for rewards in _in_batches(model, prompt, frames_list, batch_clips)
    ]


def best_of(
    model: VideoRM | Path | str,
    prompt: str,
    clips: Sequence[Clip],
    n: int = 1,
    *,
    by: str = OVERALL,
    device: str = "auto",
) -> list[int]:
    """Positions of the ``n`` clips with the highest reward ``by`` a dimension, best first.

    ``overall`` weighs the dimensions as the model's configuration says. Of clips whose rewards
    differ by at most ``TIE`` the one that stands first in ``clips`` is taken: a tie is not decided by
    the order of summation. Errors as in :func:`score_clips`; ``ValueError`` for a dimension without
    a head, and for an ``n`` below 1 or above the number of clips.
    """
    if not 1 <= n <= len(clips):
        raise ValueError(f"the best {n} of {len(clips)} clips: expected 1 to {len(clips)}")
    scorer = model if isinstance(model, VideoRM) else load_model(model, device)
    if by not in (OVERALL, *scorer.config.dimensions):
        raise ValueError(f"no reward for {by}; there are {', '.join(scorer.config.dimensions)}")
    values = [rewards[by] for rewards in _in_batches(scorer, prompt, clips, BATCH_CLIPS)]
    return [position for position, _ in ranked(values)][:n]


def ranked(values: Sequence[float]) -> list[tuple[int, int]]:
    """Position and rank of every value, highest first; rank 1 is the best.

    Values that follow each other within ``TIE`` share the rank of the first of them, stand in the
    order given, and the next rank counts them: 1, 2, 2, 4.
    """
    order = sorted(range(len(values)), key=lambda i: -values[i])  # stable
    found: list[tuple[int, int]] = []
    start = 0
    for place in range(1, len(order) + 1):
        ends = place == len(order) or values[order[place - 1]] - values[order[place]] > TIE
        if ends:
            found += [(i, start + 1) for i in sorted(order[start:place])]
            start = place
    return found


def load_model(folder: Path | str, device: str = "auto") -> VideoRM:
    """A trained model in evaluation mode on a device: ``auto`` (a GPU where there is one), or as torch
    names it. Raises :class:`SetupError` for either that is not there."""
    model = VideoRM.from_pretrained(Path(folder))
    name = device
    if device == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return model.to(torch.device(name)).eval()
    except (RuntimeError, AssertionError) as error:
        told = str(error).splitlines()[0]
        raise SetupError(f"device {device!r}: {told}; name one that is there, or auto") from error


def stack(model: VideoRM, jpegs: Clip) -> Stacked:
    """A clip as the model sees it. Raises ``OSError`` for a JPEG that is none."""
    config = model.config
    return stack_clip(jpegs, config.frames, config.image_size, config.fit)


def rewards_of(model: VideoRM, prompts: Sequence[str], clips: Sequence[Stacked]) -> list[Rewards]:
    """Rewards of clips in one batch, one prompt each. What else is in a batch may change the last
    digits of a 32-bit float."""
    device = next(model.parameters()).device
    pixels = torch.from_numpy(np.stack([array for array, _ in clips])).to(device)
    valid = torch.from_numpy(np.stack([mask for _, mask in clips])).to(device)
    with torch.inference_mode():
        rewards = model.score(prompts, pixels, valid)
        overall = overall_of(model, rewards)
    names = [OVERALL, *model.config.dimensions]
    rows = torch.cat([overall[:, None], rewards], dim=1).cpu().tolist()
    return [dict(zip(names, row, strict=True)) for row in rows]


def overall_of(model: VideoRM, rewards: Tensor) -> Tensor:
    """(B,) of rewards (B, dimensions): the head of that name where one was trained, else the
    configuration's weighted mean."""
    if OVERALL in model.config.dimensions:
        return rewards[:, model.config.dimensions.index(OVERALL)]
    return model.overall(rewards)


def _in_batches(
    model: VideoRM, prompt: str, clips: Sequence[Clip], batch_clips: int
) -> list[Rewards]:
    found: list[Rewards] = []
    for start in range(0, len(clips), batch_clips):
        part: list[Any] = [stack(model, jpegs) for jpegs in clips[start : start + batch_clips]]
        found += rewards_of(model, [prompt] * len(part), part)
    return found
