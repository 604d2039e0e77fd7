"""Whether a packet of Motion JPEG holds a picture at all.

Of one without a picture FFmpeg's decoder gives a frame all the same: the memory of an earlier one, which
hangs on what else is held at the time.
"""

from pipeline.media.decoders.demux import Packets

MJPEG = "mjpeg"  # FFmpeg's name
_START, _SCAN, _END = 0xD8, 0xDA, 0xD9
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers that no length follows


def has_picture(data: bytes | memoryview) -> bool:
    """Whether the segments lead from the start of the image to a scan (ITU-T T.81, B.1.1 and B.2.1).

    The scan itself is the decoder's business, and so is where it ends: some cameras leave out the end
    marker.
    """
    if len(data) < 4 or data[0] != 0xFF or data[1] != _START:
        return False
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in (_SCAN, _END):
            return marker == _SCAN
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in _ALONE:
            at += 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return False


def all_have_pictures(clip: Packets) -> bool:
    """Whether the clip is no Motion JPEG, or each of its packets holds a picture."""
    if clip.codec.name != MJPEG:
        return True
    return all(has_picture(memoryview(packet)) for packet in clip.packets)
