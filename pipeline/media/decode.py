"""One function in front of the decoders: limits first, then each way in turn."""

import contextlib
import dataclasses
from pathlib import Path

from pipeline.media import gif
from pipeline.media.decoded import Choose, Decoded, Disagreement, Take, Taken
from pipeline.media.demux import open_packets
from pipeline.media.errors import MediaError
from pipeline.media.options import FramesOptions
from pipeline.media.program import decode_by_program
from pipeline.media.pyav import decode_indexed, decode_sequential
from pipeline.media.sniff import GIF, Container, check_file, sniff
from pipeline.media.timeline import no_times
from schemas import Reason


def decode(path: str, options: FramesOptions, choose: Choose, take: Take[Taken]) -> Decoded[Taken]:
    """The frames that ``choose`` names, each handed to ``take`` as soon as it is decoded.

    ``decoder: auto`` tries the packet index, then PyAV in order, then the ffmpeg program; the
    result says which one it was. Raises :class:`MediaError`.
    """
    check_file(path, options.max_bytes)
    container = sniff(path)
    ways = {
        "pyav": (_by_pyav,),
        "ffmpeg": (_by_program_alone,),
        "auto": (_by_pyav, decode_by_program),
    }[options.decoder]
    refusals = []
    for way in ways:
        try:
            decoded = way(path, container, options, choose, take)
        except Disagreement as error:
            refusals.append(str(error))
            continue
        return _without_made_up_times(path, container, decoded)
    raise MediaError(
        Reason.UNDECODABLE,
        f"{path}: no decoder could read it "
        f"({'; '.join(dict.fromkeys(refusals))}); fetch or encode the clip again",
    )


def _by_pyav(
    path: str, container: Container, options: FramesOptions, choose: Choose, take: Take[Taken]
) -> Decoded[Taken]:
    with open_packets(path, container, options) as clip:
        try:
            return decode_indexed(clip, choose, take)
        except Disagreement:
            return decode_sequential(clip, choose, take)


def _by_program_alone(
    path: str, container: Container, options: FramesOptions, choose: Choose, take: Take[Taken]
) -> Decoded[Taken]:
    # What PyAV cannot open the program may; but no video, or too much of it, is told by reason.
    with contextlib.suppress(Disagreement), open_packets(path, container, options):
        pass
    return decode_by_program(path, container, options, choose, take)


def _without_made_up_times(
    path: str,
    container: Container,
    decoded: Decoded[Taken],
) -> Decoded[Taken]:
    if container == GIF and 0 in gif.delays(Path(path).read_bytes()):
        return dataclasses.replace(decoded, timeline=no_times(len(decoded.timeline.pts)))
    return decoded
