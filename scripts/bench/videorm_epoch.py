"""An epoch at the paper's size: encoding the corpus once, and a head that learns from what was kept."""

import dataclasses
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from videorm_shapes import DIMENSIONS, SHAPES, options_for
from videorm_work import CLIPS_OF_PROMPT, FRAMES, Case, groups_of

from pipeline.videorm.model.build import build
from pipeline.videorm.training.device import compute_of
from pipeline.videorm.training.distributed import World
from pipeline.videorm.training.feature_store import EncodedClips, ShardWriter
from pipeline.videorm.training.feed import Feed
from pipeline.videorm.training.inputs import Inputs
from pipeline.videorm.training.schedule import steps_per_epoch
from pipeline.videorm.training.trainer import Trainer

PROMPTS = 13_500  # VideoPrefer's; four clips each
WARM_UP = 2  # steps that are not timed


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """An epoch over cached features. ``seconds`` of ``steps`` steps of ``steps_of_epoch``."""

    preset: str
    steps_of_epoch: int
    batch_prompts: int
    learned: int  # parameters
    pairs: int  # of all prompts, over all dimensions
    steps: int
    seconds: float

    @property
    def epoch_s(self) -> float:
        """Seconds of all steps: measured where all were done, else so many times the mean."""
        return self.seconds / self.steps * self.steps_of_epoch

    @property
    def measured(self) -> bool:
        """Whether the whole epoch was."""
        return self.steps == self.steps_of_epoch

    def row(self) -> dict[str, Any]:
        """For programs."""
        return {**dataclasses.asdict(self), "epoch_s": self.epoch_s, "measured": self.measured}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """What kept features cost: ``n_bytes`` of ``clips`` clips written and read in so many seconds."""

    clips: int
    n_bytes: int
    write_s: float
    read_s: float

    @property
    def whole_bytes(self) -> float:
        """Of the whole corpus."""
        return self.n_bytes / self.clips * PROMPTS * CLIPS_OF_PROMPT

    def row(self) -> dict[str, Any]:
        """For programs."""
        return {**dataclasses.asdict(self), "whole_bytes": self.whole_bytes}


@contextmanager
def cached(case: Case, clips: int) -> Iterator[tuple[EncodedClips, Cache]]:
    """Random embeddings of so many clips, in the store that training reads; as many rows as the corpus
    has, over and over the same ones.

    Read as an epoch does, each clip once and in any order, right after it was written: from memory, if
    that is large enough.
    """
    keys = [f"{i:064x}" for i in range(clips)]
    with tempfile.TemporaryDirectory(prefix="videorm-bench-") as name:
        folder = Path(name)
        values = torch.randn(clips, FRAMES, SHAPES[case.shape].joint).to(case.dtype)
        valid = torch.ones(clips, FRAMES, dtype=torch.bool)
        began = time.perf_counter()
        with ShardWriter(folder, {"made": "at random"}) as writer:
            for rows in torch.arange(clips).split(16):
                writer.add([keys[i] for i in rows.tolist()], values[rows], valid[rows])
        write_s = time.perf_counter() - began
        n = PROMPTS * CLIPS_OF_PROMPT
        found = EncodedClips(
            video_ids=tuple(f"{i:016x}" for i in range(n)),
            keys=tuple(keys[i % clips] for i in range(n)),
            depth=SHAPES[case.shape].layers,
            folder=folder,
        )
        began = time.perf_counter()
        for rows in torch.randperm(clips).split(128):
            found.read(rows.tolist())
        read_s = time.perf_counter() - began
        n_bytes = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
        yield found, Cache(clips=clips, n_bytes=n_bytes, write_s=write_s, read_s=read_s)


def epoch_of(case: Case, preset: str, clips: EncodedClips, steps: int | None) -> Epoch:
    """The real trainer and its feed on cached random embeddings; ``steps`` None: all of an epoch.

    No frame passes a tower, so ``case.shape`` is one that has the width of the joint space and hardly
    anything else.
    """
    options = options_for(case.shape, preset).model_copy(
        update={"device": str(case.device), "threads": torch.get_num_threads()}
    )
    model = build(options, "videorm", DIMENSIONS, [])
    groups = groups_of(PROMPTS)
    texts = {g.prompt: torch.randn(SHAPES[case.shape].joint) for g in groups}
    compute = compute_of(options, World())  # and so on a GPU with deterministic kernels
    model.to(compute.device)
    trainer = Trainer(model, options, compute, World(), clips.depth)
    feed = Feed(groups, Inputs(clips=clips, texts=texts), model, options, World())
    whole = steps_per_epoch(len(groups), options.training)
    wanted = min(steps or whole, whole)
    began = 0.0
    for done, batch in enumerate(feed.steps(0, wanted + WARM_UP)):
        if done == WARM_UP:
            _wait(case)
            began = time.perf_counter()
        trainer.step(batch, whole)
    _wait(case)
    return Epoch(
        preset=preset,
        steps_of_epoch=whole,
        batch_prompts=options.training.batch_prompts,
        learned=sum(p.numel() for p in trainer.learning),
        pairs=sum(len(group.label) for group in groups),
        steps=wanted,
        seconds=time.perf_counter() - began,
    )


def _wait(case: Case) -> None:
    if case.device.type == "cuda":
        torch.cuda.synchronize(case.device)
