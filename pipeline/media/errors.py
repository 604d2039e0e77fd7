"""What goes wrong with one clip: an exception inside this room, a Failure outside it."""

from schemas import Reason


class MediaError(Exception):
    """One clip cannot be used. ``message`` says what is wrong and what to do."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def too_many_bytes(place: str, max_bytes: int) -> MediaError:
    """The clip has more bytes than ``frames.max_bytes``; how many more was not found out."""
    return MediaError(
        Reason.TOO_LARGE,
        f"{place}: more than frames.max_bytes = {max_bytes} bytes; raise it or shorten the clip",
    )
