"""Which packets of an H.264 stream no other frame is decoded from."""

SLICES = range(1, 6)  # nal_unit_type of the parts of a picture (ITU-T H.264, table 7-1)


def length_bytes(codec: str, extradata: bytes | None) -> int | None:
    """Size of the length before each NAL unit, as mp4, mov and mkv store them.

    None for another codec, and for streams with start codes instead (ISO/IEC 14496-15, 5.3.3.1).
    """
    if codec != "h264" or not extradata or len(extradata) < 5 or extradata[0] != 1:
        return None
    return (extradata[4] & 3) + 1


def is_reference(packet: bytes | memoryview, size: int) -> bool:
    """Whether another frame may be predicted from this one: ``nal_ref_idc`` of any of its slices.

    ``size``: bytes of the lengths. True where the packet does not tell.
    """
    at, references = 0, []
    while at + size < len(packet):
        header = packet[at + size]
        if header & 0x1F in SLICES:
            references.append(header & 0x60 != 0)
        at += size + int.from_bytes(packet[at : at + size])
    return at != len(packet) or not references or any(references)
