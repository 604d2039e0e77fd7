"""The JPEGs of a clip out of the frame store."""

import io

from PIL import Image

from schemas import FrameSet, Reason
from schemas.store import Store, blob_name


class Unmeasured(ValueError):
    """A clip that cannot be measured; the message says why and what to do."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def read_jpegs(store: Store, frames: FrameSet) -> list[bytes]:
    """The JPEGs of a frame set, in the order of time. Raises :class:`Unmeasured` for one absent."""
    found = store.get_many([blob_name(digest, ".jpg") for digest in frames.jpeg_sha256])
    return [_there(store, *pair) for pair in zip(frames.jpeg_sha256, found)]


def _there(store: Store, digest: str, data: bytes | None) -> bytes:
    if data is None:
        raise Unmeasured(
            Reason.NOT_FOUND,
            f"frame {digest} is not in the frame store {store.root}; collect again",
        )
    return data


def decode(store: Store, frames: FrameSet) -> list[Image.Image]:
    """The frames as RGB. Raises :class:`Unmeasured` for one absent or broken, with its digest."""
    jpegs = read_jpegs(store, frames)
    return [_decode(data, digest, store) for data, digest in zip(jpegs, frames.jpeg_sha256)]


def _decode(data: bytes, digest: str, store: Store) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data)).convert("RGB")
    except OSError as error:
        raise Unmeasured(
            Reason.UNDECODABLE,
            f"frame {digest} in the frame store {store.root} is no picture that can be decoded "
            f"({error}); delete it and collect again",
        ) from error


def letterbox(picture: Image.Image) -> Image.Image:
    """The whole picture in the middle of a black square as wide as its longer side."""
    side = max(picture.size)
    square = Image.new("RGB", (side, side))
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return square
