"""What a GIF says of its pictures: where delays are too short, FFmpeg's reader makes up others."""

import dataclasses
from collections.abc import Iterator

_EXTENSION, _IMAGE, _CONTROL = 0x21, 0x2C, 0xF9  # GIF89a specification, sections 20, 23, 24
# FFmpeg's gif reader (its option min_delay) and browsers show what is shorter for a tenth of a second
_SHORTEST = 2


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture of a GIF: hundredths of a second, 0 where none are given."""

    delay: int
    transparent: bool


def is_timed(data: bytes) -> bool:
    """Whether the times that FFmpeg's reader gives are those of the file, whose bytes these are."""
    return all(picture.delay >= _SHORTEST for picture in pictures(data))


def is_transparent(data: bytes) -> bool:
    """Whether the first picture has a transparent colour: in later ones it means «as before»."""
    first = next(pictures(data), None)
    return first is not None and first.transparent


def pictures(data: bytes) -> Iterator[Picture]:
    """The pictures of a GIF. Ends where the file ends or is not a GIF any more; raises nothing."""
    position, control = 13 + _table_bytes(data[10:11]), b"\0\0\0"
    while position + 1 < len(data):
        if data[position] == _EXTENSION:
            if data[position + 1] == _CONTROL:
                control = data[position + 3 : position + 6]
            position = _skip_blocks(data, position + 2)
        elif data[position] == _IMAGE:
            yield Picture(
                delay=int.from_bytes(control[1:3], "little"), transparent=bool(control[0] & 1)
            )
            control = b"\0\0\0"
            colours = _table_bytes(data[position + 9 : position + 10])
            position = _skip_blocks(data, position + 10 + colours + 1)
        else:
            return


def _table_bytes(flags: bytes) -> int:
    """Size of the colour table that a byte of flags announces."""
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def _skip_blocks(data: bytes, position: int) -> int:
    """The position after a chain of length-prefixed blocks."""
    while position < len(data) and data[position]:
        position += data[position] + 1
    return position + 1
