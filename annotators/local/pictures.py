"""The frames of a request as pictures."""

import io

from PIL import Image

from annotators.judge.gate import Unanswered
from schemas import Reason
from schemas.ids import sha256_hex
from schemas.store import Store, blob_name


def read_picture(frames: Store, sha256: str) -> Image.Image:
    """A frame from the store. Raises :class:`Unanswered` for one absent or damaged."""
    name = blob_name(sha256, ".jpg")
    data = frames.get(name)
    if data is None:
        raise Unanswered(
            Reason.NOT_FOUND,
            f"frame {frames.path(name)} is gone; run again with --rebuild to take the frames anew",
        )
    if sha256_hex(data) != sha256:
        raise Unanswered(
            Reason.CHECKSUM,
            f"frame {frames.path(name)} is damaged; delete it and run again with --rebuild",
        )
    try:
        return Image.open(io.BytesIO(data)).convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise Unanswered(
            Reason.UNDECODABLE,
            f"frame {frames.path(name)} is no picture that can be read ({error}); delete it and run "
            "again with --rebuild",
        ) from error
