"""The letters that videos are shown under: by position, so that they say nothing about a video."""

import string

from schemas.options import SetupError


def letters(n_clips: int) -> tuple[str, ...]:
    """``A``, ``B``, ... for two videos or more, in the order they are shown.

    Raises :class:`SetupError` for fewer than two and for more than the alphabet has letters.
    """
    if not 2 <= n_clips <= len(string.ascii_uppercase):
        raise SetupError(
            f"{n_clips} videos cannot be compared in one request: it takes two to "
            f"{len(string.ascii_uppercase)}; leave out generators or ask in pairs"
        )
    return tuple(string.ascii_uppercase[:n_clips])
