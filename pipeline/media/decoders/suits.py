"""Which decoder suits which file, and what a person should know of the picture.

What becomes of every odd kind of clip (yes: the right frames at the right times; no: refused with
reason ``wrong_decoder`` and the name of one that is right). ``auto`` takes PyAV, the ffmpeg program
where PyAV cannot read the file, Pillow for WebP, and never decord.

=================================  ======  ======  ======  ========================================
kind                               PyAV    ffmpeg  decord  what is given
=================================  ======  ======  ======  ========================================
variable frame rate                yes     yes     yes     by number; times as stored
rotated by 90, 180, 270 degrees    yes     yes     yes     turned upright
mirrored, or turned otherwise      no      yes     no      as the display matrix says
frames hidden by an edit list      yes     yes     no      those that are shown
cut by copying the stream          yes     yes     no (1)  those that decode
several video streams              yes     yes     no      the first that is no cover picture
transparency                       yes     yes     yes     ignored: the colours under it; note alpha
odd sizes (321 x 181)              yes     yes     yes     as stored
fewer than 64 pixels wide          yes     yes     no      as stored
10 bits a channel                  yes     yes     yes     as 8 bits
interlaced                         yes     yes     yes     both fields in one picture, as stored
pixels that are not square         yes     yes     yes     as stored; note non_square_pixels
size changes midway                yes     yes     yes     scaled to the size of the first frame
MPEG transport stream, bare MPEG   yes     yes     no      times as stored
packets at guessed times           yes     yes     no      by counting frames; no times
several packets of one time        yes     no      no      by counting frames; no times
AV1                                yes     yes     no
GIF                                yes     yes     no      no times where a delay is below 0.02 s
animated WebP (Pillow alone)       no      no      no      no times where a frame is shown for 0 s
damaged                            yes     no      no      frames that are whole (2); none stands in
one frame; fewer than asked        yes     yes     yes     its own frames, each once
still PNG, JPEG, WebP, AVIF, APNG  \\-      \\-      \\-      undecodable: a picture is not a clip
=================================  ======  ======  ======  ========================================

(1) In MP4 such a cut leaves an edit list. Where it leaves none, all frames of the file are shown.
(2) As far as anything tells: the container, the decoder (in its log, too), the count of frames that
H.264 keeps. A bit that is turned, or a frame that is gone, inside a container that is sound often shows
in nothing but a smeared picture where the codec is HEVC, VP8, VP9, AV1 or Motion JPEG.

Why decord is refused, each found by reading clips whose frames carry their numbers: it begins a
transport stream with frame 16, shows the frames that an edit list hides and repeats the last one
instead or hangs (dmlc/decord issues 363, 375), picks the largest of several video streams, ignores
mirroring, gives pictures of 48 pixels or less in another shape, and its FFmpeg (4.x) knows no AV1.
Where groups of pictures are open (HEVC, MPEG-2) its jumps give broken frames: they are not used.
"""

from pathlib import Path

from av.stream import Disposition

from pipeline.media.decoded import Unsuited
from pipeline.media.decoders import gif
from pipeline.media.decoders.demux import Packets
from pipeline.media.sniff import GIF, MPEG_TS, MPEG_VIDEO, Container

ALPHA, NON_SQUARE = "alpha", "non_square_pixels"
_NARROWEST = 64  # pixels: decord gives some narrower pictures in another shape
_REFUSED = {
    GIF: "a GIF",
    MPEG_TS: "an MPEG transport stream",
    MPEG_VIDEO: "MPEG video without a container",
}


def check_decord(container: Container, clip: Packets) -> None:
    """:class:`Unsuited` for the kinds of file on which decord is known to be wrong or to hang."""
    what = _REFUSED.get(container) or _fault(clip)
    if what:
        raise Unsuited(what, "pyav")


def _fault(clip: Packets) -> str | None:
    times = [packet.pts for packet in clip.packets]
    faults = {
        "AV1": "av1" in clip.codec.name,  # av1, libdav1d
        "frames that an edit list hides": any(packet.is_discard for packet in clip.packets),
        "a damaged file": clip.lost > 0,
        "several video streams": _n_streams(clip) > 1,
        "packets without times": None in times,
        "several packets of one time": len(set(times)) < len(times),
        f"pictures less than {_NARROWEST} pixels wide": clip.codec.width < _NARROWEST,
    }
    return next((what for what, found in faults.items() if found), None)


def _n_streams(clip: Packets) -> int:
    """Video streams of the file, cover pictures not counted."""
    streams = clip.packets[0].stream.container.streams.video if clip.packets else ()
    return sum(not stream.disposition & Disposition.attached_pic for stream in streams)


def notes_of(path: str, container: Container, clip: Packets) -> tuple[str, ...]:
    """What a person should know of the pictures, by the file's header; the same for every decoder.

    ``alpha``: they can hold transparency, which is ignored. ``non_square_pixels``: players show them
    wider or narrower than they are stored, and here they are as stored.
    """
    aspect = clip.codec.sample_aspect_ratio
    non_square = bool(aspect) and aspect != 1
    return (ALPHA,) * _has_alpha(path, container, clip) + (NON_SQUARE,) * non_square


def _has_alpha(path: str, container: Container, clip: Packets) -> bool:
    if container == GIF:
        return gif.is_transparent(Path(path).read_bytes())
    if clip.packets and clip.packets[0].stream.metadata.get("alpha_mode") == "1":
        return True  # VP8 and VP9 in WebM, which keep it beside the picture
    layout = clip.codec.format
    return layout is not None and any(part.is_alpha for part in layout.components)
