"""The frames of a request, as they were taken."""

from collections.abc import Sequence

from annotators.judge.gate import Unanswered
from schemas import Reason
from schemas.ids import sha256_hex
from schemas.store import Store, blob_name


def read_frames(frames: Store, sha256s: Sequence[str]) -> list[bytes]:
    """The JPEGs, never encoded again. Raises :class:`Unanswered` for one absent or damaged."""
    found = frames.get_many([blob_name(sha256, ".jpg") for sha256 in sha256s])
    return [_whole(frames, *pair) for pair in zip(sha256s, found)]


def _whole(frames: Store, sha256: str, data: bytes | None) -> bytes:
    name = blob_name(sha256, ".jpg")
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
    return data
