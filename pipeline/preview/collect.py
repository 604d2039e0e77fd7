"""The chosen clips and their frames, as a run obtains, makes and takes them: in child processes."""

import contextlib
import functools
import multiprocessing
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, TimeoutError
from typing import Any

import pebble

from annotators.base import Resources
from pipeline.clips import obtain_clip, take_frames
from pipeline.config import Config
from pipeline.dataset.withdrawn import withdrawn
from pipeline.generators.base import GeneratorSpec
from pipeline.generators.lanes import Lane, opened
from pipeline.generators.make import taken_up
from pipeline.generators.workshop import workshop
from pipeline.media.guard import limit_child
from schemas import Clip, Failure, FrameSet, Reason, Video
from schemas.layout import Layout

Work = Callable[[Any], Any]
_SPAWN = multiprocessing.get_context("forkserver")


def collect(
    clips: Iterable[Clip],
    config: Config,
    layout: Layout,
    resources: Resources,
    *,
    free_only: bool = False,
) -> dict[str, FrameSet | Failure]:
    """Frames by ``video_id``, or why there are none. Clips and frames go to the run's stores.

    ``free_only``: no clip is made that costs anything; those made before are there.
    """
    unique = {clip.video_id: clip for clip in clips}
    supplied = {key: clip for key, clip in unique.items() if clip.path is not None}
    to_make = {key: clip for key, clip in unique.items() if clip.path is None}
    gone = withdrawn(layout).contents
    obtain = functools.partial(obtain_clip, layout=layout, options=config.frames, withdrawn=gone)
    take = functools.partial(take_frames, layout=layout, options=config.frames)
    found = _made(to_make, config, layout, resources, free_only=free_only)
    with pebble.ProcessPool(
        max_workers=min(resources.processes, len(unique)) or 1,
        context=_SPAWN,
        initializer=limit_child,
        initargs=[config.frames],
    ) as children:
        isolated = functools.partial(_isolated, children, config.frames.timeout_s)
        found |= isolated("video", obtain, supplied)
        videos = {key: video for key, video in found.items() if isinstance(video, Video)}
        return found | isolated("frames", take, videos)


def _made(
    clips: Mapping[str, Clip],
    config: Config,
    layout: Layout,
    resources: Resources,
    *,
    free_only: bool,
) -> dict[str, Any]:
    """Videos of the clips that generators make, one after the other: a few, and models are large."""
    if not clips or config.generators is None:
        return {}
    made, tools = workshop(config.generators, layout, resources.ledger)
    found: dict[str, Any] = {}
    with contextlib.ExitStack() as closing:
        lanes: dict[str, Lane] = {}
        for key, clip in sorted(clips.items(), key=lambda item: (item[1].generator, item[0])):
            spec: GeneratorSpec = config.generators.by_name[clip.generator]
            if free_only and spec.worst_usd != 0 and not taken_up(spec, [clip], made):
                found[key] = _failure(
                    "video", key, Reason.NOT_ATTEMPTED, "not made yet, and making it costs money"
                )
                continue
            if spec.place not in lanes:
                lanes[spec.place] = opened(spec.place, 1)
                closing.callback(lanes[spec.place].close)
            future = lanes[spec.place].submit((spec, [clip], made, tools), spec, [clip])
            outcome = _result(future, "video", key, spec.timeout_s)
            found[key] = outcome[0] if isinstance(outcome, list) else outcome
    return found


def _isolated(
    children: pebble.ProcessPool,
    timeout_s: float,
    stage: str,
    work: Work,
    elements: Mapping[str, Any],
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
        return _failure(
            stage, key, Reason.TIMEOUT, f"gave no result within {timeout_s:g} s and was ended"
        )
    except pebble.ProcessExpired as error:
        return _failure(
            stage, key, Reason.CRASHED, f"the child process died with exit code {error.exitcode}"
        )


def _failure(stage: str, key: str, reason: Reason, message: str) -> Failure:
    return Failure(stage=stage, key=key, reason=reason, message=message)
