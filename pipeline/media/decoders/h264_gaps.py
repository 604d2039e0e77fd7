"""Where frames of an H.264 stream are missing that later ones are decoded from.

FFmpeg's decoder fills such a gap with an earlier picture and says nothing. Reference frames are
counted, though (``frame_num``), so that whoever reads the count can tell.
"""

import dataclasses
from collections.abc import Iterable, Iterator

from pipeline.media.decoders.h264 import SLICES

_IDR, _SPS = 5, 7  # nal_unit_type (ITU-T H.264, table 7-1)
_HEAD = 24  # bytes of a slice in which frame_num lies: three numbers of 4 bytes at most before it
# profile_idc of those whose parameter sets tell of chroma and scaling (7.3.2.1.1)
_HIGH = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Counting:
    """How a sequence parameter set has frames counted."""

    bits: int  # of frame_num
    planes_apart: bool
    gaps_allowed: bool


def gaps(packets: Iterable[memoryview], size: int, extradata: bytes) -> Iterator[int]:
    """Numbers of the packets before which a reference frame is missing.

    ``packets`` in decoding order, with lengths of ``size`` bytes; ``extradata`` as in mp4. By ITU-T
    H.264, 7.4.3 (frame_num). None for streams that may leave numbers out, and from where the way of
    counting changes. A picture that sets the count back (memory_management_control_operation 5,
    which encoders at large do not write) looks like a gap.
    """
    counting = _of_header(extradata)
    before: int | None = None
    for number, packet in enumerate(packets):
        for kind, unit in _units(packet, size):
            if kind == _SPS and _parsed(unit) != counting:
                return
            if kind not in SLICES:
                continue
            if counting is None or counting.gaps_allowed:
                return
            count = _count(unit, counting)
            following = () if before is None else (before, (before + 1) % (1 << counting.bits))
            if kind == _IDR and count != 0:
                return  # it is, always: the file has come to parameter sets that are not in its header
            if kind != _IDR and following and count not in following:
                yield number
                before = count
            if unit[0] & 0x60:
                before = count
            break


def _of_header(extradata: bytes) -> _Counting | None:
    """Of the sets in the file's header (ISO/IEC 14496-15, 5.3.3.1), if all say the same."""
    at, found = 6, set()
    for _ in range(extradata[5] & 0x1F if len(extradata) > 5 else 0):
        length = int.from_bytes(extradata[at : at + 2])
        found.add(_parsed(memoryview(extradata)[at + 2 : at + 2 + length]))
        at += 2 + length
    return found.pop() if len(found) == 1 else None


def _units(packet: memoryview, size: int) -> Iterator[tuple[int, memoryview]]:
    at = 0
    while at + size < len(packet):
        length = int.from_bytes(packet[at : at + size])
        unit = packet[at + size : at + size + length]
        if not unit:
            return
        yield unit[0] & 0x1F, unit
        at += size + length


class _Bits:
    """Reads bits, and the standard's numbers of variable length (9.1). Beyond the end are zeros."""

    def __init__(self, unit: bytes) -> None:
        plain = unit.replace(b"\0\0\3", b"\0\0")  # 7.4.1: emulation prevention
        self._value, self._left = int.from_bytes(plain), 8 * len(plain)

    def take(self, n: int) -> int:
        self._left -= n
        if self._left < 0:
            raise ValueError("cut short")
        return (self._value >> self._left) & ((1 << n) - 1)

    def ue(self) -> int:
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)

    def se(self) -> int:
        value = self.ue()
        return (value + 1) // 2 if value & 1 else -(value // 2)


def _parsed(unit: memoryview) -> _Counting | None:
    """Of a sequence parameter set (7.3.2.1.1); None where it is cut short."""
    bits, chroma, apart = _Bits(bytes(unit[1:])), 1, False
    try:
        profile = bits.take(8)
        bits.take(16)
        bits.ue()
        if profile in _HIGH:
            chroma = bits.ue()
            apart = chroma == 3 and bool(bits.take(1))
            bits.ue(), bits.ue(), bits.take(1)
            if bits.take(1):
                _skip_scaling(bits, 12 if chroma == 3 else 8)
        width = bits.ue() + 4
        _skip_order(bits)
        bits.ue()
        return _Counting(bits=width, planes_apart=apart, gaps_allowed=bool(bits.take(1)))
    except ValueError:
        return None


def _skip_scaling(bits: _Bits, lists: int) -> None:
    for number in range(lists):
        last = following = 8
        for _ in range((16 if number < 6 else 64) if bits.take(1) else 0):
            following = (last + bits.se()) % 256 if following else 0
            last = following or last


def _skip_order(bits: _Bits) -> None:
    kind = bits.ue()
    if kind == 0:
        bits.ue()
    elif kind == 1:
        bits.take(1), bits.se(), bits.se()
        for _ in range(bits.ue()):
            bits.se()


def _count(unit: memoryview, counting: _Counting) -> int | None:
    """``frame_num`` of a slice (7.3.3); None where it is cut short."""
    bits = _Bits(bytes(unit[1:_HEAD]))
    try:
        bits.ue(), bits.ue(), bits.ue()
        if counting.planes_apart:
            bits.take(2)
        return bits.take(counting.bits)
    except ValueError:
        return None
