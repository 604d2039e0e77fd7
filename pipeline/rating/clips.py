"""A clip as every browser plays it: a file that holds one silent video and nothing else.

What browsers play anyway (8-bit 4:2:0 H.264; VP8 and VP9) keeps its coded pictures and goes into a new
file, for a generator's own file may name it in its metadata and bring a sound that some clips have
and others lack. Anything else (HEVC, MPEG-2, MPEG-4 part 2, Motion JPEG, GIF, WebP, 4:4:4, turned
pictures) is decoded as for judges and coded as H.264, finely enough that the loss is not seen.
"""

import contextlib
import dataclasses
import io
import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from pipeline.generators.encode import FINE
from pipeline.media.decode import decode
from pipeline.media.decoded import FrameList, Rgb
from pipeline.media.errors import MediaError
from pipeline.media.options import FramesOptions
from pipeline.media.sniff import Container, sniff
from schemas import Reason

COPIED = {"h264": "mp4", "vp8": "webm", "vp9": "webm"}  # codec -> the container it goes into
PIXELS = frozenset({"yuv420p", "yuvj420p"})
RATE = Fraction(10)  # of a clip whose file gives no times: what browsers do with GIF delays of zero
TICK = Fraction(1, 90_000)  # s


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PageClip:
    """A clip for a page. ``recoded``: its pictures were decoded and coded anew."""

    data: bytes
    suffix: str  # ".mp4" or ".webm"
    recoded: bool

    @property
    def mime(self) -> str:
        """Its media type."""
        return f"video/{self.suffix[1:]}"


def for_browsers(path: Path, options: FramesOptions) -> PageClip:
    """The clip at ``path`` as browsers play it. Raises :class:`MediaError` for one that is none."""
    container = sniff(str(path))
    copied = None
    with contextlib.suppress(FFmpegError):  # a file that does not copy cleanly is coded anew
        copied = _copied(path, container)
    return copied or PageClip(data=_coded(path, options), suffix=".mp4", recoded=True)


def _copied(path: Path, container: Container) -> PageClip | None:
    """The same coded pictures in a new file; None where browsers would not play them."""
    if container.demuxer not in ("mov", "matroska"):
        return None
    with _open(path, container) as source:
        stream = next(iter(source.streams.video), None)
        if stream is None or (suffix := COPIED.get(stream.codec_context.name)) is None:
            return None
        if stream.codec_context.pix_fmt not in PIXELS or _is_turned(stream, source):
            return None
    buffer = io.BytesIO()
    flags = {"fflags": "+bitexact"}
    with (
        _open(path, container) as source,
        av.open(buffer, "w", format=suffix, options=flags) as target,
    ):
        stream = source.streams.video[0]
        out = target.add_stream_from_template(stream)
        out.metadata.clear()
        for packet in source.demux(stream):
            if (
                packet.is_discard or packet.is_corrupt
            ):  # hidden or damaged: as judges' decoders take it
                return None
            if packet.dts is not None:
                packet.stream = out
                target.mux(packet)
    return PageClip(data=buffer.getvalue(), suffix=f".{suffix}", recoded=False)


def _open(path: Path, container: Container) -> Any:
    return av.open(
        os.path.abspath(path),
        format=container.demuxer,
        options={"protocol_whitelist": "file"},
        metadata_errors="ignore",
    )


def _is_turned(stream: Any, source: Any) -> bool:
    """Whether the file asks for a rotation: the first picture says so."""
    frame = next(source.decode(stream), None)
    return frame is None or frame.rotation != 0


def _coded(path: Path, options: FramesOptions) -> bytes:
    """The pictures that judges' decoders see, each at its time, as H.264."""
    coder = _Coder(str(path))
    decoded = decode(str(path), options, coder.begin, coder.take)
    times = decoded.timeline.times_s(range(len(decoded.timeline.pts)))
    return coder.finish([t for t in times if t is not None], decoded.timeline.duration_s)


class _Coder:
    """Codes frames as they are decoded and holds only what is coded, until their times are known."""

    def __init__(self, path: str) -> None:
        self._path = path

    def begin(self, frames: FrameList) -> tuple[int, ...]:
        """All frames. A decoder that gives up is followed by another, from the first frame on."""
        self._buffer = io.BytesIO()
        self._stream: Any = None
        flags = {"fflags": "+bitexact"}
        self._target: Any = av.open(self._buffer, "w", format="mp4", options=flags)
        self._packets: list[Any] = []
        return tuple(range(frames.n))

    def take(self, frame: Rgb) -> None:
        """Code one frame; the last row and column of odd sizes are left out (4:2:0)."""
        height, width = frame.shape[0] // 2 * 2, frame.shape[1] // 2 * 2
        if self._stream is None:
            if not height or not width:
                raise MediaError(Reason.UNDECODABLE, f"{self._path}: pictures of a single pixel")
            self._stream = self._target.add_stream("libx264", rate=RATE, options=dict(FINE))
            self._stream.width, self._stream.height = width, height
            self._stream.pix_fmt = "yuv420p"
        even: Rgb = np.ascontiguousarray(frame[:height, :width])
        self._packets += self._stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24"))

    def finish(self, times_s: Sequence[float], duration_s: float | None) -> bytes:
        """The file; ``times_s`` of every frame, or none at all where the clip has no times."""
        if self._stream is None:
            raise MediaError(Reason.UNDECODABLE, f"{self._path}: no picture could be read")
        packets = [p for p in (*self._packets, *self._stream.encode()) if p.size]
        starts = list(times_s) if len(times_s) == len(packets) else _paced(len(packets))
        ends = [*starts[1:], _end(starts, duration_s)]
        for packet, start, end in zip(packets, starts, ends):  # in order: FINE codes no B-frames
            packet.time_base = TICK
            packet.pts = packet.dts = round(start / TICK)
            packet.duration = max(1, round((end - start) / TICK))
            self._target.mux(packet)
        self._target.close()
        return self._buffer.getvalue()


def _paced(n: int) -> list[float]:
    return [float(k / RATE) for k in range(n)]


def _end(starts: Sequence[float], duration_s: float | None) -> float:
    """When the last frame ends: as the file says, or after as long as the others last on average."""
    if duration_s is not None and duration_s > starts[-1]:
        return duration_s
    mean = starts[-1] / (len(starts) - 1) if len(starts) > 1 else float(1 / RATE)
    return starts[-1] + mean
