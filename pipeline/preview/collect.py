"""The chosen clips and their frames, as a run obtains and takes them: in child processes."""

import functools
import multiprocessing
from collections.abc import Callable, Iterable
from concurrent.futures import Future, TimeoutError
from typing import Any

import pebble

from pipeline.clips import obtain_clip, take_frames
from pipeline.config import Config
from schemas import Clip, Failure, FrameSet, Reason, Video
from schemas.layout import Layout

Work = Callable[[Any], Any]


def collect(
    clips: Iterable[Clip], config: Config, layout: Layout, processes: int
) -> dict[str, FrameSet | Failure]:
    """Frames by ``video_id``, or why there are none. Clips and frames go to the run's stores."""
    pool = config.generators.pool if config.generators else []
    obtain = functools.partial(
        obtain_clip,
        layout=layout,
        generators={spec.name: spec for spec in pool},
        options=config.frames,
    )
    take = functools.partial(take_frames, layout=layout, options=config.frames)
    unique = {clip.video_id: clip for clip in clips}
    with pebble.ProcessPool(
        max_workers=min(processes, len(unique)) or 1,
        context=multiprocessing.get_context("forkserver"),
    ) as children:
        isolated = functools.partial(_isolated, children, config.frames.timeout_s)
        found = isolated("video", obtain, unique)
        videos = {key: video for key, video in found.items() if isinstance(video, Video)}
        return found | isolated("frames", take, videos)


def _isolated(
    children: pebble.ProcessPool, timeout_s: float, stage: str, work: Work, elements: dict[str, Any]
) -> dict[str, Any]:
    """What ``work`` makes of each element; a child that hangs or dies costs one element."""
    futures = {
        key: children.schedule(work, args=[element], timeout=timeout_s)
        for key, element in elements.items()
    }
    return {key: _result(future, stage, key, timeout_s) for key, future in futures.items()}


def _result(future: "Future[Any]", stage: str, key: str, timeout_s: float) -> Any:
    try:
        return future.result()
    except TimeoutError:
        reason, message = (
            Reason.TIMEOUT,
            f"gave no result within {timeout_s:g} s and was ended",
        )
    except pebble.ProcessExpired as error:
        reason, message = (
            Reason.CRASHED,
            f"the child process died with exit code {error.exitcode}",
        )
    return Failure(stage=stage, key=key, reason=reason, message=message)
