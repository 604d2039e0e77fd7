"""What a decoding child may take, and files made to take more."""

import functools
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from coded_clips import number_in, write_clip
from damaged_clips import many_streams, picture
from PIL import Image

from pipeline.media.avi import avi
from pipeline.media.decode import decode
from pipeline.media.errors import MediaError
from pipeline.media.guard import LINUX, die_with_parent, limit_child
from pipeline.media.ingest import ingest
from pipeline.media.options import FramesOptions
from pipeline.media.probe import probe
from pipeline.transforms.children import Children
from schemas import Clip, Reason, Video
from schemas.store import Store

LITTLE = FramesOptions(max_memory_bytes=2**28, max_pixels=2**30, timeout_s=30)
linux = pytest.mark.skipif(not LINUX, reason="memory is limited on Linux only")


def in_child(work: Callable[[Any], Any], task: Any, options: FramesOptions) -> Any:
    """What ``work`` gives in a child with limits; as the pipelines run it."""
    children = Children(
        work, processes=1, timeout_s=60, initializer=functools.partial(limit_child, options)
    )
    try:
        children.add(task)
        (done,) = children.wait()
    finally:
        children.stop()
    assert (done.timed_out, done.exit_code, done.raised) == (False, None, None), done
    return done.result


def limits(_: None) -> tuple[int, int, int, int]:
    with open("/proc/self/statm") as file:
        held = int(file.read().split()[0]) * resource.getpagesize()
    soft = [resource.getrlimit(which)[0] for which in
            (resource.RLIMIT_AS, resource.RLIMIT_CORE, resource.RLIMIT_FSIZE)]  # fmt: skip
    return held, *soft


@linux
def test_a_child_has_what_it_holds_and_as_much_more_as_it_may() -> None:
    held, address_space, core, file = in_child(limits, None, FramesOptions())
    grown = held - (address_space - FramesOptions().max_memory_bytes)
    assert 0 <= grown < 2**27  # since the limit was set: what the first task took
    assert (core, file) == (0, 2**30)
    assert in_child(limits, None, FramesOptions(max_bytes=2**31))[3] == 2**31


def take(n: int) -> str:
    try:
        return f"{len(bytes(n))} bytes"
    except MemoryError:
        return "none"


@linux
def test_memory_beyond_is_not_given() -> None:
    assert in_child(take, 2**27, LITTLE) == f"{2**27} bytes"
    assert in_child(take, 2**29, LITTLE) == "none"


def outcome(task: tuple[str, str]) -> str:
    decoder, path = task
    options = LITTLE.model_copy(update={"decoder": decoder})
    try:
        decoded = decode(path, options, lambda frames: (0,), number_in)
    except MediaError as error:
        return f"{error.reason.value}: {error.message}"
    return f"{decoded.decoder}: {decoded.width_px} x {decoded.height_px}"


def bomb(path: Path, mode: str, side: int) -> Path:
    """A clip of one white picture, of a thousandth of its size in memory."""
    png = picture(Image.new(mode, (side, side), "white"), "PNG")
    path.write_bytes(avi([png], b"MPNG", side, side, Fraction(1)))
    return path


slow = pytest.mark.slow


@linux
@pytest.mark.parametrize(
    ("decoder", "mode"),
    [
        ("auto", "L"),
        *(pytest.param(d, m, marks=slow) for d in ("pyav", "ffmpeg") for m in ("L", "RGB")),
    ],
)
def test_a_bomb_that_the_other_limits_let_through(tmp_path: Path, decoder: str, mode: str) -> None:
    """9500 x 9500 pixels, 271 MB as RGB, in less than half a megabyte.

    In grey the picture decodes and its conversion fails; in RGB it does not decode.
    """
    path = bomb(tmp_path / f"{mode}.avi", mode, 9500)
    assert path.stat().st_size < 500_000
    said = in_child(outcome, (decoder, str(path)), LITTLE)
    assert said.startswith(f"too_large: {path}: needs more memory"), said
    assert "frames.max_memory_bytes = 268435456" in said
    small = bomb(tmp_path / "small.avi", mode, 1024)
    said = in_child(outcome, (decoder, str(small)), LITTLE)
    assert said.endswith(": 1024 x 1024"), said


@pytest.mark.parametrize("decoder", ["auto", "pyav", "ffmpeg"])
def test_a_file_of_many_streams(tmp_path: Path, decoder: str) -> None:
    path = str(many_streams(tmp_path / "a.mkv", 200))
    for work in (
        lambda options: probe(path, options),
        lambda options: decode(path, options, lambda f: (0,), lambda rgb: rgb.shape),
    ):
        with pytest.raises(
            MediaError, match=r"200 streams, and frames.max_streams is 32"
        ) as caught:
            work(FramesOptions(decoder=decoder))
        assert caught.value.reason == Reason.TOO_LARGE
        work(FramesOptions(decoder=decoder, max_streams=200))
    at_most = str(many_streams(tmp_path / "b.mkv", 32))
    assert probe(at_most, FramesOptions()).width_px == 32


def ingested(task: tuple[str, str]) -> str:
    path, run = task
    listed = Clip(video_id="v", prompt_id="p", prompt="a", generator="g", source="m", path=path)
    made = ingest(listed, Store(run), LITTLE.model_copy(update={"max_bytes": 2**31}))
    return made.uri if isinstance(made, Video) else f"{made.reason.value}: {made.message}"


@linux
def test_reading_takes_as_much_memory_as_the_file_has(tmp_path: Path) -> None:
    """And not as much as it might have: ``max_bytes`` is beyond what the child may take."""
    small, large = tmp_path / "small.bin", tmp_path / "large.bin"
    small.write_bytes(b"x" * 2**20)
    with large.open("wb") as file:
        file.truncate(2**29)  # a hole: no disk is used
    run = str(tmp_path / "run")
    assert in_child(ingested, (str(small), run), LITTLE).endswith(".bin")
    assert in_child(ingested, (str(large), run), LITTLE).startswith(
        f"too_large: {large}: needs more"
    )


def test_errors_of_memory_are_told_from_damage(tmp_path: Path) -> None:
    """FFmpeg's ENOMEM while a packet is decoded is not one more damaged packet."""
    import av.error

    path = write_clip(tmp_path / "a.mp4", range(8))

    def starved(rgb: Any) -> None:
        raise av.error.MemoryError(12, "Cannot allocate memory")

    with pytest.raises(MediaError, match="max_memory_bytes") as caught:
        decode(str(path), FramesOptions(), lambda frames: (0,), starved)
    assert caught.value.reason == Reason.TOO_LARGE


@linux
def test_a_child_does_not_outlive_its_parent(tmp_path: Path) -> None:
    """The parent is killed at once: it can end nobody any more."""
    code = (
        "import subprocess, sys, time\n"
        "from pipeline.media.guard import die_with_parent\n"
        "child = subprocess.Popen(['sleep', '600'], preexec_fn=die_with_parent)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    end = time.monotonic() + 10
    while _runs(child) and time.monotonic() < end:
        time.sleep(0.02)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_where_memory_cannot_be_limited_a_warning_says_so() -> None:
    code = (
        "import logging, sys\n"
        "from pipeline.media import guard\n"
        "from pipeline.media.options import FramesOptions\n"
        "guard.LINUX = False\n"
        "guard.limit_child(FramesOptions())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )  # fmt: skip
    assert "frames.max_memory_bytes is not enforced" in done.stderr


def test_dying_with_the_parent_is_harmless_where_there_is_no_such_call() -> None:
    done = subprocess.run(["true"], preexec_fn=die_with_parent, check=False)
    assert done.returncode == 0
