"""Clips through a pipeline that is kept: grouped by settings, in batches that halve where memory ends."""

import contextlib
import dataclasses
import logging
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import torch

from annotators.loading import computing
from annotators.local.device import release
from pipeline.generators.base import GenerationError
from pipeline.generators.diffusers.call import called
from pipeline.generators.diffusers.frames import to_frames
from pipeline.generators.diffusers.load import load
from pipeline.generators.diffusers.seat import seat
from pipeline.generators.diffusers.spec import DiffusersSpec
from pipeline.generators.encode import FINE, to_mp4
from schemas import Clip
from schemas.ids import canonical_json
from schemas.options import SetupError

_NOT_OF_THE_PIPELINE = {
    "name", "licence", "terms", "share", "guidance_scale", "timeout_s", "height", "width", "frames", "fps",
    "steps", "negative_prompt", "arguments", "batch_size",
}  # fmt: skip
_log = logging.getLogger(__name__)
Result = bytes | GenerationError


@dataclasses.dataclass
class Held:
    """A pipeline and how many clips of it fit into memory. ``fault``: why there is no pipeline."""

    key: str
    pipe: Any = None
    most: int | None = None  # in a batch, where memory did not suffice for more
    fault: str | None = None


_held: list[Held] = []  # one at most


def generate(spec: DiffusersSpec, clips: Sequence[Clip]) -> Iterator[Result]:
    """An MP4 file or the reason why there is none, for each clip in its order."""
    try:
        held = hold(spec)
    except SetupError as error:
        raise GenerationError(str(error)) from error
    if held.fault:
        raise GenerationError(held.fault)
    done: dict[str, Result] = {}
    for i, clip in enumerate(clips):
        if clip.video_id not in done:
            alike = [one for one in clips[i:] if one.settings == clip.settings]
            batch = alike[: min(spec.batch_size, held.most or spec.batch_size)]
            made = _made(spec, held, batch)
            done |= {one.video_id: result for one, result in zip(batch, made)}
        yield done.pop(clip.video_id)


def hold(spec: DiffusersSpec) -> Held:
    """The pipeline of a spec. Another one that this process holds is let go first.

    A model that cannot be loaded is not tried again for each batch. Raises :class:`SetupError` where
    nothing tells which weights are meant.
    """
    device = seat(spec.devices)
    block = spec.model_dump(mode="json", exclude=_NOT_OF_THE_PIPELINE)
    key = canonical_json({**block, "device": device, "weights": spec.weights()})
    if not _held or _held[0].key != key:
        let_go()
        _held.append(_opened(spec, device, key))
    return _held[0]


def let_go() -> None:
    """Free the pipeline that this process holds, and its memory."""
    _held.clear()
    release()


def _opened(spec: DiffusersSpec, device: str, key: str) -> Held:
    try:
        return Held(key, load(spec, device))
    except (SetupError, ImportError) as error:  # a worker may lack what the start had
        return Held(key, fault=str(error))


def _made(spec: DiffusersSpec, held: Held, clips: Sequence[Clip]) -> list[Result]:
    """A file or a fault for each. What fails together is tried again: in halves where memory did not
    suffice, else one by one, so that a fault of one clip is found as its own."""
    half = (len(clips) + 1) // 2
    if held.most and len(clips) > held.most:
        return _made(spec, held, clips[:half]) + _made(spec, held, clips[half:])
    try:
        with computing():
            outputs = called(spec, held.pipe, clips)
    except Exception as error:  # whatever a pipeline raises, its clips get it and the process lives
        fault, memory = _fault_of(error), _out_of_memory(error)
    else:
        return [_file(spec, output) for output in outputs]
    _tidy(held.pipe)
    if len(clips) == 1:
        return [fault]
    if memory:
        _log.warning("%s: out of memory, batches of %d from now on", spec.name, half)
        held.most = half
        return _made(spec, held, clips)
    alone = [result for clip in clips for result in _made(spec, held, [clip])]
    if not any(isinstance(result, GenerationError) for result in alone):
        _log.warning("%s: takes no batches (%s), clips alone from now on", spec.name, fault)
        held.most = 1
    return alone


def _file(spec: DiffusersSpec, output: Any) -> Result:
    dtype = spec.dtype if isinstance(spec.dtype, str) else canonical_json(spec.dtype)
    try:
        frames = to_frames(output, dtype)
    except GenerationError as error:
        return error
    return to_mp4(frames, Fraction(spec.fps).limit_denominator(1001), FINE)


def _tidy(pipe: Any) -> None:
    """A call that broke off leaves weights where offloading had put them, and memory that is cached."""
    with contextlib.suppress(Exception):
        pipe.maybe_free_model_hooks()
    release()


def _out_of_memory(error: Exception) -> bool:
    """torch says so on a GPU; on a CPU its allocator raises a plain RuntimeError."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    words = str(error).lower()
    return isinstance(error, RuntimeError) and (
        "out of memory" in words or "can't allocate memory" in words
    )


def _fault_of(error: Exception) -> GenerationError:
    if isinstance(error, GenerationError):
        return error.with_traceback(None)
    said = f"{type(error).__name__}: {str(error)[:500]}"
    if _out_of_memory(error):
        return GenerationError(
            f"not enough memory for one clip ({said}); set `offload: model` or `sequential`, "
            "`vae_tiling: true`, fewer `frames` or a smaller `height` and `width`"
        )
    return GenerationError(f"the pipeline failed on this clip: {said}")
