"""Frames by the ffmpeg program that comes with imageio-ffmpeg: last resort and second opinion."""

import dataclasses
import zlib
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from pipeline.media.decoded import (
    Choose,
    Decoded,
    Disagreement,
    FrameList,
    Rgb,
    Take,
    Taken,
)
from pipeline.media.decoders.ffmpeg_run import running
from pipeline.media.errors import MediaError
from pipeline.media.options import FramesOptions
from pipeline.media.sniff import Container
from pipeline.media.timeline import Timeline, no_times
from schemas import Reason

PROGRAM = "ffmpeg"
_ROW_BYTES = 200  # of one line of a listing at most: six numbers of twenty digits
_NO_TIME = -(2**63)  # AV_NOPTS_VALUE


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Listing:
    """Every frame of a clip: its time by the file's clock, and the Adler-32 checksum of its RGB."""

    timeline: Timeline
    checksums: tuple[int, ...]
    width_px: int
    height_px: int


def decode_by_program(
    path: str,
    container: Container,
    options: FramesOptions,
    choose: Choose,
    take: Take[Taken],
    packets: FrameList | None = None,
) -> Decoded[Taken]:
    """Two runs: one lists every frame, one writes the wanted ones and stops after the last of them.

    A frame that is written must have the checksum of the frame that was listed under its number: so
    none stands for another. Rotation and mirroring are the program's own. Raises
    :class:`Disagreement` where it cannot read the file or writes other frames than were asked for
    (it ends with exit code 0 then too), and :class:`Unsuited` for a damaged file: the program
    conceals damage and does not say in which frames. ``packets``: the frames by the file's packets,
    which tell the keyframes if they are as many as the program's. Where their times are others, the
    program has guessed (an AVI of H.264): then there are none.
    """
    listing = _list(path, container, options)
    frames = _held_against(packets, listing.timeline)
    if frames.n > options.max_frames:
        raise MediaError(
            Reason.TOO_LARGE,
            f"{path}: more than {options.max_frames} frames "
            "(frames.max_frames); raise it or shorten the clip",
        )
    indices = choose(frames)
    written = _written(path, container, options, listing, indices)
    return Decoded(
        decoder=PROGRAM,
        indices=indices,
        taken=tuple(take(frame) for frame in written),
        timeline=frames.timeline,
        width_px=listing.width_px,
        height_px=listing.height_px,
    )


def _held_against(packets: FrameList | None, timeline: Timeline) -> FrameList:
    every = range(len(timeline.pts))
    if packets is None or packets.n != len(every):
        return FrameList(timeline=timeline, keys=None)
    if packets.timeline.times_s(every) != timeline.times_s(every):
        timeline = no_times(len(every))
    return FrameList(timeline=timeline, keys=packets.keys)


def _list(path: str, container: Container, options: FramesOptions) -> _Listing:
    most = options.max_frames + 1
    with running(
        path,
        container,
        options,
        format="framecrc",
        pix_fmt="rgb24",
        **{"frames:v": most},
    ) as output:
        listing = output.read(_ROW_BYTES * (most + 10))
    return _parse(listing.decode("ascii", "replace"))


def _written(
    path: str,
    container: Container,
    options: FramesOptions,
    listing: _Listing,
    indices: tuple[int, ...],
) -> Iterator[Rgb]:
    """The frames of these numbers, one at a time, each held against its checksum."""
    shape = (listing.height_px, listing.width_px, 3)
    n_bytes, given = listing.height_px * listing.width_px * 3, 0
    with running(
        path,
        container,
        options,
        format="rawvideo",
        pix_fmt="rgb24",
        **{"filter:v": f"select='{_any_of(indices)}'", "frames:v": len(indices)},
    ) as output:
        for i in indices:
            raw = output.read(n_bytes)
            if len(raw) < n_bytes:
                break  # the program says why, if it knows
            if zlib.adler32(raw, 0) != listing.checksums[i]:
                raise Disagreement(f"frame {i} is not the one that was listed")
            yield np.frombuffer(raw, np.uint8).reshape(shape)
            given += 1
    if given < len(indices):
        raise Disagreement(f"{given} of {len(indices)} frames were written")


def _any_of(indices: tuple[int, ...]) -> str:
    """A filter expression for these numbers, as a tree: FFmpeg refuses one that is 100 sums deep."""
    if len(indices) == 1:
        return f"eq(n,{indices[0]})"
    half = len(indices) // 2
    return f"({_any_of(indices[:half])}+{_any_of(indices[half:])})"


def _parse(listing: str) -> _Listing:
    """Size, times and checksums from FFmpeg's framecrc format: ``stream, dts, pts, duration, size,
    checksum``."""
    head: dict[str, str] = {}
    rows: list[list[str]] = []
    for line in listing.splitlines():
        if line.startswith("#"):
            name, _, value = line[1:].partition(":")
            head[name.split()[0]] = value.strip()
        else:
            rows.append(line.split(","))
    if not rows:
        raise Disagreement("no frame can be decoded")
    width, height = (int(x) for x in head["dimensions"].split("x"))
    return _Listing(
        timeline=Timeline(
            pts=[_time(row[2]) for row in rows],
            tick_s=Fraction(head["tb"]),
            last_ticks=int(rows[-1][3]) or None,
        ),
        checksums=tuple(int(row[5], 16) for row in rows),
        width_px=width,
        height_px=height,
    )


def _time(ticks: str) -> int | None:
    return None if int(ticks) == _NO_TIME else int(ticks)
