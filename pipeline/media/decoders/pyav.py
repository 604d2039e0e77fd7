"""Frames by PyAV: an index of the packets first, decoding in order where it does not hold."""

import dataclasses
import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias, cast

import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from pipeline.media.decoded import (
    Choose,
    Decoded,
    Disagreement,
    FrameList,
    Rgb,
    Take,
    Taken,
    Unsuited,
)
from pipeline.media.decoders.complaints import decoded_aloud
from pipeline.media.decoders.damage import doubtful
from pipeline.media.decoders.demux import BROKEN, Packets
from pipeline.media.decoders.h264 import is_reference
from pipeline.media.decoders.mjpeg import MJPEG, has_picture
from pipeline.media.guard import unless_memory
from pipeline.media.timeline import Timeline

Run: TypeAlias = "Sequence[Packet[VideoStream]]"  # packets, in decoding order
INDEX, SEQUENTIAL = "pyav-index", "pyav-sequential"


class Picture:
    """Frames as arrays of one size: that of the first frame, should the stream change it midway."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()  # keeps its scaler from frame to frame
        self._thumbnailer = VideoReformatter()
        self._size: tuple[int, int] | None = None
        self.shown: tuple[int, int] = (0, 0)  # width and height with the rotation applied

    def rgb(self, frame: VideoFrame) -> Rgb:
        """Shape (height, width, 3), turned as the file's display matrix says, to 90 degrees."""
        width, height = self._size = self._size or (frame.width, frame.height)
        try:
            # A frame and its side data, once looked at, hold on to each other until Python's collector
            # comes by: hundreds of frames later. So it is a thumbnail's that are looked at.
            small = self._thumbnailer.reformat(
                frame, 16, 16, "gray", interpolation="POINT", threads=1
            )
            if not _is_quarter_turn(small):
                raise Unsuited("a picture that is shown mirrored or askew", "ffmpeg")
            shaped = self._reformatter.reformat(frame, width, height, "rgb24", threads=1)
        except BROKEN as error:
            unless_memory(error)
            raise Disagreement("a picture that cannot be converted to RGB") from error
        turns = round(frame.rotation / 90) % 4  # counter-clockwise, as numpy turns
        array: Rgb = np.ascontiguousarray(np.rot90(shaped.to_ndarray(), turns))
        self.shown = (array.shape[1], array.shape[0])
        return array


def _is_quarter_turn(frame: VideoFrame) -> bool:
    """Whether the display matrix (nine int32, row by row) turns by 90 degrees or not at all.

    A picture that it mirrors, which PyAV's angle hides, or turns otherwise is left to the ffmpeg
    program, which does so by itself.
    """
    matrix = cast(Any, frame.side_data).get("DISPLAYMATRIX")  # PyAV's types know one key only
    if matrix is None:
        return True
    a, b, _, c, d = (int(x) for x in np.frombuffer(matrix, np.int32)[:5])
    return frame.rotation % 90 == 0 and a * d - b * c > 0


def decode_indexed(clip: Packets, choose: Choose, take: Take[Taken]) -> Decoded[Taken]:
    """Frames by their packets' times, starting at the keyframe before each wanted one.

    Every frame that is decoded on the way must be that of the next packet, otherwise packets and
    frames are not the same thing in this file (invisible frames, fields, repeated times, damage)
    and :class:`Disagreement` sends it to :func:`decode_sequential`: no frame stands for another.
    """
    if clip.orphaned:
        raise Disagreement("frames that others are decoded from are missing")
    shown = [p for p in clip.packets if not p.is_discard and not p.is_corrupt]
    index = sorted({p.pts for p in shown if p.pts is not None})
    if not index or any(p.pts is None for p in clip.packets):
        raise Disagreement("packets without times")
    if len(index) < len(shown):
        raise Disagreement("several packets of one time")
    starts = [i for i, p in enumerate(clip.packets) if p.is_keyframe and not p.is_corrupt]
    key_pts = [clip.packets[i].pts or 0 for i in starts]
    latest = list(itertools.accumulate((p.pts or 0 for p in clip.packets), max))
    if not starts or any(latest[i] > pts for i, pts in zip(starts, key_pts, strict=True)):
        raise Disagreement("no keyframes in order of time")
    timeline = Timeline(pts=index, tick_s=clip.tick_s, last_ticks=clip.last_ticks)
    number = {pts: i for i, pts in enumerate(index)}
    keys = tuple(number[pts] for pts in key_pts if pts in number)
    indices = choose(FrameList(timeline=timeline, keys=keys))
    picture, taken = Picture(), []
    for key, group in itertools.groupby(indices, lambda i: bisect_right(key_pts, index[i]) - 1):
        if key < 0:
            raise Disagreement("frames before the first keyframe")
        for frame in _run(clip, clip.packets[starts[key] :], index, {index[i] for i in group}):
            taken.append(take(picture.rgb(frame)))
    width, height = picture.shown
    return Decoded(
        decoder=INDEX,
        indices=indices,
        taken=tuple(taken),
        width_px=width,
        height_px=height,
        lost=clip.lost,
        timeline=timeline,
    )


def _run(clip: Packets, packets: Run, index: list[int], wanted: set[int]) -> Iterator[VideoFrame]:
    """The frames of the ``wanted`` times, from the keyframe that ``packets`` begin with.

    Of H.264 only what those are decoded from is decoded, a third less in clips with B-frames. It is
    decoded as a whole where the frames are not those of the packets then.
    """
    given = 0
    if clip.nal_length_bytes:
        try:
            for frame in _in_turn(clip, _needed(packets, wanted, clip.nal_length_bytes), wanted):
                if frame.interlaced_frame:
                    raise Disagreement("fields, which may have packets of their own")
                yield frame
                given += 1
            return
        except Disagreement:
            pass
    yield from itertools.islice(_in_turn(clip, packets, wanted), given, None)


def _needed(packets: Run, wanted: set[int], nal_length_bytes: int) -> Run:
    """The packets up to the last wanted one without those that neither are wanted nor referred to."""
    last = max((i for i, p in enumerate(packets) if p.pts in wanted), default=0)
    return [
        p
        for p in packets[: last + 1]
        if p.pts in wanted or p.is_discard or is_reference(memoryview(p), nal_length_bytes)
    ]


def _in_turn(clip: Packets, packets: Run, wanted: set[int]) -> Iterator[VideoFrame]:
    """The wanted frames; every frame must be that of the next packet in order of showing."""
    start, given = packets[0].pts or 0, 0
    shown = sorted({p.pts for p in packets if not p.is_discard and p.pts is not None})
    expected = iter(shown[bisect_left(shown, start) :])
    begun = packets[0] is clip.packets[0]
    # shown before the keyframe they were stored after: of no use without the packets before it
    leading = () if begun else {i for i, p in enumerate(packets) if (p.pts or 0) < start}
    for frame in _frames(clip, packets):
        if isinstance(frame, int) and frame in leading:
            continue
        if isinstance(frame, int) or frame.is_corrupt or frame.pts is None:
            raise Disagreement("a packet that cannot be decoded")
        if not begun and frame.pts < start:
            continue
        begun = True
        if frame.pts != next(expected, None):
            raise Disagreement("frames that are not those of the packets")
        if frame.pts in wanted:
            yield frame
            given += 1
        if given == len(wanted):
            return
    raise Disagreement("fewer frames than packets")


def _frames(clip: Packets, packets: Run) -> Iterator[VideoFrame | int]:
    """Decoded frames in order of showing; the number of each packet that cannot be decoded."""
    clip.codec.flush_buffers()
    jpeg = clip.codec.name == MJPEG
    for number, packet in enumerate((*packets, None)):
        try:
            if packet is not None and (
                packet.is_corrupt or (jpeg and not has_picture(memoryview(packet)))
            ):
                yield number
            else:
                frames, patched = decoded_aloud(clip.codec, packet)
                if patched:
                    yield number
                yield from frames
        except BROKEN as error:
            unless_memory(error)
            yield number


def decode_sequential(clip: Packets, choose: Choose, take: Take[Taken]) -> Decoded[Taken]:
    """Frames by counting those that decode, from the first packet to the last.

    Which frames there are is known at the end only: the clip is decoded once to list them, and again
    to take those that are chosen. Frames that are decoded from a lost one are left out with it
    (:mod:`pipeline.media.decoders.damage`).
    """
    found = _listed(clip)
    timeline = Timeline(pts=found.pts, tick_s=clip.tick_s, last_ticks=clip.last_ticks)
    indices = choose(FrameList(timeline=timeline, keys=found.keys))
    picture, taken = Picture(), []
    for number, frame in enumerate(itertools.islice(_whole(clip, found.bad), indices[-1] + 1)):
        if frame.pts != found.pts[number]:
            raise Disagreement("the frames that decode differ from pass to pass")
        if number in indices:
            taken.append(take(picture.rgb(frame)))
    if len(taken) != len(indices):
        raise Disagreement("the number of frames that decode differs from pass to pass")
    width, height = picture.shown
    return Decoded(
        decoder=SEQUENTIAL,
        indices=indices,
        taken=tuple(taken),
        timeline=timeline,
        width_px=width,
        height_px=height,
        lost=found.lost,
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _Listed:
    """Times and keyframes of every frame that decodes whole; the times of those that do not."""

    pts: list[int | None]
    keys: tuple[int, ...]
    bad: frozenset[int | None]
    lost: int


def _listed(clip: Packets) -> _Listed:
    frames: list[tuple[int | None, bool]] = []
    failed, corrupt = set(), []
    for frame in _frames(clip, clip.packets):
        if isinstance(frame, int):
            failed.add(frame)
        elif frame.is_corrupt:
            corrupt.append(frame.pts)
        else:
            frames.append((frame.pts, bool(frame.key_frame)))
    lost = failed | clip.orphaned | {i for i, p in enumerate(clip.packets) if p.pts in corrupt}
    bad = doubtful(clip.packets, lost)
    whole = [(pts, key) for pts, key in frames if pts not in bad]
    if not whole:
        raise Disagreement("no frame can be decoded")
    told = sum(p.is_corrupt for p in clip.packets)  # by the demuxer, and counted there
    return _Listed(
        pts=[pts for pts, _ in whole],
        keys=tuple(i for i, (_, key) in enumerate(whole) if key),
        bad=bad,
        lost=clip.lost - told + len(failed) + len(corrupt) + len(frames) - len(whole),
    )


def _whole(clip: Packets, bad: frozenset[int | None]) -> Iterator[VideoFrame]:
    for frame in _frames(clip, clip.packets):
        if not isinstance(frame, int) and not frame.is_corrupt and frame.pts not in bad:
            yield frame
