"""Frames by PyAV: an index of the packets first, decoding in order where it does not hold."""

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from pipeline.media.decoded import Choose, Decoded, Disagreement, FrameList, Rgb, Take, Taken
from pipeline.media.demux import BROKEN, Packets
from pipeline.media.timeline import Timeline

INDEX, SEQUENTIAL = "pyav-index", "pyav-sequential"


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
    timeline = Timeline(pts=index, tick_s=clip.tick_s, last_ticks=clip.last_ticks)
    number = {pts: i for i, pts in enumerate(index)}
    keys = tuple(number[pts] for pts in key_pts if pts in number)
    indices = choose(FrameList(timeline=timeline, keys=keys))
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
        timeline=timeline,
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

    Which frames there are is known at the end only: the clip is decoded once to list them, and again
    to take those that are chosen.
    """
    pts, keys, lost = _listed(clip)
    timeline = Timeline(pts=pts, tick_s=clip.tick_s, last_ticks=clip.last_ticks)
    indices = choose(FrameList(timeline=timeline, keys=keys))
    picture, taken = Picture(), []
    whole = (f for f in _frames(clip) if f is not None and not f.is_corrupt)
    for number, frame in enumerate(itertools.islice(whole, indices[-1] + 1)):
        if frame.pts != pts[number]:
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
        lost=lost,
    )


def _listed(clip: Packets) -> tuple[list[int | None], tuple[int, ...], int]:
    """Times of every frame that decodes, the numbers of the keyframes, and how much was lost."""
    pts: list[int | None] = []
    keys: list[int] = []
    lost = clip.lost
    for frame in _frames(clip):
        if frame is None or frame.is_corrupt:
            lost += 1
            continue
        if frame.key_frame:
            keys.append(len(pts))
        pts.append(frame.pts)
    if not pts:
        raise Disagreement("no frame can be decoded")
    return pts, tuple(keys), lost
