"""Run the ffmpeg program that comes with imageio-ffmpeg, within limits."""

import contextlib
import os
import re
import subprocess
import threading
from collections import deque
from collections.abc import Iterator
from typing import IO, Any, cast

import ffmpeg
import imageio_ffmpeg

from pipeline.media.decoded import Disagreement, Unsuited
from pipeline.media.errors import MediaError
from pipeline.media.guard import die_with_parent
from pipeline.media.options import FramesOptions
from pipeline.media.sniff import Container
from schemas import Reason

_LINE_BYTES, _LINES = 1000, 5  # kept of what the program complains of
_NO_MEMORY = b"Cannot allocate memory"  # the program's word for ENOMEM


@contextlib.contextmanager
def running(
    path: str, container: Container, options: FramesOptions, **how: Any
) -> Iterator[IO[bytes]]:
    """What one run writes of the first video stream.

    The program ends with this process, with this block, and at its deadline.
    """
    process = subprocess.Popen(
        _command(path, container, options, how),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=die_with_parent,
    )
    output, errors = cast(IO[bytes], process.stdout), cast(IO[bytes], process.stderr)
    late = threading.Event()

    def end() -> None:
        late.set()
        process.kill()

    clock = threading.Timer(options.timeout_s, end)
    complaints: deque[bytes] = deque(maxlen=_LINES)
    listener = threading.Thread(target=_listen, args=(errors, complaints))
    clock.start()
    listener.start()
    try:
        with output:
            yield output
        code = process.wait()
    finally:
        clock.cancel()
        process.kill()
        process.wait()
        listener.join()
        errors.close()
        if late.is_set():  # whatever else went wrong, went wrong for this
            raise _late(path, options)
    _check(code, complaints)


def _command(
    path: str, container: Container, options: FramesOptions, how: dict[str, Any]
) -> list[str]:
    source = ffmpeg.input(
        os.path.abspath(path),
        format=container.demuxer,
        threads=1,
        protocol_whitelist="file",
        max_pixels=options.max_pixels,
    )
    target = source.output(
        "pipe:", map="0:V:0", fps_mode="passthrough", enc_time_base="demux", **how
    )
    command: list[str] = ffmpeg.compile(
        target.global_args("-nostdin", "-copyts", "-v", "error"),
        cmd=imageio_ffmpeg.get_ffmpeg_exe(),
    )
    return command


def _listen(stream: IO[bytes], complaints: deque[bytes]) -> None:
    """Read to the end, so that the program never waits for a reader, and keep the last lines."""
    for line in iter(lambda: stream.readline(_LINE_BYTES), b""):
        complaints.append(line)


def _late(path: str, options: FramesOptions) -> MediaError:
    return MediaError(
        Reason.TIMEOUT,
        f"{path}: ffmpeg took longer than frames.timeout_s = "
        f"{options.timeout_s:g} s; raise it or shorten the clip",
    )


def _check(code: int, complaints: deque[bytes]) -> None:
    last = complaints[-1].decode("utf-8", "replace").strip() if complaints else ""
    last = re.sub(r" @ 0x[0-9a-f]+", "", last)  # addresses: they differ from run to run
    if any(_NO_MEMORY in line for line in complaints):
        raise MemoryError
    if code:
        raise Disagreement(last or f"exit code {code}")
    if complaints:
        raise Unsuited(f"a file of which it complains ({last})", "pyav")
