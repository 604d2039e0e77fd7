"""Several processes that train one model: what ``torchrun`` and ``accelerate launch`` start.

Each process takes its share of every batch's prompts; process 0 alone validates, writes and tells.
"""

import datetime
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar, cast

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from schemas.options import SetupError

T = TypeVar("T")
# others wait while process 0 encodes a corpus or validates
PATIENCE = datetime.timedelta(hours=24)
VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """This process among those that train together."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0  # on this machine: which GPU is its own

    @property
    def first(self) -> bool:
        """Whether this process validates, writes and tells."""
        return self.rank == 0

    def share(self, n: int) -> NDArray[np.int64]:
        """Which of ``n`` prompts are this process's: neighbours, as even as can be."""
        return np.array_split(np.arange(n), self.size)[self.rank]


def started_together() -> bool:
    """Whether a launcher started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def world_here() -> World:
    """What the launcher's environment variables say. Raises :class:`SetupError` where one is missing."""
    if not started_together():
        return World()
    absent = [name for name in VARIABLES if name not in os.environ]
    if absent:
        raise SetupError(
            f"WORLD_SIZE is {os.environ['WORLD_SIZE']}, but {', '.join(absent)} is not set; start "
            "with torchrun or accelerate launch, or unset WORLD_SIZE"
        )
    rank, size, local = (int(os.environ[name]) for name in VARIABLES[:3])
    return World(rank=rank, size=size, local_rank=local)


@contextmanager
def joined(device: str) -> Iterator[World]:
    """The processes connected: by NCCL where ``device`` (as in the options) means GPUs, else by gloo.

    Within another ``joined`` it is the same connection.
    """
    world = world_here()
    if world.size == 1 or dist.is_initialized():
        yield world
        return
    gpus = device != "cpu" and torch.cuda.is_available()
    if gpus:
        _check_own_gpu(world)
        torch.cuda.set_device(world.local_rank)
    dist.init_process_group("nccl" if gpus else "gloo", timeout=PATIENCE)
    try:
        yield world
    finally:
        dist.destroy_process_group()


def _check_own_gpu(world: World) -> None:
    if world.local_rank >= torch.cuda.device_count():
        raise SetupError(
            f"process {world.rank} is to use GPU {world.local_rank}, but this machine has "
            f"{torch.cuda.device_count()}; start at most one process per GPU, or set device: cpu"
        )


def wrapped(module: nn.Module, world: World) -> nn.Module:
    """``module``, whose gradients become the mean over all processes.

    Buffers (a readout's running mean and variance) are those of process 0.
    """
    if world.size == 1:
        return module
    # every weight that learns takes part in every loss, if only with a gradient of zero, so no step has to
    # look for idle ones; torch stops with an error where one is
    return DistributedDataParallel(module)


def summed(values: Sequence[float], world: World, device: torch.device) -> list[float]:
    """Each value summed over all processes."""
    if world.size == 1:
        return list(values)
    whole = torch.tensor(values, dtype=torch.float64, device=device)
    dist.all_reduce(whole)
    return whole.tolist()


def told(values: Sequence[float], world: World, device: torch.device) -> list[float]:
    """What process 0 holds; the others give as many values, which are ignored."""
    if world.size == 1:
        return list(values)
    whole = torch.tensor(values, dtype=torch.float64, device=device)
    dist.broadcast(whole, 0)
    return whole.tolist()


def spread(tensors: Sequence[Tensor], world: World) -> None:
    """Fill every process's tensors with those of process 0."""
    if world.size > 1:
        for tensor in tensors:
            dist.broadcast(tensor, 0)


def agreed(make: Callable[[], T], world: World) -> T:
    """What ``make`` gives in process 0, in every process."""
    if world.size == 1:
        return make()
    made: list[T | None] = [make() if world.first else None]
    dist.broadcast_object_list(made, 0)
    return cast(T, made[0])


@contextmanager
def first_goes_first(world: World) -> Iterator[None]:
    """Process 0 passes alone; then the others, who find what it left on disk."""
    if world.size > 1 and not world.first:
        dist.barrier()
    yield
    if world.size > 1 and world.first:
        dist.barrier()
