"""All arms of an experiment: in child processes on a CPU, one after the other on GPUs."""

from pathlib import Path

import torch

from pipeline.videorm.data.groups import Corpus
from pipeline.videorm.options import VideoRMOptions
from pipeline.videorm.training.device import device_of
from pipeline.videorm.training.distributed import World
from pipeline.videorm.training.process import train_side_by_side
from pipeline.videorm.training.reporting import Progress
from pipeline.videorm.training.result import ArmResult, leave
from pipeline.videorm.training.train import train_arm


def train_all(
    corpus: Corpus,
    options: VideoRMOptions,
    job: Path,
    output: Path,
    world: World,
    progress: Progress | None = None,
) -> dict[str, ArmResult]:
    """Train every arm; ``job`` is an empty folder for their models. Two arms never share a GPU.

    Under ``torchrun`` all processes train together and only the first has results.
    """
    if world.size == 1 and device_of(options.device, world).type == "cpu":
        return train_side_by_side(corpus, options, job, output, progress)
    results: dict[str, ArmResult] = {}
    for arm in options.arms:
        trained = train_arm(corpus, options, arm, output, progress)
        if world.first:
            results[arm] = leave(trained, corpus, job / arm)
        del trained  # its memory is the next arm's
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    return results
