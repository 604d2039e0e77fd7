"""Size and number of frames of a clip by its header, without decoding: a millisecond per clip."""

import dataclasses
import os
from fractions import Fraction
from pathlib import Path

import av
from av.stream import Disposition

from pipeline.media.decoded import Disagreement, FrameList
from pipeline.media.decoders import gif
from pipeline.media.decoders.demux import BROKEN, open_packets
from pipeline.media.decoders.webp import webp_header
from pipeline.media.errors import MediaError
from pipeline.media.guard import check_streams, out_of_memory, unless_memory
from pipeline.media.options import FramesOptions
from pipeline.media.sniff import GIF, WEBP, Container, check_file, sniff
from pipeline.media.timeline import Timeline, no_times
from schemas import Reason

HIDDEN = 8  # frames of a header that an edit list may hide; more are hidden in hardly any file


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a clip says of itself. Width and height are those stored: a rotation may swap them."""

    width_px: int
    height_px: int
    n_frames: int
    n_bytes: int  # of the file
    fps: float | None = None

    @property
    def frames(self) -> FrameList:
        """The frames as far as a header tells them: at an even pace, keyframes unknown."""
        if not self.fps:
            return FrameList(timeline=no_times(self.n_frames), keys=None)
        timeline = Timeline(pts=range(self.n_frames), tick_s=1 / Fraction(self.fps))
        return FrameList(timeline=timeline, keys=None)


def probe(path: str, options: FramesOptions) -> Header:
    """The header of a clip at a local path.

    Some headers hold no number of frames, and an edit list may hide a few of those they name: where
    that could change how many are taken, the packets are counted, too. Raises :class:`MediaError`
    for what is not a clip within the limits of ``options``.
    """
    n_bytes = check_file(path, options.max_bytes)
    container = sniff(path)
    if container == WEBP:
        return _webp(path, options, n_bytes)
    try:
        header = _header(path, container, options, n_bytes)
        enough = options.count + HIDDEN <= header.n_frames <= options.max_frames
        if enough and 0 < header.width_px * header.height_px <= options.max_pixels:
            return header
        header = _counted(path, container, options, header)
        if container == GIF and not gif.is_timed(Path(path).read_bytes()):
            return dataclasses.replace(header, fps=None)  # FFmpeg's reader makes one up
        return header
    except Disagreement as error:
        raise MediaError(Reason.UNDECODABLE, f"{path}: {error}") from error
    except MemoryError as error:
        raise out_of_memory(path, options) from error


def _webp(path: str, options: FramesOptions, n_bytes: int) -> Header:
    header = webp_header(path, Path(path).read_bytes(), options)
    return Header(
        width_px=header.width_px,
        height_px=header.height_px,
        n_frames=len(header.durations_ms),
        n_bytes=n_bytes,
        fps=header.timeline.fps,
    )


def _header(path: str, container: Container, options: FramesOptions, n_bytes: int) -> Header:
    try:
        with av.open(
            os.path.abspath(path),
            format=container.demuxer,
            options={"protocol_whitelist": "file", "threads": "1"},
            metadata_errors="ignore",
        ) as opened:
            check_streams(path, len(opened.streams), options)
            stream = next(iter(opened.streams.video), None)
            codec = stream.codec_context if stream else None
            if not stream or not codec or stream.disposition & Disposition.attached_pic:
                return Header(width_px=0, height_px=0, n_frames=0, n_bytes=n_bytes)
            rate = stream.average_rate
            return Header(
                width_px=codec.width,
                height_px=codec.height,
                n_frames=stream.frames,
                n_bytes=n_bytes,
                fps=float(rate) if rate else None,
            )
    except BROKEN as error:
        unless_memory(error)
        raise Disagreement(getattr(error, "strerror", None) or str(error)) from error


def _counted(path: str, container: Container, options: FramesOptions, header: Header) -> Header:
    with open_packets(path, container, options) as clip:
        shown = [packet.pts for packet in clip.packets if not packet.is_discard]
        n_frames = len({pts for pts in shown if pts is not None}) or len(shown)
        if not n_frames or not clip.codec.width or not clip.codec.height:
            raise Disagreement("its header says neither size nor number of frames")
        return dataclasses.replace(
            header,
            width_px=clip.codec.width,
            height_px=clip.codec.height,
            n_frames=n_frames,
        )
