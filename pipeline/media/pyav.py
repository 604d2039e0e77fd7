"""Frames by PyAV: an index of the packets first, decoding in order where it does not hold."""

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from pipeline.media.decoded import Choose, Decoded, Disagreement, Rgb, Take, Taken
from pipeline.media.demux import BROKEN, Packets
from pipeline.media.timeline import Timeline

INDEX, SEQUENTIAL = "pyav-index", "pyav-sequential"
_PASSES = 3  # of sequential decoding until the number of frames is the one that was chosen from


class Picture:
    """Frames as arrays of one size: that of the first frame, should the stream change it midway."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()  # keeps its scaler from frame to frame
        self._size: tuple[int, int] | None = None
        self.shown: tuple[int, int] = (0, 0)  # width and height with the rotation applied

    def rgb(self, frame: VideoFrame) -> Rgb:
        """Shape (height, width, 3), turned as the file's display matrix says, to 90 degrees."""
        if _mirrored(frame):
            raise Disagreement("a picture that is shown mirrored")
        width, height = self._size = self._size or (frame.width, frame.height)
        try:
            shaped = self._reformatter.reformat(frame, width, height, "rgb24", threads=1)
        except BROKEN as error:
            raise Disagreement("a picture that cannot be converted to RGB") from error
        turns = round(frame.rotation / 90) % 4  # counter-clockwise, as numpy turns
        array: Rgb = np.ascontiguousarray(np.rot90(shaped.to_ndarray(), turns))
        self.shown = (array.shape[1], array.shape[0])
        return array


def _mirrored(frame: VideoFrame) -> bool:
    """Whether the display matrix (nine int32, row by row) mirrors: PyAV's angle hides it.

    Such a picture is left to the ffmpeg program, which turns and mirrors by itself.
    """
    matrix = cast(Any, frame.side_data).get("DISPLAYMATRIX")  # PyAV's types know one key only
    if matrix is None:
        return False
    a, b, _, c, d = (int(x) for x in np.frombuffer(matrix, np.int32)[:5])
    return a * d - b * c < 0


def decode_indexed(clip: Packets, choose: Choose, take: Take[Taken]) -> Decoded[Taken]:
    """Frames by their packets' times, starting at the keyframe before each wanted one.

    Every frame that is decoded on the way must be the next of the index, otherwise packets and
    frames are not the same thing in this file (invisible frames, fields, repeated times, damage)
    and :class:`Disagreement` sends it to :func:`decode_sequential`: no frame stands for another.
    """
    index = sorted({p.pts for p in clip.packets if not p.is_discard and p.pts is not None})
    if not index or any(p.pts is None for p in clip.packets):
        raise Disagreement("packets without times")
    starts = [i for i, p in enumerate(clip.packets) if p.is_keyframe]
    key_pts = [clip.packets[i].pts or 0 for i in starts]
    if not starts or key_pts != sorted(key_pts):
        raise Disagreement("no keyframes in order of time")
    indices = choose(len(index))
    picture, taken = Picture(), []
    for key, group in itertools.groupby(indices, lambda i: bisect_right(key_pts, index[i]) - 1):
        if key < 0:
            raise Disagreement("frames before the first keyframe")
        for frame in _run(clip, starts[key], index, list(group)):
            taken.append(take(picture.rgb(frame)))
    width, height = picture.shown
    return Decoded(
        decoder=INDEX,
        indices=indices,
        taken=tuple(taken),
        width_px=width,
        height_px=height,
        lost=clip.lost,
        timeline=Timeline(pts=index, tick_s=clip.tick_s, last_ticks=clip.last_ticks),
    )


def _run(clip: Packets, start: int, index: list[int], wanted: list[int]) -> Iterator[VideoFrame]:
    """The wanted frames of one run of decoding from the keyframe at packet ``start``."""
    first = bisect_left(index, clip.packets[start].pts or 0)
    expected = first
    for frame in _frames(clip, start):
        if frame is None or frame.is_corrupt or frame.pts is None:
            raise Disagreement("a packet that cannot be decoded")
        if start and expected == first and frame.pts < index[first]:
            continue  # shown before the keyframe it was stored after
        if expected == len(index) or frame.pts != index[expected]:
            raise Disagreement("frames that are not those of the packets")
        if expected in wanted:
            yield frame
        if expected == wanted[-1]:
            return
        expected += 1
    raise Disagreement("fewer frames than packets")


def _frames(clip: Packets, start: int = 0) -> Iterator[VideoFrame | None]:
    """Decoded frames in order of showing; None for each packet that cannot be decoded."""
    clip.codec.flush_buffers()
    for packet in (*clip.packets[start:], None):
        try:
            yield from clip.codec.decode(packet)
        except BROKEN:
            yield None


def decode_sequential(clip: Packets, choose: Choose, take: Take[Taken]) -> Decoded[Taken]:
    """Frames by counting those that decode, from the first packet to the last.

    The count is known at the end only. It is guessed from the packets, and the clip decoded again
    where the guess was wrong.
    """
    guess = sum(not p.is_discard for p in clip.packets)
    for _ in range(_PASSES):
        indices, picture = choose(max(guess, 1)), Picture()
        taken: list[Taken] = []
        pts: list[int | None] = []
        lost = clip.lost
        for frame in _frames(clip):
            if frame is None or frame.is_corrupt:
                lost += 1
                continue
            if len(pts) in indices:
                taken.append(take(picture.rgb(frame)))
            pts.append(frame.pts)
        if not pts:
            raise Disagreement("no frame can be decoded")
        if len(pts) == guess:
            width, height = picture.shown
            timeline = Timeline(pts=pts, tick_s=clip.tick_s, last_ticks=clip.last_ticks)
            return Decoded(
                decoder=SEQUENTIAL,
                indices=indices,
                taken=tuple(taken),
                timeline=timeline,
                width_px=width,
                height_px=height,
                lost=lost,
            )
        guess = len(pts)
    raise Disagreement("the number of frames that decode differs from pass to pass")
