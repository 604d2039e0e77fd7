"""Which clips are sentinels, and their frames."""

import itertools
from collections.abc import Callable, Iterator, Sequence

from annotators.base import Resources
from pipeline.dataset.parquet import read_rows
from pipeline.preview.collect import collect
from pipeline.running import Run
from pipeline.sentinels.check import manifest_clips, place_of
from pipeline.sentinels.options import SentinelOptions
from schemas import Clip, FrameSet

FramesOf = Callable[[int], dict[str, FrameSet]]  # of a wave, by video_id


def clips_of(options: SentinelOptions, run: Run, resources: Resources) -> list[FrameSet]:
    """The sentinels of a run, by their frames; a clip without frames is left out and named."""
    if options.path is None:
        # those before a gate, where there is one: they alone are there before every wave
        waves = [run.waves[number] for number in run.first] or run.waves
        return own_clips(waves, options.clips, lambda number: _frames_of(run, number))
    clips = manifest_clips(options.path)
    found = collect(clips, run.config, run.layout, resources)
    for clip in clips:
        if not isinstance(taken := found[clip.video_id], FrameSet):
            run.say(f"sentinels: {clip.video_id} of {options.path} is left out: {taken.message}")
    return [taken for taken in found.values() if isinstance(taken, FrameSet)]


def own_clips(waves: Sequence[Sequence[Clip]], n: int, frames_of: FramesOf) -> list[FrameSet]:
    """``n`` clips of the run that have frames, chosen by the hash of their ids; fewer if there are
    fewer.

    A clip keeps its place whatever else a source holds: where clips are added, those that are still
    among the first go on being comparable.
    """
    return list(itertools.islice(_by_hash(waves, frames_of), n))


def _by_hash(waves: Sequence[Sequence[Clip]], frames_of: FramesOf) -> Iterator[FrameSet]:
    number_of = {clip.video_id: number for number, clips in enumerate(waves) for clip in clips}
    read: dict[int, dict[str, FrameSet]] = {}
    for video in sorted(number_of, key=place_of):
        number = number_of[video]
        if number not in read:
            read[number] = frames_of(number)
        if video in read[number]:
            yield read[number][video]


def _frames_of(run: Run, number: int) -> dict[str, FrameSet]:
    return {frames.video_id: frames for frames in read_rows(FrameSet, run.kept(number))}
