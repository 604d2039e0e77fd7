"""Damaged and hostile files through the child processes that decode: frames, or a reason; nothing else."""

import functools
import io
import multiprocessing
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from coded_clips import draw
from damaged_clips import damaged, picture, seeds
from PIL import Image

from pipeline.clips import take_frames
from pipeline.media.errors import MediaError
from pipeline.media.guard import limit_child
from pipeline.media.options import FramesOptions
from pipeline.media.pictures import read_pictures
from pipeline.media.probe import Header, probe
from pipeline.media.timeline import uniform
from pipeline.transforms.child import Done
from pipeline.transforms.children import Children
from schemas import Failure, FrameSet, Reason, Video
from schemas.layout import Layout
from schemas.store import blob_name

OPTIONS = FramesOptions(
    max_pixels=512 * 512, max_frames=2000, max_memory_bytes=2**30, timeout_s=20, long_side_px=128
)
WAYS = ("auto", "pyav", "ffmpeg", "decord", "probe")
# What a damaged file may be called. `internal` is not among them, nor is `not_found`.
EXPECTED = {
    Reason.UNDECODABLE,
    Reason.NO_VIDEO,
    Reason.TOO_LARGE,
    Reason.WRONG_DECODER,
}
Task = tuple[str, str, str]  # way, path of the clip, folder of the run


def work(task: Task) -> FrameSet | Failure | Header:
    """What a child does with one file."""
    way, path, run = task
    if way == "pictures":
        return pictures(path, run)
    if way == "probe":
        try:
            return probe(path, OPTIONS)
        except MediaError as error:
            return Failure(stage="probe", key="v", reason=error.reason, message=error.message)
    options = OPTIONS.model_copy(update={"decoder": way})
    return take_frames(video(path), layout=Layout(Path(run)), options=options)


def pictures(folder: str, run: str) -> FrameSet | Failure:
    """Pictures that are taken for whole must decode, too."""
    try:
        data = read_pictures(folder, ["0", "1"], 8.0, OPTIONS)
    except MediaError as error:
        return Failure(stage="video", key="v", reason=error.reason, message=error.message)
    Path(f"{folder}.avi").write_bytes(data)
    taken = take_frames(video(f"{folder}.avi"), layout=Layout(Path(run)), options=OPTIONS)
    assert isinstance(taken, FrameSet), taken
    assert len(taken.indices) == 2, taken
    return taken


def video(path: str) -> Video:
    return Video(video_id="v", prompt_id="p", prompt="a red ball", generator="g", uri=path,
                 sha256="0" * 64, n_bytes=1, source="fuzz")  # fmt: skip


class Outcomes:
    """What became of every task, counted by way and reason, with the first file of each."""

    def __init__(self, run: Path) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.examples: dict[tuple[str, str], str] = {}
        self.faults: list[str] = []
        self._frames = Layout(run).frames

    def add(self, done: Done) -> None:
        way, path, _ = done.task
        try:
            what = self._what(done)
        except Exception as error:
            what = "fault"
            self.faults.append(f"{way} {Path(path).name}: {error!r}")
        self.counts[way, what] += 1
        self.examples.setdefault((way, what), Path(path).name)

    def _what(self, done: Done) -> str:
        if done.timed_out:
            return "timeout"
        if done.exit_code is not None:
            return "crashed"
        assert done.raised is None, done.raised
        if isinstance(done.result, Failure):
            assert done.result.reason in EXPECTED, done.result
            assert Path(done.task[1]).name in done.result.message, done.result
            return done.result.reason.value
        if isinstance(done.result, Header):
            return "header"
        self._check(done.result)
        return done.result.decoder

    def _check(self, frames: FrameSet) -> None:
        """The frames that the policy asks for, each a JPEG of the size that is stated."""
        assert frames.indices == uniform(frames.n_frames_in_clip, OPTIONS.count)
        assert frames.n_frames_in_clip <= OPTIONS.max_frames
        assert frames.width_px * frames.height_px <= OPTIONS.max_pixels
        for digest in frames.jpeg_sha256:
            data = self._frames.get(blob_name(digest, ".jpg"))
            assert data is not None
            with Image.open(io.BytesIO(data)) as image:
                image.load()
                assert image.size == (frames.frame_width_px, frames.frame_height_px)

    def table(self) -> str:
        lines = []
        for way in (*WAYS, "pictures"):
            of = {what: n for (w, what), n in self.counts.items() if w == way}
            told = ", ".join(f"{what} {n}" for what, n in sorted(of.items()))
            lines.append(f"{way}: {sum(of.values())} files: {told}")
        return "\n".join([*lines, *(f"{k}: {v}" for k, v in sorted(self.examples.items()))])


def run_through(tasks: Iterator[Task], folder: Path) -> Outcomes:
    outcomes = Outcomes(folder / "run")
    children = Children(
        work,
        processes=2,
        timeout_s=OPTIONS.timeout_s,
        initializer=functools.partial(limit_child, OPTIONS),
    )
    try:
        for task in tasks:
            children.add(task)
            while children.full:
                for done in children.wait():
                    outcomes.add(done)
        while children.busy:
            for done in children.wait():
                outcomes.add(done)
    finally:
        children.stop()
    return outcomes


def fuzz(folder: Path, numbers: range) -> Outcomes:
    """Each file by ``auto`` and by one of the other ways, which take turns."""
    (folder / "seeds").mkdir()
    (folder / "clips").mkdir()
    made = seeds(folder / "seeds")

    def tasks() -> Iterator[Task]:
        for number in numbers:
            name, data = damaged(made, number)
            # the kinds and the mutations take turns, too: no common rhythm
            ways = ("auto", WAYS[1 + (number // 7) % (len(WAYS) - 1)])
            for way in ways:
                path = folder / "clips" / f"{way}-{name}"
                path.write_bytes(data)
                yield way, str(path), str(folder / "run")

    return run_through(tasks(), folder)


def left_behind(folder: Path) -> list[str]:
    """Processes that still work on a file below ``folder``, and files that should have gone."""
    found = [f"process {p.pid}" for p in multiprocessing.active_children()]
    for pid in filter(str.isdigit, os.listdir("/proc") if os.path.isdir("/proc") else []):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if os.fsencode(folder) in command:
            found.append(f"process {pid}: {command!r}")
    found += [str(p) for p in (folder / "run").rglob(".tmp-*")]
    found += [p for p in os.listdir(tempfile.gettempdir()) if p.startswith("videoprefer-clip-")]
    return found


def check(outcomes: Outcomes, folder: Path) -> None:
    print(outcomes.table())
    assert not outcomes.faults, outcomes.faults[:5]
    assert not left_behind(folder)
    native = {(way, what): n for (way, what), n in outcomes.counts.items()
              if what in ("crashed", "timeout")}  # fmt: skip
    assert not native, (native, outcomes.examples)


def test_a_hundred_damaged_files(tmp_path: Path) -> None:
    outcomes = fuzz(tmp_path, range(0, 32_000, 299))
    assert sum(outcomes.counts.values()) == 2 * 108
    check(outcomes, tmp_path)


@pytest.mark.parametrize(
    "done",
    [
        {"raised": "KeyError: 'x'"},
        {"result": None},
        {"result": Failure(stage="frames", key="v", reason=Reason.INTERNAL, message="a.mp4")},
        {"result": Failure(stage="frames", key="v", reason=Reason.UNDECODABLE, message="no file")},
        {"timed_out": True},
        {"exit_code": -11},
    ],
)
def test_what_must_not_be_is_seen(tmp_path: Path, done: dict[str, Any]) -> None:
    outcomes = Outcomes(tmp_path / "run")
    outcomes.add(Done(task=("auto", "a.mp4", str(tmp_path)), **done))
    with pytest.raises(AssertionError):
        check(outcomes, tmp_path)


@pytest.mark.slow
def test_thousands_of_damaged_files(tmp_path: Path) -> None:
    outcomes = fuzz(tmp_path, range(4800))
    assert sum(outcomes.counts.values()) == 9600
    check(outcomes, tmp_path)


def fuzz_pictures(folder: Path, numbers: range) -> Outcomes:
    """Clips of two pictures, a whole one and a damaged one: the file they make, or a reason."""
    images = [Image.fromarray(draw(i)) for i in range(8)]
    made = {f"{i}.{kind}": picture(image, kind) for i, image in enumerate(images)
            for kind in ("JPEG", "PNG")}  # fmt: skip

    def tasks() -> Iterator[Task]:
        for number in numbers:
            name, data = damaged(made, number)
            clip = folder / name
            clip.mkdir()
            (clip / "0").write_bytes(made[f"0.{name.rsplit('.', 1)[1]}"])
            (clip / "1").write_bytes(data)
            yield "pictures", str(clip), str(folder / "run")

    return run_through(tasks(), folder)


def test_damaged_pictures(tmp_path: Path) -> None:
    outcomes = fuzz_pictures(tmp_path, range(0, 3200, 11))
    check(outcomes, tmp_path)
    assert outcomes.counts["pictures", "pyav-index"] > 20
    assert outcomes.counts["pictures", "undecodable"] > 100
    assert sum(outcomes.counts.values()) == 291


def _all_of(made: dict[str, bytes], folder: Path) -> Iterator[Task]:
    for name, data in made.items():
        for way in WAYS:
            path = folder / f"{way}-{name}"
            path.write_bytes(data)
            yield way, str(path), str(folder / "run")


def test_whole_clips_are_read(tmp_path: Path) -> None:
    """The seeds themselves: nothing but frames, or a decoder known to be wrong on the kind."""
    outcomes = run_through(_all_of(seeds(tmp_path), tmp_path), tmp_path)
    check(outcomes, tmp_path)
    kinds: Any = Counter(what for _, what in outcomes.counts.elements())
    assert set(kinds) <= {"pyav-index", "pyav-sequential", "ffmpeg", "decord", "pillow",
                          "wrong_decoder", "header"}, outcomes.table()  # fmt: skip
