"""A model, its averaged copy, and what one step does to them."""

import contextlib
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.options import VideoRMOptions
from pipeline.videorm.training.checkpoint import Tensors
from pipeline.videorm.training.device import Compute, set_training
from pipeline.videorm.training.distributed import World, summed, wrapped
from pipeline.videorm.training.feed import Part, StepBatch, on_device
from pipeline.videorm.training.objective import Losses, Objective
from pipeline.videorm.training.schedule import optimizer_for, rate_at, set_rate
from pipeline.videorm.training.weights import (
    Best,
    average,
    averaged_copy,
    learned_state,
    load_learned,
)

NAMED = 8  # prompts that an error names


class Trainer:
    """``live`` is trained, ``kept`` is its moving average, ``best`` the best of ``kept`` so far."""

    def __init__(
        self,
        model: VideoRM,
        options: VideoRMOptions,
        compute: Compute,
        world: World,
        depth: int | None,
    ) -> None:
        self.options, self.compute, self.world, self.depth = options, compute, world, depth
        self.live = Objective(model, options).to(compute.device)
        self.kept = averaged_copy(self.live)
        self.best = Best()
        self.optimizer = optimizer_for(self.live, options)
        self.learning = [p for p in self.live.parameters() if p.requires_grad]
        set_training(self.live.model)
        self.wrapped = wrapped(self.live, world)

    def step(self, batch: StepBatch, steps: int) -> tuple[float, float, float]:
        """One batch forward and back. Loss summed over the batch's prompts, weight of the pairs ordered
        right, and of the untied ones, over all processes.

        Raises FloatingPointError for a loss or a gradient that is no number, before it does harm.
        """
        torch.manual_seed(hash((self.options.seed, batch.step, self.world.rank)))  # of any dropout
        self.optimizer.zero_grad()
        sums = [0.0, 0.0, 0.0]
        for i, part in enumerate(batch.parts):
            last = i == len(batch.parts) - 1
            for k, value in enumerate(self._part(part, batch, last)):
                sums[k] += value
        total, right, untied = summed(sums, self.world, self.compute.device)
        clip = self.options.training.clip_norm
        norm = float(nn.utils.clip_grad_norm_(self.learning, clip))
        if not math.isfinite(total) or not math.isfinite(norm):
            raise _not_a_number(batch, total, norm)
        set_rate(self.optimizer, rate_at(batch.step, steps, self.options.training))
        self.optimizer.step()
        average(self.kept, self.live, self.options.training.ema, batch.step)
        return total, right, untied

    def _part(self, part: Part, batch: StepBatch, last: bool) -> Sequence[float]:
        """Gradients of one part, in the measure that all parts add up to the whole batch's mean."""
        device = self.compute.device
        ready = on_device(part, batch.step, self.options, self.compute)
        swapped = None if part.swapped is None else part.swapped.to(device)
        # gradients travel between processes once, with the last part
        waits = self.world.size > 1 and not last
        with self.wrapped.no_sync() if waits else contextlib.nullcontext():
            with self.compute.autocast():
                losses: Losses = self.wrapped(ready, part.text.to(device), swapped, self.depth)
            share = self.world.size / len(batch.prompt_ids)  # processes' gradients are averaged
            (losses.total * share).backward()
        return torch.stack([x.detach() for x in losses]).tolist()

    def tensors(self) -> Tensors:
        """Everything a checkpoint has to hold of it."""
        return {
            "live": learned_state(self.live),
            "kept": learned_state(self.kept),
            "best": self.best.state,
            "adam": self._adam(),
        }

    def load(self, tensors: Tensors) -> None:
        """Put :meth:`tensors` back."""
        load_learned(self.live, tensors["live"])
        load_learned(self.kept, tensors["kept"])
        self.best.state = tensors.get("best", {})
        named = dict(self.live.named_parameters())
        for key, value in tensors["adam"].items():
            name, _, kind = key.rpartition("/")
            self.optimizer.state[named[name]][kind] = value

    def finish(self) -> VideoRM:
        """The best model, in evaluation mode."""
        load_learned(self.kept, self.best.state)
        return self.kept.model.eval()

    def _adam(self) -> dict[str, Tensor]:
        names: dict[Tensor, str] = {p: name for name, p in self.live.named_parameters()}
        return {
            f"{names[p]}/{kind}": value
            for p, kinds in self.optimizer.state.items()
            for kind, value in kinds.items()
        }


def _not_a_number(batch: StepBatch, total: float, norm: float) -> FloatingPointError:
    named = ", ".join(batch.prompt_ids[:NAMED])
    more = len(batch.prompt_ids) - NAMED
    return FloatingPointError(
        f"videorm: step {batch.step + 1}: loss {total}, gradient norm {norm}; the batch's prompts are "
        f"{named}{f' and {more} more' if more > 0 else ''}. Look at their clips and scores, or lower "
        "training.learning_rate"
    )
