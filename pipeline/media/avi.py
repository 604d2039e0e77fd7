"""Pictures of one size as an AVI file, which holds them byte for byte and times them exactly.

Written here, after Microsoft's "AVI RIFF File Reference", and not by FFmpeg: the same pictures give
the same bytes, and so the same digest, with every version. Of the containers that hold both JPEG and
PNG, it is also the one whose clock ticks once per frame.
"""

import struct
from collections.abc import Sequence
from fractions import Fraction

MOST_BYTES = 2**31  # sizes and offsets are 32 bits wide, and some readers take them as signed
_HAS_INDEX, _KEYFRAME = 0x10, 0x10
_BY_ITSELF = 0xFFFFFFFF  # quality: the driver's default


def avi(
    pictures: Sequence[bytes], codec: bytes, width: int, height: int, frame_rate: Fraction
) -> bytes:
    """The file. Picture i is shown at ``i / frame_rate`` seconds.

    Args:
        pictures: whole picture files, together below ``MOST_BYTES``.
        codec: the four bytes that name their format, ``MJPG`` or ``MPNG``.
    """
    header = _list(b"hdrl", _main_header(pictures, width, height, frame_rate)
                   + _list(b"strl", _stream(pictures, codec, width, height, frame_rate)))  # fmt: skip
    movie = _list(b"movi", b"".join(_chunk(b"00dc", picture) for picture in pictures))
    return _chunk(b"RIFF", b"AVI " + header + movie + _index(pictures))


def _main_header(pictures: Sequence[bytes], width: int, height: int, frame_rate: Fraction) -> bytes:
    microseconds = min(round(1_000_000 / frame_rate), 2**32 - 1)
    fields = (
        microseconds,
        0,
        0,
        _HAS_INDEX,
        len(pictures),
        0,
        1,
        _largest(pictures),
        width,
        height,
    )
    return _chunk(b"avih", struct.pack("<14I", *fields, 0, 0, 0, 0))


def _stream(
    pictures: Sequence[bytes], codec: bytes, width: int, height: int, frame_rate: Fraction
) -> bytes:
    rate, scale = frame_rate.numerator, frame_rate.denominator
    head = struct.pack(
        "<4s4sIHH8I4H", b"vids", codec, 0, 0, 0,
        0, scale, rate, 0, len(pictures), _largest(pictures), _BY_ITSELF, 0,
        0, 0, width, height,
    )  # fmt: skip
    form = struct.pack(
        "<IiiHH4sIiiII", 40, width, height, 1, 24, codec, width * height * 3, 0, 0, 0, 0
    )
    return _chunk(b"strh", head) + _chunk(b"strf", form)


def _index(pictures: Sequence[bytes]) -> bytes:
    entries, offset = [], 4  # counted from the word movi
    for picture in pictures:
        entries.append(struct.pack("<4sIII", b"00dc", _KEYFRAME, offset, len(picture)))
        offset += 8 + len(picture) + len(picture) % 2
    return _chunk(b"idx1", b"".join(entries))


def _largest(pictures: Sequence[bytes]) -> int:
    return max(map(len, pictures))


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _list(name: bytes, data: bytes) -> bytes:
    return _chunk(b"LIST", name + data)
