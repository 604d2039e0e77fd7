"""Open a clip with PyAV and read its packets, within limits and without decoding."""

import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from pipeline.media.decoded import Disagreement
from pipeline.media.decoders.h264 import length_bytes
from pipeline.media.decoders.h264_gaps import gaps
from pipeline.media.errors import MediaError
from pipeline.media.guard import check_streams, unless_memory
from pipeline.media.options import FramesOptions
from pipeline.media.sniff import GIF, Container
from schemas import Reason

# What PyAV 14 to 18 raises on damaged files; UnicodeDecodeError (a ValueError) comes from metadata.
BROKEN = (av.FFmpegError, ValueError, MemoryError)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Packets:
    """The video packets of a clip, in decoding order, and the decoder that reads them.

    All are held (``max_bytes`` bounds them): a jump to a keyframe is then a slice, which works in
    containers that cannot seek, and no file is opened twice.
    """

    codec: VideoCodecContext
    packets: "tuple[Packet[VideoStream], ...]"
    tick_s: Fraction
    lost: int
    nal_length_bytes: int | None = None  # of H.264 in mp4, mov and mkv; see h264
    # numbers of packets that nothing may be decoded from: one before them is missing; see h264_gaps
    orphaned: frozenset[int] = frozenset()

    @property
    def last_ticks(self) -> int | None:
        """How long the frame shown last stays, if its packet says so."""
        timed = [p for p in self.packets if p.pts is not None and not p.is_discard]
        return max(timed, key=lambda p: p.pts or 0).duration if timed else None


@contextmanager
def open_packets(path: str, container: Container, options: FramesOptions) -> Iterator[Packets]:
    """Packets of the first video stream; :class:`MediaError` for no video or a broken limit.

    One thread: the pool of child processes is the parallelism, and damaged files then give the same
    frames everywhere.
    """
    limits = {"max_pixels": str(options.max_pixels), "threads": "1"}
    if container == GIF:  # its header tells all; a look at frames costs what decoding them does
        limits["probesize"] = "2048"
    with _open(path, container, limits) as opened:
        check_streams(path, len(opened.streams), options)
        stream = _video_stream(path, opened)
        codec = stream.codec_context
        if codec is None:
            raise Disagreement("no decoder for its codec")
        _check_pixels(path, codec.width, codec.height, options.max_pixels)
        codec.options = {"max_pixels": limits["max_pixels"]}  # also for sizes that change midway
        codec.thread_count = 1
        packets, lost = _read(path, opened, stream, options.max_frames)
        nal_length_bytes = length_bytes(codec.name, codec.extradata)
        yield Packets(
            codec=codec,
            packets=tuple(packets),
            lost=lost,
            tick_s=Fraction(stream.time_base or 1),
            nal_length_bytes=nal_length_bytes,
            orphaned=_orphaned(packets, nal_length_bytes, codec.extradata or b""),
        )


def _open(path: str, container: Container, limits: dict[str, str]) -> InputContainer:
    try:
        return av.open(
            os.path.abspath(path),  # so that no name is taken for a protocol
            format=container.demuxer,
            options={"protocol_whitelist": "file", **limits},
            metadata_errors="ignore",
        )
    except BROKEN as error:
        unless_memory(error)
        raise Disagreement(getattr(error, "strerror", None) or str(error)) from error


def _video_stream(path: str, opened: InputContainer) -> VideoStream:
    for stream in opened.streams.video:
        if not stream.disposition & Disposition.attached_pic:  # the cover of a song
            return stream
    raise MediaError(
        Reason.NO_VIDEO,
        f"{path}: the file has no video stream; check that it is the clip and not its sound alone",
    )


def _check_pixels(path: str, width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise MediaError(
            Reason.TOO_LARGE,
            f"{path}: frames of {width} x {height} pixels, and "
            f"frames.max_pixels is {max_pixels}; raise it or scale the clip down",
        )


def _orphaned(
    packets: "list[Packet[VideoStream]]", size: int | None, extradata: bytes
) -> frozenset[int]:
    """A keyframe needs nothing before it, but those stored behind it and shown before it do."""
    found = gaps(map(memoryview, packets), size, extradata) if size else ()
    return frozenset(number - packets[number].is_keyframe for number in found)


def _read(
    path: str,
    opened: InputContainer,
    stream: VideoStream,
    max_frames: int,
) -> "tuple[list[Packet[VideoStream]], int]":
    """Packets with data, and how many were damaged. A file cut short ends with an error here."""
    packets: list[Packet[VideoStream]] = []
    lost = 0
    try:
        for packet in opened.demux(stream):
            lost += packet.is_corrupt
            if packet.size or packet.is_corrupt:  # where one is lost, others are with it
                packets.append(packet)
            if len(packets) > max_frames:
                raise MediaError(
                    Reason.TOO_LARGE,
                    f"{path}: more than {max_frames} frames "
                    "(frames.max_frames); raise it or shorten the clip",
                )
    except BROKEN as error:
        unless_memory(error)
        lost += 1
    return packets, lost
