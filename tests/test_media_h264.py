"""What no other frame is decoded from is left out, and every frame stays what it was."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest
from coded_clips import draw, number_in, remux, write_clip
from hypothesis import given
from hypothesis import strategies as st

from pipeline.media.decode import decode
from pipeline.media.decoded import Disagreement, FrameList
from pipeline.media.decoders.demux import Packets, open_packets
from pipeline.media.decoders.h264 import is_reference, length_bytes
from pipeline.media.decoders.h264_gaps import gaps
from pipeline.media.decoders.pyav import decode_indexed
from pipeline.media.errors import MediaError
from pipeline.media.options import FramesOptions
from pipeline.media.policy import policy_of
from pipeline.media.sniff import sniff
from schemas import Reason

AVCC = bytes([1, 0x64, 0, 0x1F, 0xFF, 0xE1])  # version 1, profile, level; lengths of 4 bytes
# NAL unit headers: two bits nal_ref_idc from 0x20 on, five bits of type (H.264, 7.3.1)
P_SLICE, B_SLICE, IDR_SLICE, SEI = 0x41, 0x01, 0x65, 0x06


def every(frames: FrameList) -> tuple[int, ...]:
    return tuple(range(frames.n))


def packet(*headers: int, size: int = 4) -> bytes:
    return b"".join((3).to_bytes(size) + bytes([header, 1, 2]) for header in headers)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ((IDR_SLICE,), True),
        ((P_SLICE,), True),
        ((B_SLICE,), False),
        ((SEI, B_SLICE, B_SLICE), False),
        ((SEI, IDR_SLICE), True),
        ((B_SLICE, P_SLICE), True),  # a field that is referred to, and one that is not
        ((SEI,), True),  # no picture in it: it does not tell
    ],
)
@pytest.mark.parametrize("size", [1, 2, 4])
def test_reference(headers: tuple[int, ...], expected: bool, size: int) -> None:
    assert is_reference(packet(*headers, size=size), size) is expected


@pytest.mark.parametrize(
    "damaged", [b"", b"\0\0", packet(B_SLICE)[:-1], bytes([255] * 9), packet(B_SLICE) + b"\0"]
)
def test_what_cannot_be_read_is_kept(damaged: bytes) -> None:
    assert is_reference(damaged, 4)


@pytest.mark.parametrize(
    ("codec", "extradata", "expected"),
    [
        ("h264", AVCC, 4),
        ("h264", AVCC[:4] + b"\xfd", 2),  # the last two bits hold the size less one
        ("h264", b"\0\0\0\1\x67\x64", None),  # start codes, as in a transport stream
        ("h264", None, None),
        ("hevc", AVCC, None),
    ],
)
def test_length_bytes(codec: str, extradata: bytes | None, expected: int | None) -> None:
    assert length_bytes(codec, extradata) == expected


@contextmanager
def opened(path: Path) -> Iterator[Packets]:
    with open_packets(str(path), sniff(str(path)), FramesOptions()) as clip:
        yield clip


class Counting:
    """A decoder that counts the packets it is given."""

    def __init__(self, codec: object) -> None:
        self._codec, self.given = codec, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._codec, name)

    def decode(self, packet: object) -> object:
        self.given += packet is not None
        return self._codec.decode(packet)  # type: ignore[attr-defined]


@pytest.mark.parametrize("open_gop", [0, 1])
@pytest.mark.parametrize("gop", [8, 250])
@pytest.mark.parametrize("seed", range(3))
def test_the_right_frames_from_fewer_packets(
    tmp_path: Path, open_gop: int, gop: int, seed: int
) -> None:
    clip_path = tmp_path / "a.mp4"
    with av.open(str(clip_path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p"
        stream.codec_context.max_b_frames, stream.codec_context.gop_size = 3, gop
        stream.options = {"x264-params": f"open-gop={open_gop}:b-adapt=0"}
        for number in range(60):
            frame = av.VideoFrame.from_ndarray(draw(number), format="rgb24")
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    choose = policy_of(FramesOptions(policy="random_per_segment", count=6, seed=seed), "a")
    with opened(clip_path) as clip:
        codec = Counting(clip.codec)
        lean = decode_indexed(
            dataclasses.replace(clip, codec=codec),  # type: ignore[arg-type]
            choose,
            number_in,
        )
        assert lean.taken == lean.indices
        # The first frame, two of every further four (two are B-frames that nothing refers to), and
        # the six that are wanted: 1 + 2 * 15 + 6
        assert codec.given <= 37


def test_a_clip_of_fields_is_decoded_as_a_whole(tmp_path: Path) -> None:
    interlaced = {"x264-params": "interlaced=1"}
    clip_path = tmp_path / "a.mp4"
    with av.open(str(clip_path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p"
        stream.codec_context.max_b_frames, stream.options = 3, interlaced
        for number in range(24):
            frame = av.VideoFrame.from_ndarray(draw(number), format="rgb24")
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    with opened(clip_path) as clip:
        codec = Counting(clip.codec)
        decoded = decode_indexed(
            dataclasses.replace(clip, codec=codec),  # type: ignore[arg-type]
            policy_of(FramesOptions(), "a"),
            number_in,
        )
    assert decoded.taken == decoded.indices
    assert codec.given > 24


def test_damage_between_packets_that_are_needed_is_seen(tmp_path: Path) -> None:
    """A reference that is gone: frames after it would be smeared, so the clip is left to others."""
    clip_path = write_clip(tmp_path / "a.mp4", range(40), gop=250, b_frames=0)
    with opened(clip_path) as clip:
        position, size = clip.packets[10].pos or 0, clip.packets[10].size
    data = bytearray(clip_path.read_bytes())
    data[position + 5 : position + size] = bytes(size - 5)  # length and header stay
    clip_path.write_bytes(data)
    with opened(clip_path) as clip, pytest.raises(Disagreement):
        decode_indexed(clip, policy_of(FramesOptions(), "a"), number_in)


def test_real_clips_keep_every_pixel(test_data: Path) -> None:
    clips = sorted((test_data / "fetv" / "videos").glob("*.mp4"))[::10]
    clips.append(test_data / "real" / "nasa_13013.mp4")
    for path in clips:
        choose = policy_of(FramesOptions(policy="random_per_segment", count=5), path.name)
        with opened(path) as clip:
            assert clip.nal_length_bytes == 4
            lean = decode_indexed(clip, choose, np.copy)
            whole = decode_indexed(
                dataclasses.replace(clip, nal_length_bytes=None), choose, np.copy
            )
        assert lean.indices == whole.indices
        assert lean.timeline == whole.timeline
        for a, b in zip(lean.taken, whole.taken, strict=True):
            assert np.array_equal(a, b), path


def without(clip_path: Path, low: int, high: int) -> Path:
    """A copy without the packets of these numbers, the latter excluded: nothing in it tells of them."""
    gone = f"noise=drop='between(n,{low},{high - 1})'"
    return remux(clip_path, clip_path.with_suffix(".mkv"), after=("-bsf:v", gone))


@pytest.mark.parametrize(
    ("b_frames", "open_gop", "low", "high"),
    [
        (0, 0, 15, 18),
        (3, 0, 15, 18),
        (3, 1, 14, 16),
        (3, 1, 23, 26),  # the next keyframe is needed by what is stored behind it and shown before
        (0, 0, 12, 13),  # a keyframe
        (0, 0, 10, 12),  # nothing is decoded from these
        (0, 0, 30, 40),
    ],
)
def test_no_frame_is_made_up_where_others_are_missing(
    tmp_path: Path, b_frames: int, open_gop: int, low: int, high: int
) -> None:
    params = {"x264-params": f"scenecut=0:b-adapt=0:open-gop={open_gop}"}
    whole = write_clip(tmp_path / "a.mp4", range(40), b_frames=b_frames, coding=params)
    decoded = decode(str(without(whole, low, high)), FramesOptions(), every, number_in)
    times = decoded.timeline.times_s(decoded.indices)
    assert decoded.taken == tuple(round((seconds or 0) * 8) for seconds in times)  # 8 a second


def test_what_is_missing_takes_along_what_is_decoded_from_it(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "a.mp4", range(40), b_frames=0, coding={"sc_threshold": "0"})
    with opened(without(whole, 15, 18)) as clip:
        assert clip.orphaned == {15}
    decoded = decode(str(tmp_path / "a.mkv"), FramesOptions(), every, number_in)
    assert decoded.taken == (*range(15), *range(24, 40))  # keyframes: 0, 12, 24, 36
    assert decoded.lost == 6  # 18 to 23
    with pytest.raises(MediaError) as caught:
        decode(str(tmp_path / "a.mkv"), FramesOptions(decoder="ffmpeg"), every, number_in)
    assert caught.value.reason == Reason.WRONG_DECODER


def sps(*, gaps_allowed: int = 0) -> bytes:
    """Baseline; set 0; frame_num of 4 bits; order of kind 2; one reference (H.264, 7.3.2.1.1)."""
    bits = f"1 1 011 010 {gaps_allowed} 1 1 1 1 0 0 1".replace(" ", "")
    whole = bits.ljust(-(-len(bits) // 8) * 8, "0")
    return bytes([0x67, 66, 0, 30, *(int(whole[i : i + 8], 2) for i in range(0, len(whole), 8))])


def counted(header: int, frame_num: int) -> memoryview:
    """first_mb_in_slice 0, slice_type 0, parameter set 0, and the count in four bits."""
    bits = int(f"111{frame_num:04b}1", 2)
    return memoryview((3).to_bytes(4) + bytes([header, bits, 0x80]))


def header(unit: bytes) -> bytes:
    return AVCC + len(unit).to_bytes(2) + unit


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([(IDR_SLICE, 0), (P_SLICE, 1), (P_SLICE, 2)], []),
        ([(IDR_SLICE, 0), (P_SLICE, 2), (P_SLICE, 3)], [1]),
        ([(IDR_SLICE, 0), (B_SLICE, 1), (B_SLICE, 1), (P_SLICE, 1)], []),  # B is not counted
        ([(IDR_SLICE, 0), (P_SLICE, 1), (P_SLICE, 1)], []),  # two fields
        ([(P_SLICE, 14), (P_SLICE, 15), (P_SLICE, 0)], []),  # 4 bits: 15, then 0
        ([(P_SLICE, 7), (IDR_SLICE, 0), (B_SLICE, 2)], [2]),
        ([(P_SLICE, 7), (P_SLICE, 9), (P_SLICE, 11)], [1, 2]),
        ([(P_SLICE, 7), (P_SLICE, 9), (IDR_SLICE, 3), (P_SLICE, 8)], [1]),  # counted otherwise now
    ],
)
def test_gaps_in_the_count_of_reference_frames(
    counts: list[tuple[int, int]], expected: list[int]
) -> None:
    packets = [counted(*count) for count in counts]
    assert list(gaps(packets, 4, header(sps()))) == expected
    assert list(gaps(packets, 4, header(sps(gaps_allowed=1)))) == []
    assert list(gaps(packets, 4, AVCC)) == []  # nothing says how they are counted


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_any_bytes_end(extradata: bytes, data: bytes) -> None:
    found = list(gaps([memoryview(data)] * 3, 4, extradata))
    assert found == sorted(set(found))
