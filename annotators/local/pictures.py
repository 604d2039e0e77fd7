"""The frames of a request as pictures."""

import io
from collections.abc import Sequence

from PIL import Image

from annotators.judge.frames import read_frames
from annotators.judge.gate import Unanswered
from schemas import Reason
from schemas.store import Store, blob_name


def read_pictures(frames: Store, sha256s: Sequence[str]) -> tuple[Image.Image, ...]:
    """Frames from the store. Raises :class:`Unanswered` for one absent or damaged."""
    found = read_frames(frames, sha256s)
    return tuple(_picture(frames, *pair) for pair in zip(sha256s, found))


def _picture(frames: Store, sha256: str, data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data)).convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise Unanswered(
            Reason.UNDECODABLE,
            f"frame {frames.path(blob_name(sha256, '.jpg'))} is no picture that can be read ({error}); "
            "delete it and run again with --rebuild",
        ) from error
