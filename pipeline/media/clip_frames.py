"""The frames of a single file as JPEG bytes, for commands that need no store."""

import functools

from pipeline.media.decode import decode
from pipeline.media.errors import MediaError
from pipeline.media.jpeg import encode
from pipeline.media.options import FramesOptions
from pipeline.media.policy import policy_of
from schemas.options import SetupError

MOST = 256  # frames that may be taken of a clip


def jpegs_of(path: str, *, count: int | None = None) -> list[bytes]:
    """JPEG bytes of the frames that the defaults take, in the order of time; ``count``: of so many.

    Raises :class:`SetupError` naming the file where it cannot be read or decoded.
    """
    options = FramesOptions() if count is None else FramesOptions(count=min(count, MOST))
    try:
        decoded = decode(
            path,
            options,
            policy_of(options, ""),
            functools.partial(encode, long_side=options.long_side_px, quality=options.jpeg_quality),
        )
    except MediaError as error:
        named = error.message if path in error.message else f"{path}: {error.message}"
        raise SetupError(named) from error
    return [jpeg.data for jpeg in decoded.taken]
