"""Size and number of frames of a clip by its header, without decoding: a millisecond per clip."""

import dataclasses
import os

import av
from av.stream import Disposition

from pipeline.media.decoded import Disagreement
from pipeline.media.demux import BROKEN, open_packets
from pipeline.media.errors import MediaError
from pipeline.media.options import FramesOptions
from pipeline.media.sniff import Container, check_file, sniff
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


def probe(path: str, options: FramesOptions) -> Header:
    """The header of a clip at a local path.

    Some headers hold no number of frames, and an edit list may hide a few of those they name: where
    that could change how many are taken, the packets are counted, too. Raises :class:`MediaError`
    for what is not a clip within the limits of ``options``.
    """
    n_bytes = check_file(path, options.max_bytes)
    container = sniff(path)
    try:
        header = _header(path, container, n_bytes)
        enough = options.count + HIDDEN <= header.n_frames <= options.max_frames
        if enough and 0 < header.width_px * header.height_px <= options.max_pixels:
            return header
        return _counted(path, container, options, header)
    except Disagreement as error:
        raise MediaError(Reason.UNDECODABLE, f"{path}: {error}") from error


def _header(path: str, container: Container, n_bytes: int) -> Header:
    try:
        with av.open(
            os.path.abspath(path),
            format=container.demuxer,
            options={"protocol_whitelist": "file", "threads": "1"},
            metadata_errors="ignore",
        ) as opened:
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
