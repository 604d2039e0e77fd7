"""Whether browsers play an MP4 or QuickTime file, by its boxes: a tenth of a millisecond per clip.

Read here and not by FFmpeg, whose opening of a file decodes some of it: that is ten times as slow, and
a hostile clip could end the process that draws the pages. Boxes: ISO/IEC 14496-12. What is not plainly
playable is looked at by PyAV in a child process (:mod:`pipeline.media.browsers.encode`).
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

# H.264 profiles of 8 bits and 4:2:0: baseline, main, extended, high (ITU-T H.264, table A-1 ff.)
_H264 = frozenset({66, 77, 88, 100})
_MOST_BYTES = 2**26  # of the box that describes the tracks; that of a clip has some kilobytes
_ENTRY = 86  # bytes of a visual sample entry before its boxes (ISO/IEC 14496-12, 12.1.3)
MP4_SUFFIXES = frozenset({".mp4", ".m4v", ".mov"})


def is_plain(path: Path) -> bool:
    """Whether the file is a whole MP4 or QuickTime file of a codec that every current browser plays.

    8-bit 4:2:0 H.264, VP9 or AV1 in every video track, and a name that a web server announces as such
    a file. False: it is none, or cannot be told. Raises ``OSError`` where the file cannot be read.
    """
    with open(path, "rb") as file:
        if path.suffix.lower() not in MP4_SUFFIXES:
            return False
        tracks = _boxes(_moov(file), 0)
    entries = [_sample_entry(body) for name, body in tracks if name == b"trak"]
    pictures = [entry for entry in entries if entry is not None]
    return bool(pictures) and all(_plays(name, boxes) for name, boxes in pictures)


def _moov(file: IO[bytes]) -> bytes:
    """What is in the box ``moov``; nothing where there is none, or where a box is cut short."""
    n_bytes, position, found = os.fstat(file.fileno()).st_size, 0, b""
    while position + 8 <= n_bytes:
        file.seek(position)
        head = file.read(16)
        size, start = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, start = int.from_bytes(head[8:], "big"), 16
        size = size or n_bytes - position
        if size < start or position + size > n_bytes:
            return b""
        if head[4:8] == b"moov":
            if size > _MOST_BYTES:
                return b""
            file.seek(position + start)
            found = file.read(size - start)
        position += size
    return found


def _boxes(data: bytes, position: int) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of each box; the first that is cut short ends them."""
    while position + 8 <= len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        if size < 8 or position + size > len(data):
            return
        yield data[position + 4 : position + 8], data[position + 8 : position + size]
        position += size


def _first(data: bytes, *names: bytes) -> bytes:
    """The content of the first box of each name, each in the one before; empty where there is none."""
    for wanted in names:
        data = next((body for name, body in _boxes(data, 0) if name == wanted), b"")
    return data


def _sample_entry(track: bytes) -> tuple[bytes, dict[bytes, bytes]] | None:
    """The codec of a track and the boxes that describe it; None for a track that is no video."""
    media = _first(track, b"mdia")
    if _first(media, b"hdlr")[8:12] != b"vide":
        return None
    entries = list(_boxes(_first(media, b"minf", b"stbl", b"stsd"), 8))
    if len(entries) != 1:  # changes midway
        return b"", {}
    name, body = entries[0]
    return name, dict(_boxes(body, _ENTRY - 8))


def _plays(codec: bytes, boxes: dict[bytes, bytes]) -> bool:
    if codec in (b"avc1", b"avc3"):
        return boxes.get(b"avcC", b"")[1:2] in {bytes([profile]) for profile in _H264}
    if codec == b"vp09":  # profile, level, then four bits of depth and three of subsampling
        vpcc = boxes.get(b"vpcC", b"")
        return len(vpcc) > 6 and vpcc[4] == 0 and vpcc[6] >> 4 == 8
    if codec == b"av01":  # marker and version, profile and level, tier, high_bitdepth, ..
        av1c = boxes.get(b"av1C", b"")
        return len(av1c) > 2 and av1c[1] >> 5 == 0 and not av1c[2] & 0x40
    return False
