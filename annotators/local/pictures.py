"""The frames of a request as pictures."""

import io

from PIL import Image

from annotators.judge.frames import read_frame
from annotators.judge.gate import Unanswered
from schemas import Reason
from schemas.store import Store, blob_name


def read_picture(frames: Store, sha256: str) -> Image.Image:
    """A frame from the store. Raises :class:`Unanswered` for one absent or damaged."""
    data = read_frame(frames, sha256)
    try:
        return Image.open(io.BytesIO(data)).convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise Unanswered(
            Reason.UNDECODABLE,
            f"frame {frames.path(blob_name(sha256, '.jpg'))} is no picture that can be read ({error}); "
            "delete it and run again with --rebuild",
        ) from error
