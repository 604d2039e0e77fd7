"""Clips through a pipeline that is kept: grouped by settings, in batches that halve where memory ends."""

import contextlib
import dataclasses
import json
import logging
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import torch

from annotators.loading import computing
from annotators.local.device import release
from pipeline.generators.base import GenerationError
from pipeline.generators.diffusers.frames import clips_of, to_frames
from pipeline.generators.diffusers.index import COUNTS, RATES, takes
from pipeline.generators.diffusers.load import load
from pipeline.generators.diffusers.seat import seat
from pipeline.generators.diffusers.spec import DiffusersSpec
from pipeline.generators.encode import FINE, to_mp4
from schemas import Clip
from schemas.ids import canonical_json
from schemas.options import SetupError

_NOT_OF_THE_PIPELINE = {
    "name", "licence", "share", "guidance_scale", "timeout_s", "height", "width", "frames", "fps",
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
    held = hold(spec)
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

    A model that cannot be loaded is not tried again for each batch.
    """
    device = seat(spec.devices)
    block = spec.model_dump(mode="json", exclude=_NOT_OF_THE_PIPELINE)
    key = canonical_json({**block, "device": device})
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
            outputs = _called(spec, held.pipe, clips)
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


def _called(spec: DiffusersSpec, pipe: Any, clips: Sequence[Clip]) -> list[Any]:
    """What the pipeline makes of clips of one kind of settings. What is drawn without a clip's own
    generator is drawn from torch's, which is seeded, too, and put back afterwards."""
    settings = _settings_of(spec, clips[0])
    seeds = [torch.Generator("cpu").manual_seed(_seed_of(clip)) for clip in clips]
    prompts = [clip.prompt for clip in clips]
    how = _call(spec, type(pipe), settings)
    negative = spec.negative_prompt
    if len(clips) == 1:  # what every pipeline takes; not all of them take lists
        how |= {"prompt": prompts[0], "generator": seeds[0]}
        how |= {"negative_prompt": negative} if negative is not None else {}
    else:
        how |= {"prompt": prompts, "generator": seeds}
        how |= {"negative_prompt": [negative] * len(clips)} if negative is not None else {}
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(_seed_of(clips[0]))
        return clips_of(pipe(**how), len(clips))


def _call(spec: DiffusersSpec, pipeline: Any, settings: dict[str, Any]) -> dict[str, Any]:
    """Arguments that clips of these settings share."""
    known = takes(pipeline)
    said = {
        "height": spec.height,
        "width": spec.width,
        "num_inference_steps": spec.steps,
        "guidance_scale": settings.get("guidance_scale"),
        next(name for name in COUNTS if name in known): spec.frames,
        "output_type": "np",
    }
    rates = {name: _number(spec.fps) for name in RATES if name in known}
    return (
        {name: value for name, value in said.items() if value is not None} | rates | spec.arguments
    )


def _number(fps: float) -> int | float:
    return int(fps) if fps == int(fps) else fps


def _settings_of(spec: DiffusersSpec, clip: Clip) -> dict[str, Any]:
    """Of a planned clip, which must be those that the spec stands for here and now: weights included."""
    planned: dict[str, Any] = json.loads(clip.settings or "{}")
    here = spec.fixed_settings()
    for name in sorted({*planned, *here} - {"guidance_scale"}):
        if planned.get(name) != here.get(name):
            raise GenerationError(
                f"planned with {name} {planned.get(name)!r}, and here it is {here.get(name)!r}; give this "
                "machine the model that the run was started with, or start again with --rebuild"
            )
    return planned


def _seed_of(clip: Clip) -> int:
    if clip.seed is None:
        raise GenerationError("planned without a seed; plan the clip again")
    return clip.seed


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
