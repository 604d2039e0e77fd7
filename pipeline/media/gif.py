"""The delays of a GIF: where they are zero, FFmpeg's reader makes up a tenth of a second."""

from collections.abc import Iterator

_EXTENSION, _IMAGE, _CONTROL = 0x21, 0x2C, 0xF9  # GIF89a specification, sections 20, 23, 24


def delays(data: bytes) -> Iterator[int]:
    """Delay of each picture in hundredths of a second, 0 where none is given.

    Ends where the file ends or is not a GIF any more; raises nothing.
    """
    position, delay = 13 + _table_bytes(data[10:11]), 0
    while position + 1 < len(data):
        if data[position] == _EXTENSION:
            if data[position + 1] == _CONTROL:
                delay = int.from_bytes(data[position + 4 : position + 6], "little")
            position = _skip_blocks(data, position + 2)
        elif data[position] == _IMAGE:
            yield delay
            delay = 0
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
