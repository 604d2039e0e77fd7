"""The batches of a training, read ahead while a step runs."""

import dataclasses
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.videorm.data.batch import Batch, augmented, collate, draws
from pipeline.videorm.data.groups import Group
from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.options import VideoRMOptions
from pipeline.videorm.training.device import Compute
from pipeline.videorm.training.distributed import World
from pipeline.videorm.training.inputs import Inputs
from pipeline.videorm.training.schedule import batch_at

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some prompts of a batch, as they were read: on the CPU."""

    batch: Batch
    text: Tensor  # (P, L) token ids or (P, D) embeddings
    swapped: Tensor | None  # alike, of another prompt each
    places: NDArray[np.int64]  # (P,) of its prompts in the whole batch
    sizes: tuple[int, ...]  # clips of each prompt


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StepBatch:
    """This process's share of one step's prompts."""

    step: int  # from 0
    parts: tuple[Part, ...]
    prompt_ids: tuple[str, ...]  # of the whole batch


class Feed:
    """Makes the batches of a training, each from its number alone."""

    def __init__(
        self,
        groups: Sequence[Group],
        inputs: Inputs,
        model: VideoRM,
        options: VideoRMOptions,
        world: World,
    ) -> None:
        self.groups, self.inputs, self.model = groups, inputs, model
        self.options, self.world = options, world

    def steps(self, start: int, end: int) -> Generator[StepBatch, None, None]:
        """Batches ``start`` to ``end`` - 1, one of them read ahead on a thread."""
        return ahead(self.read, range(start, end))

    def read(self, step: int) -> StepBatch:
        """The batch of a step, in ``accumulate`` parts or in as many as there are prompts."""
        whole = [self.groups[i] for i in batch_at(step, len(self.groups), self.options)]
        mine = self.world.share(len(whole))
        n_parts = min(self.options.training.accumulate, len(mine))
        parts = tuple(self._part(whole, places) for places in np.array_split(mine, n_parts))
        return StepBatch(step=step, parts=parts, prompt_ids=tuple(g.prompt_id for g in whole))

    def _part(self, whole: Sequence[Group], places: NDArray[np.int64]) -> Part:
        own = [whole[i] for i in places]
        swapped = None
        if self.options.data.text_swap.weight:
            others = [other_prompt(whole, i) for i in places.tolist()]
            swapped = self.inputs.text(self.model, others)
        return Part(
            batch=collate(self.inputs.clips, own),
            text=self.inputs.text(self.model, [g.prompt for g in own]),
            swapped=swapped,
            places=places,
            sizes=tuple(len(g.rows) for g in own),
        )


def other_prompt(whole: Sequence[Group], place: int) -> str:
    """The text of the next prompt in the batch, from its end on to its beginning, that is another one;
    the prompt's own where there is none, of which nothing is asked then."""
    own = whole[place]
    following = (*whole[place + 1 :], *whole[:place])
    return next((g.prompt for g in following if g.prompt_id != own.prompt_id), own.prompt)


def on_device(part: Part, step: int, options: VideoRMOptions, compute: Compute) -> Batch:
    """A part's batch ready for the model: on its device, floats, pixels augmented.

    Every prompt of every step has draws of its own, so that they do not depend on how a batch is
    divided.
    """
    batch = part.batch.to(compute.device)
    clips, training = compute.ready(batch.clips), options.training
    if training.jitter or training.translate:
        places = zip(part.sizes, part.places.tolist(), strict=True)
        drawn = [
            draws(n, training.translate, _generator(options.seed, step, place))
            for n, place in places
        ]
        light, moves = map(torch.cat, zip(*drawn, strict=True))
        clips = augmented(clips, training.jitter, training.translate, light, moves)
    return dataclasses.replace(batch, clips=clips)


def _generator(seed: int, step: int, place: int) -> torch.Generator:
    state = np.random.SeedSequence((seed, step, place)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0] >> np.uint64(1)))


def ahead(make: Callable[[int], T], numbers: Iterable[int]) -> Generator[T, None, None]:
    """``make`` of every number, in order; the next one is made on a thread while this one is used."""
    with ThreadPoolExecutor(1) as pool:
        waiting: Future[T] | None = None
        for number in numbers:
            following = pool.submit(make, number)
            if waiting is not None:
                yield waiting.result()
            waiting = following
        if waiting is not None:
            yield waiting.result()
