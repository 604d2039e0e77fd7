"""One function in front of the decoders: limits first, then each way in turn."""

import contextlib
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.media.decoded import Choose, Decoded, Disagreement, FrameList, Take, Taken, Unsuited
from pipeline.media.decoders import gif
from pipeline.media.decoders.decord_reader import decode_by_decord
from pipeline.media.decoders.demux import Packets, open_packets
from pipeline.media.decoders.mjpeg import all_have_pictures
from pipeline.media.decoders.program import decode_by_program
from pipeline.media.decoders.pyav import decode_indexed, decode_sequential
from pipeline.media.decoders.suits import notes_of
from pipeline.media.decoders.webp import decode_webp, webp_header
from pipeline.media.errors import MediaError
from pipeline.media.guard import out_of_memory
from pipeline.media.options import FramesOptions
from pipeline.media.sniff import GIF, WEBP, Container, check_file, sniff
from pipeline.media.timeline import Timeline, no_times
from schemas import Reason


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Clip:
    """A file that is to be decoded. ``packets`` is None where PyAV cannot open it: ``fault``."""

    path: str
    container: Container
    options: FramesOptions
    packets: Packets | None = None
    fault: str = ""

    def readable(self) -> Packets:
        if self.packets is None:
            raise Disagreement(self.fault)
        return self.packets


def decode(path: str, options: FramesOptions, choose: Choose, take: Take[Taken]) -> Decoded[Taken]:
    """The frames that ``choose`` names, each handed to ``take`` as soon as it is decoded.

    ``decoder: auto`` tries the packet index, then PyAV in order, then the ffmpeg program, and has
    Pillow read WebP; the result says which one it was. Which decoder suits which file stands in
    :mod:`pipeline.media.decoders.suits`; one that is asked for by name and known to be wrong on the file is
    refused. Raises :class:`MediaError`, which names the file.
    """
    check_file(path, options.max_bytes)
    container = sniff(path)
    choose = _naming(path, choose)
    try:
        if container == WEBP:
            return _by_pillow(path, options, choose, take)
        return _decode(_Clip(path=path, container=container, options=options), choose, take)
    except MemoryError as error:
        raise out_of_memory(path, options) from error


def _by_pillow(
    path: str, options: FramesOptions, choose: Choose, take: Take[Taken]
) -> Decoded[Taken]:
    data = Path(path).read_bytes()
    header = webp_header(path, data, options)
    if options.decoder != "auto":
        raise _wrong(path, options.decoder, Unsuited("an animated WebP", "auto"))
    return decode_webp(path, data, header, choose, take)


def _decode(clip: _Clip, choose: Choose, take: Take[Taken]) -> Decoded[Taken]:
    with contextlib.ExitStack() as stack:
        try:
            packets = stack.enter_context(open_packets(clip.path, clip.container, clip.options))
            clip = dataclasses.replace(clip, packets=packets)
        except Disagreement as error:
            clip = dataclasses.replace(clip, fault=str(error))
        if clip.container == GIF and not gif.is_timed(Path(clip.path).read_bytes()):
            decoded = _first_that_can(clip, _untimed(choose), take)
            return dataclasses.replace(decoded, timeline=no_times(len(decoded.timeline.pts)))
        return _first_that_can(clip, choose, take)


def _first_that_can(clip: _Clip, choose: Choose, take: Take[Taken]) -> Decoded[Taken]:
    refusals: list[Disagreement] = []
    for way in _WAYS[clip.options.decoder]:
        if way is _in_order and isinstance(refusals[-1], Unsuited):
            continue  # it would show the same pictures
        try:
            decoded: Decoded[Taken] = way(clip, choose, take)
        except Disagreement as error:
            refusals.append(error)
            continue
        if clip.packets is None:
            return decoded
        notes = notes_of(clip.path, clip.container, clip.packets)
        return dataclasses.replace(decoded, notes=notes)
    if clip.options.decoder != "auto" and isinstance(refusals[-1], Unsuited):
        raise _wrong(clip.path, clip.options.decoder, refusals[-1])
    raise MediaError(
        Reason.UNDECODABLE,
        f"{clip.path}: no decoder could read it "
        f"({'; '.join(dict.fromkeys(map(str, refusals)))}); fetch or encode the clip again",
    )


def _by_index(clip: _Clip, choose: Choose, take: Take[Taken]) -> Decoded[Taken]:
    return decode_indexed(clip.readable(), choose, take)


def _in_order(clip: _Clip, choose: Choose, take: Take[Taken]) -> Decoded[Taken]:
    return decode_sequential(clip.readable(), choose, take)


def _by_decord(clip: _Clip, choose: Choose, take: Take[Taken]) -> Decoded[Taken]:
    return decode_by_decord(clip.path, clip.container, clip.readable(), choose, take)


def _by_program(clip: _Clip, choose: Choose, take: Take[Taken]) -> Decoded[Taken]:
    # The program patches up what it can and need not say so.
    if clip.packets and _is_damaged(clip.packets):
        raise Unsuited("a damaged file", "pyav")
    packets = _by_packets(clip.packets) if clip.packets else None
    return decode_by_program(clip.path, clip.container, clip.options, choose, take, packets)


def _is_damaged(clip: Packets) -> bool:
    return clip.lost > 0 or bool(clip.orphaned) or not all_have_pictures(clip)


_WAYS: dict[str, tuple[Callable[[_Clip, Choose, Any], Decoded[Any]], ...]] = {
    "pyav": (_by_index, _in_order),
    "decord": (_by_decord,),
    "ffmpeg": (_by_program,),
    "auto": (_by_index, _in_order, _by_program),
}


def _by_packets(clip: Packets) -> FrameList:
    """The frames by their packets alone; those without a time are none."""
    shown = [p for p in clip.packets if not p.is_discard and p.pts is not None]
    shown.sort(key=lambda packet: packet.pts or 0)
    timeline = Timeline(pts=[packet.pts for packet in shown], tick_s=clip.tick_s)
    keys = tuple(i for i, packet in enumerate(shown) if packet.is_keyframe)
    return FrameList(timeline=timeline, keys=keys)


def _naming(path: str, choose: Choose) -> Choose:
    """``choose`` whose errors name the file: a policy does not know it."""

    def chosen(frames: FrameList) -> tuple[int, ...]:
        try:
            return choose(frames)
        except MediaError as error:
            raise MediaError(error.reason, f"{path}: {error.message}") from error

    return chosen


def _untimed(choose: Choose) -> Choose:
    """``choose`` for frames whose times the decoder has made up."""
    return lambda frames: choose(dataclasses.replace(frames, timeline=no_times(frames.n)))


def _wrong(path: str, decoder: str, error: Unsuited) -> MediaError:
    return MediaError(
        Reason.WRONG_DECODER,
        f"{path}: {error}: frames.decoder: {decoder} is wrong on that; set frames.decoder: "
        f"{error.instead}",
    )
