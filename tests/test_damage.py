"""Damaged clips: what is lost is left out, and nothing takes its place."""

import dataclasses
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import av
import pytest
from coded_clips import write_clip
from decoders_apart import NAMED, Seen, process, see

from pipeline.media.decoders.damage import doubtful
from schemas import Reason

SECONDS = 300  # a decoder that hangs fails the test, a busy machine does not


@pytest.fixture(scope="module")
def apart() -> Iterator[ProcessPoolExecutor]:
    with process() as pool:
        yield pool


@dataclasses.dataclass(frozen=True)
class Packet:
    pts: int | None
    is_keyframe: bool = False


def times_lost(*lost: int) -> list[int]:
    """Of an open group of pictures and a half: in decoding order, keyframes at 0 and 60."""
    packets = [Packet(0, True), Packet(30), Packet(10), Packet(20),
               Packet(60, True), Packet(40), Packet(50), Packet(70)]  # fmt: skip
    return sorted(pts or 0 for pts in doubtful(packets, lost))


def test_what_is_lost_with_a_packet() -> None:
    assert times_lost() == []
    assert times_lost(7) == [70]
    assert times_lost(4) == [40, 50, 60, 70]
    # Behind the keyframe at 60 stand 40 and 50, which may be decoded from the lost 10.
    assert times_lost(2) == [10, 20, 40, 50]
    assert doubtful([Packet(0, True), Packet(1, True), Packet(2, True)], {1}) == {1}
    assert doubtful([Packet(None, True), Packet(None)], {1}) == {None}


def wipe(clip: Path, number: int) -> Path:
    """Write zeros over a packet."""
    with av.open(str(clip)) as container:
        packet = [p for p in container.demux(video=0) if p.size][number]
        start, size = packet.pos or 0, packet.size
    data = bytearray(clip.read_bytes())
    data[start : start + size] = bytes(size)
    clip.write_bytes(data)
    return clip


def damaged(folder: Path) -> Path:
    """Keyframes at 0, 12, 24, 36, each frame decoded from the one before; number 17 is lost."""
    coding = {"x264-params": "keyint=12:scenecut=0:bframes=0:ref=1"}
    return wipe(write_clip(folder / "d.mp4", range(40), rate=10, coding=coding), 17)


@pytest.mark.parametrize("decoder", ["pyav", "auto"])
def test_frames_that_are_decoded_from_a_lost_one_are_lost_with_it(
    tmp_path: Path, decoder: str
) -> None:
    # A decoder conceals the loss: it shows number 16 in place of numbers 18 to 23.
    seen = see(str(damaged(tmp_path)), decoder=decoder)
    assert isinstance(seen, Seen)
    left = [*range(17), *range(24, 40)]
    assert seen.numbers == tuple(left)
    assert seen.times_s == tuple(i / 10 for i in left)
    assert (seen.decoder, seen.lost, seen.keys) == ("pyav-sequential", 7, (0, 12, 17, 29))


@pytest.mark.parametrize("decoder", [name for name in NAMED if name != "pyav"])
def test_decoders_that_conceal_damage_are_refused_for_it(
    tmp_path: Path, apart: ProcessPoolExecutor, decoder: str
) -> None:
    clip = damaged(tmp_path)
    seen = apart.submit(see, str(clip), decoder=decoder).result(SECONDS)
    assert isinstance(seen, tuple)
    assert seen[0] is Reason.WRONG_DECODER
    assert seen[1].endswith("set frames.decoder: pyav")
    again = apart.submit(see, str(clip), decoder=decoder).result(SECONDS)
    assert seen == again  # no address, no hour of the day


def test_a_lost_piece_of_a_transport_stream(tmp_path: Path) -> None:
    # The 188 bytes with which number 17 begins are taken out: it is lost, and FFmpeg's reader, which
    # meets the gap, marks number 15. Whole are those before, and those from the next keyframe on.
    coding = {"x264-params": "keyint=12:scenecut=0:bframes=0:ref=1:qp=1"}
    clip = write_clip(tmp_path / "a.ts", range(40), rate=10, coding=coding)
    with av.open(str(clip)) as container:
        packet = [p for p in container.demux(video=0) if p.size][17]
        at = packet.pos or 0
    data = clip.read_bytes()
    clip.write_bytes(data[:at] + data[at + 188 :])
    seen = see(str(clip))
    assert isinstance(seen, Seen)
    left = [*range(15), *range(24, 40)]
    assert seen.numbers == tuple(left)
    assert seen.times_s == pytest.approx([i / 10 for i in left])
    assert seen.lost
