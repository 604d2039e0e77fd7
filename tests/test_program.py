"""The ffmpeg program: its limits and its end."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from coded_clips import write_clip
from decoders_apart import Seen, see

SECONDS = 60
TEN = tuple(range(10))


def test_two_hundred_frames_by_the_program(tmp_path: Path) -> None:
    # FFmpeg's expressions may be a hundred deep.
    clip = write_clip(tmp_path / "a.mp4", range(250))
    seen = see(str(clip), decoder="ffmpeg")
    assert isinstance(seen, Seen)
    assert seen.numbers == tuple(range(250))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_the_program_dies_with_the_process_that_runs_it(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", TEN)
    code = f"""
import os, signal, subprocess
from pipeline.media.options import FramesOptions
from pipeline.media.decoders.ffmpeg_run import running
from pipeline.media.sniff import MP4
started = subprocess.Popen
def start(command, **how):
    if "framecrc" not in command:  # the package that brings the program tries it out first
        return started(command, **how)
    child = started(["sleep", "60"], **how)  # a program that hangs
    print(child.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
subprocess.Popen = start
with running({str(clip)!r}, MP4, FramesOptions(), format="framecrc"):
    pass
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    pid = int(done.stdout)
    ends = time.monotonic() + SECONDS / 2
    while is_running(pid) and time.monotonic() < ends:
        time.sleep(0.01)
    assert not is_running(pid)


def is_running(pid: int) -> bool:
    try:  # proc(5): the state stands behind the name, which is in brackets; Z and X are dead
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
