"""What a pipeline gives back, as frames that can be written: or why there are none."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.generators.base import GenerationError
from schemas import Reason

Frames = NDArray[np.uint8]  # (T, height, width, 3)
LEVELS = 2  # of 255: a clip whose pixels are all within it shows nothing


def clips_of(output: Any, n: int) -> list[Any]:
    """The ``n`` clips in a pipeline's output, each still as the pipeline made it.

    Raises :class:`GenerationError` for another number of clips, or an output without frames.
    """
    frames = getattr(output, "frames", None)
    if frames is None:  # Text2Video-Zero: the frames of one clip
        frames = [images] if (images := getattr(output, "images", None)) is not None else []
    if any(getattr(output, "nsfw_content_detected", None) or []):
        raise GenerationError(
            "the pipeline's safety checker blackened frames of it; leave this prompt out, or this "
            "generator",
            Reason.CONTENT_FILTER,
        )
    if len(frames) != n:
        raise GenerationError(
            f"the pipeline gave {len(frames)} clips for {n} prompts; choose a text-to-video pipeline"
        )
    return list(frames)


def to_frames(clip: Any, dtype: str) -> Frames:
    """Levels 0..255 of one clip: arrays (T, height, width, 3) or tensors (T, 3, height, width) in
    [0, 1], or pictures.

    Raises :class:`GenerationError` for another shape, for what is no number, and for a clip that shows
    nothing at all: every pixel of every frame alike, as half precision that overflows leaves it.
    """
    values = _array(clip)
    if values.ndim != 4 or values.shape[-1] != 3 or not values.size:
        raise GenerationError(f"the pipeline gave a clip of shape {values.shape}, not (T, H, W, 3)")
    if values.dtype != np.uint8:
        values = _levels(values, dtype)
    spread = values.reshape(-1, 3).max(0).astype(int) - values.reshape(-1, 3).min(0)
    if spread.max() < LEVELS:
        level = ", ".join(map(str, values[0, 0, 0]))
        raise GenerationError(
            f"every pixel of every frame is ({level}) of 255: nothing is to be seen; {_precision(dtype)}"
        )
    return values


def _array(clip: Any) -> NDArray[Any]:
    if hasattr(clip, "detach"):  # a tensor
        return np.asarray(clip.detach().float().cpu()).transpose(0, 2, 3, 1)
    if isinstance(clip, list | tuple):
        return np.stack([np.asarray(frame) for frame in clip])
    return np.asarray(clip)


def _levels(values: NDArray[Any], dtype: str) -> Frames:
    """Rounded as diffusers rounds pictures."""
    lost = ~np.isfinite(values).all(axis=(1, 2, 3))
    if lost.any():
        raise GenerationError(
            f"{lost.sum()} of {len(values)} frames hold values that are no numbers; {_precision(dtype)}"
        )
    if values.min() < -0.01 or values.max() > 1.01:
        raise GenerationError(
            f"the pipeline gave values from {values.min():.3g} to {values.max():.3g}, not in [0, 1]"
        )
    return (values.clip(0, 1) * 255).round().astype(np.uint8)


def _precision(dtype: str) -> str:
    return (
        f"as a rule a dtype that the model was not made for (now {dtype}): set `dtype: bfloat16` or "
        "float32, or {default: ..., vae: float32}"
    )
