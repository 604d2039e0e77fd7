"""Clips scored from files: decoding, fitting and the forward pass together, beside each alone."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from frames_clips import Coded, Kind, clips_of
from videorm_flops import work_of
from videorm_rounds import Contestant
from videorm_shapes import SHAPES, model_of
from videorm_work import Case

from pipeline.media.clip_frames import jpegs_of
from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.score import Stacked, rewards_of, stack

BATCH_CLIPS = 8
# 48 frames of a common size: what a text-to-video model of today writes, two seconds long
KIND = Kind(name="videorm", width=512, height=320, frames=48, rate=24, clips=BATCH_CLIPS)
Reader = Callable[[int], Stacked]


def from_files(case: Case, folder: Path, threads: int, batches: int) -> dict[str, list[Contestant]]:
    """By source (``mp4``: decoded, encoded as JPEGs and fitted, as ``videoprefer score`` does;
    ``jpeg``: the frames of a run), each step alone and all together.

    ``in turn`` reads a batch and then scores it; ``ahead`` reads the next batch on ``threads`` threads
    while one is scored.
    """
    model = model_of(case.shape, "videorm").to(case.device).eval()
    clips = clips_of(KIND, folder)
    jpegs = [jpegs_of(clip.path) for clip in clips]
    sources: dict[str, Reader] = {
        "mp4": lambda i: _of_file(model, clips, i),
        "jpeg": lambda i: stack(model, jpegs[i % len(jpegs)]),
    }
    ready = [stack(model, frames) for frames in jpegs]
    return {
        name: _contestants(case, model, read, ready, threads, batches)
        for name, read in sources.items()
    }


def _of_file(model: VideoRM, clips: Sequence[Coded], i: int) -> Stacked:
    return stack(model, jpegs_of(clips[i % len(clips)].path))


def _contestants(
    case: Case, model: VideoRM, read: Reader, ready: list[Stacked], threads: int, batches: int
) -> list[Contestant]:
    rows = range(BATCH_CLIPS)

    def score(clips: Sequence[Stacked]) -> object:
        with case.autocast():
            return rewards_of(model, ["a clip"] * len(clips), clips)

    def decode() -> None:
        with ThreadPoolExecutor(threads) as pool:
            for _ in range(batches):
                list(pool.map(read, rows))

    def forward() -> None:
        for _ in range(batches):
            score(ready)

    def in_turn() -> None:
        for _ in range(batches):
            score([read(i) for i in rows])

    def ahead() -> None:
        with ThreadPoolExecutor(threads) as pool:
            waiting = [pool.submit(read, i) for i in rows]
            for left in reversed(range(batches)):
                clips = [future.result() for future in waiting]
                waiting = [pool.submit(read, i) for i in rows] if left else []
                score(clips)

    units = batches * BATCH_CLIPS
    flops = float(work_of(SHAPES[case.shape]).forward * units * model.config.frames)
    works = {"read alone": decode, "forward alone": forward, "in turn": in_turn, "ahead": ahead}
    return [
        Contestant(name=name, work=work, units=units, flops=0.0 if work is decode else flops)
        for name, work in works.items()
    ]


def limit_of(contestants: Sequence[Contestant]) -> float:
    """Clips per second of the slower of reading and the forward pass: what both together can reach
    where they do not share a processor."""
    return min(one.per_s for one in contestants if one.name.endswith("alone"))
