"""Which frames damage takes with it: those that are decoded from a lost one are not whole either."""

from collections.abc import Collection, Sequence
from typing import Protocol


class TimedPacket(Protocol):
    """What is used of a packet."""

    @property
    def pts(self) -> int | None: ...

    @property
    def is_keyframe(self) -> bool: ...


def doubtful(packets: Sequence[TimedPacket], lost: Collection[int]) -> frozenset[int | None]:
    """Times of the frames that are lost with the packets of these numbers, in decoding order.

    A decoder may conceal a missing reference and show an earlier picture in place of every frame up
    to the next keyframe, without a word. So those count as lost: the packets up to that keyframe,
    and the ones behind it that are shown before it. Nothing but the lost packet itself where every
    packet is a keyframe.
    """
    times: set[int | None] = set()
    sound, resumed = True, None
    for number, packet in enumerate(packets):
        if packet.is_keyframe:
            sound, resumed = True, None if sound else packet.pts
        if number in lost:
            sound = False
        leading = resumed is not None and packet.pts is not None and packet.pts < resumed
        if not sound or leading:
            times.add(packet.pts)
    return frozenset(times)
