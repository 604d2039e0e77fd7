"""The rewards that every arm gives to every variant of the sampled clips."""

import contextlib
import dataclasses
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from pipeline.audit.statistics.bootstrap import Array
from pipeline.videorm.data.frames import jpegs_of_clips
from pipeline.videorm.evaluation.probes.catalogue import CLEAN, SHIFTED, SWAPPED
from pipeline.videorm.evaluation.probes.looks import MEASURED, OF_FILE, files_of
from pipeline.videorm.evaluation.probes.sample import Sample
from pipeline.videorm.evaluation.probes.variants import VARIANTS, Seen, View, variants_of
from pipeline.videorm.model.config import ShiftConfig
from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.options import ShiftOptions
from pipeline.videorm.training.process import cores

CHUNK_BYTES = 2**28  # of the variants that are held at once
MOST_CLIPS = 64  # in one batch of the model
Progress = Callable[[int, int], None]  # clips done, clips in all
Variants = tuple[dict[str, Seen], dict[str, float]]  # of a clip, and how it looks
Made = dict[View, list[Variants]]  # of several clips


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Of the N clips of a sample."""

    rewards: Mapping[str, Mapping[str, Array]]  # arm -> variant -> (N, dimensions)
    looks: Mapping[str, Array]  # (N,) each, NaN where unknown


def is_temporal(model: VideoRM) -> bool:
    """Whether any part of it sees frames together."""
    config = model.config
    return is_shifted(model) or (config.temporal and config.head.kind != "none")


def is_shifted(model: VideoRM) -> bool:
    """Whether the image tower shifts."""
    return model.config.shift.fraction > 0 and bool(model.config.shift.blocks)


def measure(
    models: Mapping[str, VideoRM],
    folders: Sequence[Path],
    sample: Sample,
    *,
    seed: int,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Measured:
    """Each clip is decoded and damaged once for all arms that see it alike, on ``threads`` (None: one
    for every core) and ahead of the arms, which on a CPU are asked side by side.

    Raises SetupError where frames of a clip are missing or broken.
    """
    views = {arm: _view(model) for arm, model in models.items()}
    shifts = {arm: shift_for(model, models) for arm, model in models.items()}
    rewards = {arm: _empty(model, sample) for arm, model in models.items()}
    measured = np.full((len(sample.video_ids), len(MEASURED)), np.nan)
    done = 0
    # Pillow and torch work without the interpreter lock
    with ThreadPoolExecutor(threads or cores()) as pool, _side_by_side(models) as arms:
        for rows, made in _made_ahead(pool, folders, sample, views.values(), seed):
            for found in made.values():
                measured[rows] = [[look[name] for name in MEASURED] for _, look in found]

            def score(arm: str, rows: list[int] = rows, made: Made = made) -> None:
                clips = [variants for variants, _ in made[views[arm]]]
                _score(models[arm], shifts[arm], sample, rows, clips, rewards[arm])

            list(arms.map(score, models))
            done += len(rows)
            if progress:
                progress(done, len(sample.video_ids))
    return Measured(rewards=rewards, looks=_looks(measured, folders, sample))


def _made_ahead(
    pool: ThreadPoolExecutor,
    folders: Sequence[Path],
    sample: Sample,
    views: Iterable[View],
    seed: int,
) -> Iterator[tuple[list[int], Made]]:
    """Some clips' rows in the sample, and their variants and looks for each view; the next ones are made
    meanwhile."""
    different = list(dict.fromkeys(views))
    row_of = {v: row for row, v in enumerate(sample.video_ids)}
    clips = iter(jpegs_of_clips(folders, sample.video_ids))
    waiting: deque[tuple[list[int], dict[View, list[Future[Variants]]]]] = deque()
    more = True
    while more or waiting:
        if more := bool(chunk := list(islice(clips, _chunk(different)))):
            futures = {
                view: [pool.submit(variants_of, jpegs, v, seed, view) for v, jpegs in chunk]
                for view in different
            }
            waiting.append(([row_of[video_id] for video_id, _ in chunk], futures))
        if waiting and (len(waiting) > 1 or not more):
            rows, asked = waiting.popleft()
            yield rows, {view: [one.result() for one in made] for view, made in asked.items()}


@contextlib.contextmanager
def _side_by_side(models: Mapping[str, VideoRM]) -> Iterator[ThreadPoolExecutor]:
    """Threads for the arms, between which torch's own are divided; one where they share a GPU."""
    on_cpu = all(next(m.parameters()).device.type == "cpu" for m in models.values())
    at_once = min(len(models), cores()) if on_cpu else 1
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, before // at_once))
    try:
        with ThreadPoolExecutor(at_once) as arms:
            yield arms
    finally:
        torch.set_num_threads(before)


def _view(model: VideoRM) -> View:
    config = model.config
    return View(frames=config.frames, size=config.image_size, fit=config.fit)


def _empty(model: VideoRM, sample: Sample) -> dict[str, Array]:
    names = [*VARIANTS, SWAPPED] + ([] if is_shifted(model) else [SHIFTED])
    shape = (len(sample.video_ids), len(sample.dimensions))
    return {name: np.full(shape, np.nan) for name in names}


def _chunk(views: Iterable[View]) -> int:
    """How many clips at once."""
    one = max(len(VARIANTS) * v.frames * 3 * v.size**2 for v in views)
    return max(1, min(MOST_CLIPS, CHUNK_BYTES // 2 // one))  # one is scored, one is made


def _score(
    model: VideoRM,
    other_shift: ShiftConfig,
    sample: Sample,
    rows: Sequence[int],
    clips: Sequence[Mapping[str, Seen]],
    into: Mapping[str, Array],
) -> None:
    own, others = ([texts[row] for row in rows] for texts in (sample.prompts, sample.others))
    for name, rewards in into.items():
        variant = CLEAN if name in (SWAPPED, SHIFTED) else name
        seen = [clip[variant] for clip in clips]
        shift = other_shift if name == SHIFTED else model.config.shift
        with _with_shift(model, shift):
            found = _rewards(model, others if name == SWAPPED else own, seen)
        columns = [model.config.dimensions.index(d) for d in sample.dimensions]
        rewards[rows] = found[:, columns]


def _rewards(model: VideoRM, prompts: Sequence[str], clips: Sequence[Seen]) -> Array:
    device = next(model.parameters()).device
    pixels, valid = (
        torch.from_numpy(np.stack(part)).to(device) for part in zip(*clips, strict=True)
    )
    with torch.inference_mode():
        rewards = model.score(prompts, pixels, valid)
    return rewards.double().cpu().numpy()


def shift_for(model: VideoRM, models: Mapping[str, VideoRM]) -> ShiftConfig:
    """The shift to switch on: another arm's, where one has it, else the default in every block."""
    for other in models.values():
        if is_shifted(other):
            return other.config.shift
    options = ShiftOptions()
    return ShiftConfig(
        fraction=options.fraction,
        placement=options.placement,
        blocks=tuple(range(model.trunk.n_blocks)),
    )


@contextlib.contextmanager
def _with_shift(model: VideoRM, shift: ShiftConfig) -> Iterator[None]:
    before = model.config
    model.config = before.model_copy(update={"shift": shift})
    try:
        yield
    finally:
        model.config = before


def _looks(measured: Array, folders: Sequence[Path], sample: Sample) -> dict[str, Array]:
    files = files_of(folders, sample.video_ids)
    looks = dict(zip(MEASURED, measured.T, strict=True))
    for name in OF_FILE:
        looks[name] = np.array([files.get(v, {}).get(name, np.nan) for v in sample.video_ids])
    return looks
