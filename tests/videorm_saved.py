"""A small VideoRM of random weights, saved as `train` saves one, and clips in files for it."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import torch

from pipeline.videorm.model.build import build
from pipeline.videorm.options import VideoRMOptions

PROMPT = "a red kite over two blue squares"
DIMENSIONS = ("prompt_following", "video_quality")
SMALL: dict[str, Any] = {
    "towers": {"width": 16, "heads": 2},
    "head": {"heads": 2},
    "readout": {"hidden": 16},
    "frames": 4,
}


def save_model(
    folder: Path, *, arm: str = "videorm", dimensions: tuple[str, ...] = DIMENSIONS, **more: Any
) -> Path:
    """A model whose every part has been moved away from its start, so that everything counts."""
    options = VideoRMOptions.model_validate({**SMALL, **more})
    made = build(options, arm, dimensions, [PROMPT])
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in made.parameters():
            weight.add_(0.2 * torch.randn(weight.shape, generator=generator))
    made.eval().save_pretrained(folder)
    return folder


def save_clip(path: Path, seed: int, n: int = 6, side: int = 48) -> Path:
    """A clip of noise."""
    frames = np.random.default_rng(seed).integers(0, 255, (n, side, side, 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=8)
        stream.width = stream.height = side
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            for packet in stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path
