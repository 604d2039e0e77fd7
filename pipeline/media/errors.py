"""What goes wrong with one clip: an exception inside this room, a Failure outside it."""

from schemas import Reason


class MediaError(Exception):
    """One clip cannot be used. ``message`` says what is wrong and what to do."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
