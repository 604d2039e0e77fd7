"""What reads clips: the ffmpeg program, and every decoder on a clip of known frames."""

import importlib.util
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from pipeline.doctor.child import in_child
from pipeline.doctor.finding import Asked, Finding, fail, ok, warn

DECODERS = ("pyav", "ffmpeg", "decord")
FPS = FRAMES = 24  # a second of video
SIDE_PX = 64
RUN_S = 30.0
AGAIN = "pip install --force-reinstall imageio-ffmpeg"
MEND = "mend or unset IMAGEIO_FFMPEG_EXE={}"


def program(_: Asked) -> Iterator[Finding]:
    """The ffmpeg that comes with imageio-ffmpeg, or the one that IMAGEIO_FFMPEG_EXE names: it must run."""
    named = os.environ.get("IMAGEIO_FFMPEG_EXE")
    todo = MEND.format(named) if named else AGAIN
    try:
        path = imageio_ffmpeg.get_ffmpeg_exe()
        done = subprocess.run(
            [path, "-version"], capture_output=True, text=True, timeout=RUN_S, check=False
        )
    except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
        yield fail("ffmpeg", f"cannot be run ({error})", todo)
        return
    if done.returncode:
        yield fail("ffmpeg", f"{path} ends with exit code {done.returncode}", todo)
    else:
        yield ok("ffmpeg", done.stdout.partition(" Copyright")[0].strip() or path)


def decoders(asked: Asked) -> Iterator[Finding]:
    """Each in a child: decord is known to hang, and native code to crash."""
    wanted = asked.config.frames.decoder if asked.config else "auto"
    for name in DECODERS:
        needed = name in ("pyav", wanted)  # headers are read by PyAV whatever decodes
        if name != "decord" or importlib.util.find_spec("decord") is not None:
            yield from in_child(
                "decoders",
                __name__,
                "look",
                name,
                needed,
                todo=_instead(name),
                no_answer=fail if needed else warn,
                patience_s=RUN_S,
            )
        elif needed:
            yield fail("decoders", "decord is not installed", "set frames.decoder: auto")
        else:
            yield ok("decoders", "decord is not installed; decoder: auto does without")


def _instead(name: str) -> str:
    if name == "ffmpeg" and (named := os.environ.get("IMAGEIO_FFMPEG_EXE")):
        return MEND.format(named)
    package = {"pyav": "av", "ffmpeg": "imageio-ffmpeg", "decord": "decord"}[name]
    other = "" if name == "pyav" else ", or keep frames.decoder: auto, which does without"
    return f"pip install --force-reinstall {package}{other}"


def look(name: str, needed: bool) -> Iterator[Finding]:
    """A second of video written by PyAV, and every frame of it read by one decoder."""
    from pipeline.generators.encode import to_mp4
    from pipeline.media.decode import decode
    from pipeline.media.options import FramesOptions

    levels = np.linspace(0, 240, FRAMES, dtype=np.uint8)  # each frame brighter than the last
    frames = np.broadcast_to(levels[:, None, None, None], (FRAMES, SIDE_PX, SIDE_PX, 3))
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder, "clip.mp4")
        clip.write_bytes(to_mp4(np.ascontiguousarray(frames), FPS))
        found = decode(
            str(clip),
            FramesOptions.model_validate({"decoder": name}),
            lambda listed: tuple(range(listed.n)),
            lambda frame: float(np.mean(frame)),
        )
    yield judged(name, found.taken, needed=needed)


def judged(name: str, means: Sequence[float], *, needed: bool) -> Finding:
    """Whether these are the frames that were written, told by their mean brightness."""
    if len(means) != FRAMES:
        said = f"{name} reads {len(means)} frames of a clip that has {FRAMES}"
    elif list(means) != sorted(means) or max(means) - min(means) < 200:
        said = f"{name} reads {FRAMES} frames in another order than they stand in, or other ones"
    else:
        return ok("decoders", f"{name} reads all {FRAMES} frames of a test clip")
    return (fail if needed else warn)("decoders", said, _instead(name))
