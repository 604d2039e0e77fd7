"""One clip as every model sees it: as it is, and after each damage."""

import dataclasses
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.videorm.data.damage import DAMAGES, WHOLE_FRAMES, Frames
from pipeline.videorm.data.decode import pick, square, stack_clip
from pipeline.videorm.evaluation.probes.catalogue import CLEAN, TRAINING
from pipeline.videorm.evaluation.probes.looks import looks_of
from pipeline.videorm.options import Fit
from schemas.ids import sha256_hex
from schemas.options import SetupError

Seen = tuple[NDArray[np.uint8], NDArray[np.bool_]]  # (T, 3, S, S) and (T,), padded at the end
VARIANTS = (CLEAN, TRAINING, *DAMAGES)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a model sees a clip."""

    frames: int  # at most
    size: int  # pixels, height and width
    fit: Fit


def variants_of(
    jpegs: Sequence[bytes], video_id: str, seed: int, view: View
) -> tuple[dict[str, Seen], dict[str, float]]:
    """Every variant of a clip by name, and what the clip looks like.

    The frames a model picks are decoded at full size, damaged there, and fitted as in training;
    nothing is encoded again but by a damage that does so. ``as_in_training`` reads the JPEGs as
    training does, which shrinks while it decodes. Raises SetupError for a frame that does not decode.
    """
    chosen = [jpegs[i] for i in pick(len(jpegs), view.frames)]
    try:
        whole = np.stack([_decoded(jpeg) for jpeg in chosen])
        found = {TRAINING: stack_clip(chosen, view.frames, view.size, view.fit)}
    except (OSError, ValueError) as error:
        raise SetupError(
            f"probes: the frames of clip {video_id} do not make a clip ({error}); collect again"
        ) from error
    own = int(sha256_hex(f"{seed}\n{video_id}".encode())[:8], 16)
    small = _fitted(whole, view)  # (T, S, S, 3)
    found[CLEAN] = _padded(small, view)
    for name, damage in WHOLE_FRAMES.items():  # the same before and after frames are made small
        found[name] = _padded(damage(small, own), view)
    for name in DAMAGES.keys() - WHOLE_FRAMES.keys():
        found[name] = _padded(_fitted(DAMAGES[name](whole, own), view), view)
    return found, looks_of(whole)


def _decoded(jpeg: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(jpeg)) as image:
        return np.asarray(image.convert("RGB"))


def _fitted(frames: Frames, view: View) -> Frames:
    """(T, H, W, 3) -> (T, S, S, 3)."""
    squares = [square(Image.fromarray(frame), view.size, view.fit) for frame in frames]
    return np.stack(squares).transpose(0, 2, 3, 1)


def _padded(squares: Frames, view: View) -> Seen:
    n = len(squares)
    array = np.zeros((view.frames, 3, view.size, view.size), np.uint8)
    array[:n] = squares.transpose(0, 3, 1, 2)
    return array, np.arange(view.frames) < n
