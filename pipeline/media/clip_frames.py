"""The frames of a single file as JPEG bytes, for commands that need no store."""

import functools

from pipeline.media.decode import decode
from pipeline.media.errors import MediaError
from pipeline.media.jpeg import encode
from pipeline.media.options import FramesOptions
from pipeline.media.policy import policy_of
from schemas.options import SetupError


def jpegs_of(path: str) -> list[bytes]:
    """JPEG bytes of the frames that the defaults take, in the order of time.

    Raises :class:`SetupError` naming the file where it cannot be read or decoded.
    """
    options = FramesOptions()
    try:
        decoded = decode(
            path,
            options,
            policy_of(options, ""),
            functools.partial(encode, long_side=options.long_side_px, quality=options.jpeg_quality),
        )
    except MediaError as error:
        raise SetupError(f"{path}: {error.message}") from error
    return [jpeg.data for jpeg in decoded.taken]
