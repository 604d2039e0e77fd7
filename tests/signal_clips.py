"""Tiny clips drawn for the signal annotator's tests: 8 frames of 96 x 96 px with camera noise."""

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from annotators.base import Question
from annotators.signal import SignalSpec
from annotators.signal.frames import Frames, read
from annotators.signal.judge import judge
from prompts import load_rubric
from schemas import Annotation, Failure, FrameSet
from schemas.ids import sha256_hex
from schemas.store import Store, blob_name

Pixels = NDArray[np.uint8]
SIDE, N = 96, 8
RED, GREEN, BLUE, YELLOW = (214, 40, 40), (45, 185, 60), (50, 85, 235), (230, 210, 40)
MEASURED = SignalSpec()
GREY, NAVY = (105, 105, 105), (28, 36, 92)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Draw:
    """What to draw; ``x``, ``y`` and ``radius`` at the start, and their change over the clip."""

    shape: str = "circle"
    rgb: tuple[int, int, int] = RED
    background: tuple[int, int, int] = NAVY
    x: float = 28
    y: float = 48
    dx: float = 40
    dy: float = 0
    radius: float = 10
    growth: float = 0  # of the radius, in pixels
    copies: int = 1  # one above the other, 32 px apart
    grain: float = 1.5


def clip(draw: Draw = Draw(), change: Callable[[Pixels], Pixels] | None = None) -> Pixels:
    """Frames (8, 96, 96, 3). ``change`` takes and returns all of them."""
    frames = np.stack([_frame(draw, t / (N - 1)) for t in range(N)]).astype(float)
    noise = np.random.default_rng(0).normal(0, draw.grain, (N, SIDE, SIDE, 1))
    wave = 8 * np.sin(np.arange(SIDE) / 8 + np.arange(N)[:, None])[:, None, :, None]
    pixels = np.clip(frames + noise + wave, 0, 255).astype(np.uint8)
    return pixels if change is None else change(pixels)


def _frame(draw: Draw, t: float) -> Pixels:
    big = Image.new("RGB", (4 * SIDE, 4 * SIDE), draw.background)
    r = draw.radius + draw.growth * t
    for i in range(draw.copies):
        x, y = draw.x + draw.dx * t, draw.y + draw.dy * t + 32 * (i - (draw.copies - 1) / 2)
        box = [4 * (x - r), 4 * (y - r), 4 * (x + r), 4 * (y + r)]
        if draw.shape == "circle":
            ImageDraw.Draw(big).ellipse(box, fill=draw.rgb)
        elif draw.shape == "square":
            ImageDraw.Draw(big).rectangle(box, fill=draw.rgb)
        else:
            corners = [(4 * x, box[1]), (box[2], box[3]), (box[0], box[3])]
            ImageDraw.Draw(big).polygon(corners, fill=draw.rgb)
    return np.asarray(big.resize((SIDE, SIDE), Image.Resampling.BOX))


def put(folder: Path, pixels: Pixels, prompt: str = "a red circle moving right") -> FrameSet:
    """Frames in the store of a folder, and the record that names them."""
    store, digests = Store(str(folder)), []
    for frame in pixels:
        data = io.BytesIO()
        Image.fromarray(frame).save(data, "JPEG", quality=90)
        digests.append(sha256_hex(data.getvalue()))
        store.put(blob_name(digests[-1], ".jpg"), data.getvalue())
    n, height, width = pixels.shape[:3]
    return FrameSet(
        video_id="v1",
        prompt_id="p1",
        prompt=prompt,
        generator="g",
        policy=f"uniform-{n}",
        decoder="test",
        indices=tuple(range(n)),
        times_s=(None,) * n,
        jpeg_sha256=tuple(digests),
        n_frames_in_clip=n,
        fps=None,
        duration_s=None,
        width_px=width,
        height_px=height,
        frame_width_px=width,
        frame_height_px=height,
    )


def frames_of(folder: Path, pixels: Pixels) -> Frames:
    """The frames as the annotator reads them."""
    return read(Store(str(folder)), put(folder, pixels))


def ask(
    folder: Path, pixels: Pixels, prompt: str, dimension: str, spec: SignalSpec = MEASURED
) -> Annotation | Failure:
    """The annotator's one outcome for a clip and a dimension."""
    question = Question(
        frames=put(folder, pixels, prompt), rubric=load_rubric(f"videoprefer/{dimension}"), draw=0
    )
    (outcome,) = judge(question, Store(str(folder)), spec)
    return outcome


def score(
    folder: Path,
    pixels: Pixels,
    prompt: str = "a red circle moving right",
    dimension: str = "prompt_following",
    scores: str = "integer",
) -> float:
    """The score, where there must be one."""
    outcome = ask(folder, pixels, prompt, dimension, SignalSpec(scores=scores))  # type: ignore[arg-type]
    assert isinstance(outcome, Annotation), outcome
    return outcome.score
