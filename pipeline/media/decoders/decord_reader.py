"""Frames by decord, for those who ask for it: only where it is known to be right, and checked.

decord's wheels are of 2021. It is imported here and nowhere else, when it is used: that loads an
FFmpeg of its own, so it belongs in a child process, which also has the deadline that decord needs
(its calls can hang and cannot be cancelled: dmlc/decord issues 363, 373, 375).
"""

import importlib.util
import os
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from pipeline.media.decoded import (
    Choose,
    Decoded,
    Disagreement,
    Rgb,
    Take,
    Taken,
    Unsuited,
)
from pipeline.media.decoders.demux import Packets
from pipeline.media.decoders.pyav import decode_indexed
from pipeline.media.decoders.suits import check_decord
from pipeline.media.errors import MediaError
from pipeline.media.sniff import Container
from schemas import Reason
from schemas.options import SetupError

DECORD = "decord"
_ABSENT = (
    "decord is not installed (its wheels are for x86-64 alone); set frames.decoder: auto, or "
    "install it"
)
_NO_FAULT = 1e-6  # share of its frames that may be others in their place: below 0 it allows all
_GRID = 64  # rows and columns that are compared, about
# Mean difference of two decoders' pictures of one frame, of 255. None was found in real clips, while
# frames that decord had jumped to wrongly, in clips with little movement, differed by 0.4 to 2.
_FAR = 0.3


def check_installed() -> None:
    """:class:`SetupError` where decord cannot be imported; imports nothing."""
    if importlib.util.find_spec(DECORD) is None:
        raise SetupError(f"frames.decoder: {_ABSENT}")


def decode_by_decord(
    path: str, container: Container, clip: Packets, choose: Choose, take: Take[Taken]
) -> Decoded[Taken]:
    """The wanted frames, read in order from the first one on.

    decord's own jumps (``get_batch``, ``skip_frames``) are not used: where groups of pictures are
    open they give other frames. Numbers, times and keyframes are those of the packets. Raises
    :class:`Unsuited` for what :mod:`pipeline.media.decoders.suits` lists, and where decord counts other
    frames than there are packets or any of its pictures is not PyAV's: of a damaged file it gives
    pictures patched up, or others in their place, without a word.
    """
    check_decord(container, clip)
    ours = _ours(clip, choose)
    n = len(ours.timeline.pts)
    reader = _open(path)
    if len(reader) != n:
        raise Unsuited(f"a file of {n} packets in which it counts {len(reader)}", "pyav")
    return Decoded(
        decoder=DECORD,
        indices=ours.indices,
        taken=tuple(take(rgb) for rgb in _read(reader, ours)),
        timeline=ours.timeline,
        width_px=ours.width_px,
        height_px=ours.height_px,
    )


def _ours(clip: Packets, choose: Choose) -> Decoded[Rgb]:
    """The wanted frames by the packets' times, each thinned out, as PyAV gives them."""
    try:
        return decode_indexed(clip, choose, lambda rgb: np.copy(_thin(rgb)))
    except Unsuited:
        raise
    except Disagreement as error:
        raise Unsuited(str(error), "pyav") from error


def _thin(rgb: Rgb) -> Rgb:
    """A grid of its pixels: enough to tell pictures apart, and small enough to keep."""
    return rgb[:: max(1, len(rgb) // _GRID), :: max(1, rgb.shape[1] // _GRID)]


def _open(path: str) -> Any:
    try:
        import decord
    except ImportError as error:
        raise MediaError(Reason.WRONG_DECODER, f"{path}: {_ABSENT}") from error
    decord.logging.set_level(decord.logging.QUIET)  # its refusals are told as ours
    try:
        return decord.VideoReader(os.path.abspath(path), num_threads=1, fault_tol=_NO_FAULT)
    except _failures() as error:
        raise Unsuited(f"a file that it fails on ({_words(error)})", "auto") from error


def _read(reader: Any, ours: Decoded[Rgb]) -> Iterator[Rgb]:
    """The wanted frames; every one on the way is decoded and has their size."""
    wanted = dict(zip(ours.indices, ours.taken, strict=True))
    try:
        for number in range(ours.indices[-1] + 1):
            rgb: Rgb = reader.next().asnumpy()
            if rgb.shape != (ours.height_px, ours.width_px, 3):
                raise Unsuited("pictures that are not all of one size", "pyav")
            if number not in wanted:
                continue
            if np.abs(_thin(rgb).astype(np.int16) - wanted[number]).mean() > _FAR:
                raise Unsuited(f"a file whose frame {number} PyAV shows otherwise", "pyav")
            yield rgb
    except _failures() as error:
        raise Unsuited(f"a file that it fails on ({_words(error)})", "auto") from error


def _failures() -> tuple[type[Exception], ...]:
    """What decord raises; StopIteration where it has no more frames."""
    import decord

    return (decord.DECORDError, RuntimeError, AssertionError, StopIteration)


def _words(error: Exception) -> str:
    """What failed, without the hour and the place in decord's sources that stand before it."""
    found = re.search(r"Check failed: (.*)", str(error))
    return found[1][:100] if found else type(error).__name__
