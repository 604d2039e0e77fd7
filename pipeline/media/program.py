"""Frames by the ffmpeg program that comes with imageio-ffmpeg: last resort and second opinion."""

import os
import subprocess
from fractions import Fraction
from typing import Any

import ffmpeg
import imageio_ffmpeg
import numpy as np

from pipeline.media.decoded import Choose, Decoded, Disagreement, FrameList, Take, Taken
from pipeline.media.errors import MediaError
from pipeline.media.options import FramesOptions
from pipeline.media.sniff import Container
from pipeline.media.timeline import Timeline
from schemas import Reason

PROGRAM = "ffmpeg"


def decode_by_program(
    path: str, container: Container, options: FramesOptions, choose: Choose, take: Take[Taken]
) -> Decoded[Taken]:
    """Two runs: one lists every frame, one writes the wanted ones. Rotation is the program's own.

    Raises :class:`Disagreement` where it cannot read the file, or writes another number of frames
    than were asked for: it ends with exit code 0 then too.
    """
    listing, damaged = _run(
        path,
        container,
        options,
        format="framecrc",
        enc_time_base="demux",
        **{"frames:v": options.max_frames + 1},
    )
    (width, height), timeline = _parse(listing.decode("ascii", "replace"))
    n = len(timeline.pts)
    if n > options.max_frames:
        raise MediaError(
            Reason.TOO_LARGE,
            f"{path}: more than {options.max_frames} frames "
            "(frames.max_frames); raise it or shorten the clip",
        )
    indices = choose(FrameList(timeline=timeline, keys=None))
    wanted = "+".join(f"eq(n,{i})" for i in indices)
    raw, _ = _run(
        path,
        container,
        options,
        format="rawvideo",
        pix_fmt="rgb24",
        **{"filter:v": f"select='{wanted}'"},
    )
    if len(raw) != len(indices) * height * width * 3:
        raise Disagreement(f"{len(raw)} bytes for {len(indices)} frames of {width} x {height}")
    frames = np.frombuffer(raw, np.uint8).reshape(len(indices), height, width, 3)
    return Decoded(
        decoder=PROGRAM,
        indices=indices,
        taken=tuple(take(frame) for frame in frames),
        timeline=timeline,
        lost=int(damaged),
        width_px=width,
        height_px=height,
    )


def _run(
    path: str, container: Container, options: FramesOptions, **output: Any
) -> tuple[bytes, bool]:
    """Output of one run, and whether it complained of damage.

    ``timelimit`` ends the program even if this process is killed first.
    """
    source = ffmpeg.input(
        os.path.abspath(path),
        format=container.demuxer,
        threads=1,
        protocol_whitelist="file",
        max_pixels=options.max_pixels,
    )
    target = source.output("pipe:", map="0:V:0", fps_mode="passthrough", **output)
    limit = str(max(1, round(options.timeout_s)))
    command = ffmpeg.compile(
        target.global_args("-nostdin", "-v", "error", "-timelimit", limit),
        cmd=imageio_ffmpeg.get_ffmpeg_exe(),
    )
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=options.timeout_s,
        )
    except subprocess.TimeoutExpired as error:
        raise MediaError(
            Reason.TIMEOUT,
            f"{path}: ffmpeg took longer than frames.timeout_s = "
            f"{options.timeout_s:g} s; raise it or shorten the clip",
        ) from error
    if done.returncode:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise Disagreement(last[0] if last else f"exit code {done.returncode}")
    return done.stdout, bool(done.stderr.strip())


def _parse(listing: str) -> tuple[tuple[int, int], Timeline]:
    """Size and times from FFmpeg's framecrc format: ``stream, dts, pts, duration, size, crc``."""
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
    timeline = Timeline(
        pts=[int(row[2]) for row in rows],
        tick_s=Fraction(head["tb"]),
        last_ticks=int(rows[-1][3]) or None,
    )
    return (width, height), timeline
