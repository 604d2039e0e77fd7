"""One clip in a child process: what browsers do not play in it, and its preview.

The pictures and their times are those that judges are shown frames of: the same decoders, in the same
order, within the same limits.
"""

import dataclasses
import itertools
import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import Colorspace, VideoReformatter

from pipeline.media.browsers.preview import LONG_SIDE_PX, MOST_S, Preview
from pipeline.media.decode import decode
from pipeline.media.decoded import FrameList, Rgb
from pipeline.media.decoders.demux import BROKEN
from pipeline.media.errors import MediaError
from pipeline.media.guard import check_streams
from pipeline.media.jpeg import fit
from pipeline.media.options import FramesOptions
from pipeline.media.sniff import HEAD_BYTES, WEBP, Container, check_file, sniff
from schemas import Reason

RATE = Fraction(10)  # of a clip whose file gives no times: what browsers do with GIF delays of zero
TICK = Fraction(1, 90_000)  # s
# A look at motion and content, not at the encoder: half the bits of what is hard to tell from the
# original. A keyframe a second, for players that jump to keep in step. The rate bounds the size of noise:
# 20 s have 3 MB at most, buffer included. No B-frames: coding order is the order of showing.
CODING = {
    "preset": "veryfast",
    "crf": "27",
    "maxrate": "1200k",
    "bufsize": "1200k",
    "threads": "1",
    "x264-params": "bframes=0:keyint=30:colormatrix=smpte170m",
}
_WEBM_CODECS = frozenset({"vp8", "vp9", "av1", "libdav1d"})
_PIXELS = frozenset({"yuv420p", "yuvj420p"})
_NAMES = {
    "av1": "AV1",
    "gif": "GIF as video",
    "h264": "H.264",
    "hevc": "HEVC",
    "libdav1d": "AV1",
    "mjpeg": "Motion JPEG",
    "mpeg1video": "MPEG-1",
    "mpeg2video": "MPEG-2",
    "mpeg4": "MPEG-4 part 2",
    "png": "PNG pictures",
    "prores": "ProRes",
    "vp8": "VP8",
    "vp9": "VP9",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A clip to look at. ``target``: where its preview goes; None: only what it is is asked."""

    path: str
    suffix: str  # of its name, lower case
    target: str | None
    limits: FramesOptions


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    """``widen``: how much wider a pixel is shown than it is high, of the picture as stored."""

    what: str
    widen: Fraction = Fraction(1)
    turned: bool = False  # by a quarter: what is widened is then the height


def look(task: Task) -> Preview:
    """What is known of the clip now; its preview lies at ``target`` where ``made``.

    Never raises for what is wrong with the clip: that is ``why`` there is none. Nor for a file that
    cannot be written, which is tried again another time.
    """
    what = f"this {task.suffix or 'file without a suffix'}"
    try:
        header = _header(task.path, task.suffix, task.limits)
        what = header.what
        if not what or task.target is None:
            return Preview(what=what)
        return _encoded(task.path, task.target, header, task.limits)
    except MediaError as error:
        why = error.message.removeprefix(f"{task.path}: ")
        return Preview(what=what, why=f"there is no preview: {why}")
    except (*BROKEN, OSError) as error:
        why = f"its preview could not be written: {getattr(error, 'strerror', None) or error}"
        return Preview(what=what, why=why, again=True)


def _header(path: str, suffix: str, limits: FramesOptions) -> _Header:
    check_file(path, limits.max_bytes)
    container = sniff(path)
    if container == WEBP:
        return _Header(what="animated WebP as video")
    try:
        with av.open(
            os.path.abspath(path),
            format=container.demuxer,
            options={"protocol_whitelist": "file", "threads": "1"},
            metadata_errors="ignore",
        ) as opened:
            check_streams(path, len(opened.streams), limits)
            return _described(opened, path, suffix, container)
    except BROKEN:  # the ffmpeg program may read what PyAV cannot
        return _Header(what=f"this {container.suffix}")


def _described(opened: Any, path: str, suffix: str, container: Container) -> _Header:
    stream = next(iter(opened.streams.video), None)
    codec = stream and stream.codec_context
    if stream is None or codec is None:
        return _Header(what=f"this {container.suffix}")
    name, pixels = codec.name, codec.pix_fmt
    if name in _WEBM_CODECS and pixels in _PIXELS and suffix == ".webm" and _is_webm(path):
        return _Header(what="")
    what = _NAMES.get(name, name)
    if name in ("h264", *_WEBM_CODECS):
        kind = _kind(codec.format)
        what = f"{kind} {what}" if kind else f"{what} in {_place(suffix, container)}"
    widen = Fraction(stream.sample_aspect_ratio or codec.sample_aspect_ratio or 1)
    # Only the first picture tells, and only of pixels that are not square it is asked.
    first = next(opened.decode(stream), None) if widen != 1 else None
    return _Header(
        what=what,
        widen=widen if Fraction(1, 16) < widen < 16 else Fraction(1),
        turned=first is not None and round(first.rotation / 90) % 2 == 1,
    )


def _kind(pixels: Any) -> str:
    """What is not 8-bit 4:2:0 about a pixel format, for example ``10-bit 4:2:2``; empty if nothing is."""
    if pixels is None or pixels.name in _PIXELS:
        return ""
    depth = max((part.bits for part in pixels.components), default=8)
    of_four = pixels.chroma_width(4), pixels.chroma_height(4)
    shape = {(2, 2): "", (2, 4): "4:2:2", (4, 4): "4:4:4"}.get(of_four, pixels.name)
    if pixels.is_rgb or len(pixels.components) < 3:
        shape = "RGB" if pixels.is_rgb else "grey"
    return " ".join(filter(None, (f"{depth}-bit" if depth > 8 else "", shape)))


def _place(suffix: str, container: Container) -> str:
    """The container by the file's name, and by what is in it where the two differ."""
    return suffix if suffix == container.suffix or not container.suffix else (
        f"{container.suffix} named {suffix}" if suffix else container.suffix
    )  # fmt: skip


def _is_webm(path: str) -> bool:
    """Whether the EBML header's document type, near the start of the file, is WebM and not Matroska."""
    with open(path, "rb") as file:
        return b"\x42\x82\x84webm" in file.read(HEAD_BYTES)[:64]


def _encoded(path: str, target: str, header: _Header, limits: FramesOptions) -> Preview:
    coder = _Coder(path, target, header)
    try:
        decoded = decode(path, limits, coder.begin, coder.take)
        shown_s, long_side = coder.finish()
        os.replace(coder.unfinished, target)
    finally:
        coder.close()
        Path(coder.unfinished).unlink(missing_ok=True)
    times = _times(FrameList(timeline=decoded.timeline, keys=None))
    return Preview(
        what=header.what,
        made=True,
        long_side_px=long_side,
        shown_s=round(shown_s, 3),
        clip_s=round(times[-1], 3),
    )


def _times(frames: FrameList) -> list[float]:
    """When each frame is first shown, in seconds, and when the last one ends."""
    starts = [t for t in frames.timeline.times_s(range(frames.n)) if t is not None]
    if len(starts) < frames.n:
        return [float(k / RATE) for k in range(frames.n + 1)]
    end = frames.timeline.duration_s
    if end is None or end <= starts[-1]:  # as long as the others on average
        end = starts[-1] + (starts[-1] / (frames.n - 1) if frames.n > 1 else float(1 / RATE))
    return [*starts, end]


class _Coder:
    """Codes frames as they are decoded. Holds one frame and what is coded of it, no more."""

    def __init__(self, path: str, target: str, header: _Header) -> None:
        self.unfinished = f"{target}.{os.getpid()}.tmp"
        self._path, self._header = path, header
        self._target: Any = None
        self._stream: Any = None

    def begin(self, frames: FrameList) -> tuple[int, ...]:
        """The frames of the first seconds. A decoder that gives up is followed by another, which begins."""
        self.close()
        times = _times(frames)
        shown = [t for t in times[:-1] if t < MOST_S]
        ticks = [round(t / TICK) for t in (*shown, min(times[len(shown)], MOST_S))]
        self._starts, self._end = ticks[:-1], ticks[-1]
        self._ends = dict(itertools.pairwise(ticks))  # of each frame, by when it is first shown
        self._given, self._scaler = 0, VideoReformatter()
        self._stream = None
        options = {"movflags": "+faststart", "fflags": "+bitexact"}
        self._target = av.open(self.unfinished, "w", format="mp4", options=options)
        return tuple(range(len(shown)))

    def take(self, rgb: Rgb) -> None:
        """Code one frame."""
        if self._stream is None:
            self._open(rgb.shape[1], rgb.shape[0])
        frame = self._scaler.reformat(
            # which copies nothing, and wants what it could write to
            av.VideoFrame.from_numpy_buffer(
                np.require(rgb, requirements=("C", "W")), format="rgb24"
            ),
            self._stream.width,
            self._stream.height,
            "yuv420p",
            dst_colorspace=Colorspace.ITU601,
            interpolation="AREA",
            threads=1,
        )
        frame.pts, frame.time_base = self._starts[self._given], TICK
        self._given += 1
        self._write(self._stream.encode(frame))

    def finish(self) -> tuple[float, int]:
        """Seconds and longer side of the file, which is whole then."""
        if self._stream is None:
            raise MediaError(Reason.UNDECODABLE, f"{self._path}: no picture could be read")
        self._write(self._stream.encode(None))
        self._target.close()
        self._target = None
        return float(self._end * TICK), max(self._stream.width, self._stream.height)

    def close(self) -> None:
        """Give up what is open."""
        if self._target is not None:
            self._target.close()
            self._target = None

    def _open(self, width: int, height: int) -> None:
        widen = 1 / self._header.widen if self._header.turned else self._header.widen
        wide, high = (width * widen, height) if widen > 1 else (width, height / widen)
        sides = fit(max(1, round(wide)), max(1, round(high)), LONG_SIDE_PX)
        self._stream = self._target.add_stream("libx264", rate=30, options=dict(CODING))
        self._stream.width, self._stream.height = (max(2, side // 2 * 2) for side in sides)
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = TICK

    def _write(self, packets: Sequence[Any]) -> None:
        """With the time that each is shown for: the file's clock says it of all but the last."""
        for packet in packets:
            if packet.pts is not None and packet.size:
                start = round(packet.pts * packet.time_base / TICK)
                packet.duration = round((self._ends[start] - start) * TICK / packet.time_base)
                self._target.mux(packet)
