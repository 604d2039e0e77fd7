"""What is timed on pixels: VideoRM beside the bare backbone of transformers, on the same tensors."""

import copy
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from videorm_flops import Matmul, work_of
from videorm_rounds import Contestant
from videorm_shapes import DIMENSIONS, SHAPES, model_of, options_for

from pipeline.videorm.data.batch import Batch, collate
from pipeline.videorm.data.clips import HeldClips
from pipeline.videorm.data.groups import Group
from pipeline.videorm.model.trunk import NO_SHIFT
from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.options import Arm
from pipeline.videorm.training.objective import Objective

FRAMES, CLIPS_OF_PROMPT = 8, 4  # VideoPrefer's
# name -> arm; the head over frames is the same, and it is little beside the towers
ARMS: dict[str, Arm] = {"videorm": "videorm", "videorm, no shift": "transformer"}
BACKBONE = "transformers"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Where, in what precision and how much at a time."""

    shape: str
    device: torch.device
    dtype: torch.dtype  # of the matrix products; weights and optimizer are float32
    prompts: int  # in a batch

    @property
    def frames(self) -> int:
        """In a batch."""
        return self.prompts * CLIPS_OF_PROMPT * FRAMES

    def autocast(self) -> torch.autocast:
        """The precision, for ours and for theirs."""
        return torch.autocast(
            self.device.type, dtype=self.dtype, enabled=self.dtype != torch.float32
        )


def groups_of(prompts: int, seed: int = 0) -> list[Group]:
    """Made-up prompts of four clips, with all six pairs in each of two dimensions."""
    rng = np.random.default_rng(seed)
    a, b = np.triu_indices(CLIPS_OF_PROMPT, 1)
    a, b, dimension = np.tile(a, 2), np.tile(b, 2), np.repeat([0, 1], len(a))
    groups = []
    for i in range(prompts):
        scores = rng.integers(1, 6, (CLIPS_OF_PROMPT, len(DIMENSIONS))).astype(np.float64)
        margin = scores[a, dimension] - scores[b, dimension]
        groups.append(
            Group(
                prompt_id=f"{i:016x}",
                prompt=f"prompt {i}",
                rows=np.arange(CLIPS_OF_PROMPT) + i * CLIPS_OF_PROMPT,
                generators=tuple("abcd"),
                scores=scores,
                dimension=dimension,
                a=a,
                b=b,
                label=np.sign(margin).astype(np.int64),
                margin=margin,
                share=np.full(len(a), np.nan),
                weight=np.ones(len(a)),
            )
        )
    return groups


def batch_of(case: Case) -> Batch:
    """Noise as pixels in [0, 1], on the device."""
    size, n = SHAPES[case.shape].image, case.prompts * CLIPS_OF_PROMPT
    pixels = np.random.default_rng(0).integers(0, 256, (n, FRAMES, 3, size, size), np.uint8)
    names = tuple(f"{i:016x}" for i in range(n))
    clips = HeldClips(
        video_ids=names, keys=names, frames=pixels, valid=np.ones((n, FRAMES), np.bool_)
    )
    batch = collate(clips, groups_of(case.prompts)).to(case.device)
    return dataclasses.replace(batch, clips=batch.clips.float() / 255)


def forwards(case: Case) -> list[Contestant]:
    """Forward passes; the backbone under every attention that transformers has for it."""
    batch, text = batch_of(case), _text(case)
    flops = float(work_of(SHAPES[case.shape]).forward * case.frames)
    found = []
    for name, arm in ARMS.items():
        model = model_of(case.shape, arm).to(case.device).eval()
        found.append(_contestant(name, case, flops, _scored(case, model, batch, text)))
    alone: Any = model.trunk

    def towers_alone() -> object:
        with torch.inference_mode(), case.autocast():
            return alone.frames(batch.clips, batch.valid, NO_SHIFT)

    found.append(_contestant("videorm, towers alone", case, flops, towers_alone))
    mine, other = _attentions(model)
    for name, attention in ((BACKBONE, mine), (f"{BACKBONE}, {other}", other)):
        towers: Any = _backbone(model, attention)
        pixels = model.trunk.normalise(batch.clips.flatten(0, 1))
        found.append(_contestant(name, case, flops, _embedded(case, towers, pixels)))
    return found


def steps(case: Case) -> list[Contestant]:
    """Forward, backward and AdamW, with all blocks of the image tower learning."""
    batch, text = batch_of(case), _text(case)
    flops = float(work_of(SHAPES[case.shape]).step * case.frames)
    found = []
    for name, arm in ARMS.items():
        model = model_of(case.shape, arm, trained=True).to(case.device).train()
        _move(model)
        objective = Objective(model, options_for(case.shape, trained=True)).to(case.device)

        def loss(objective: Objective = objective) -> Tensor:
            total: Tensor = objective(batch, text).total
            return total / case.prompts

        found.append(_contestant(name, case, flops, _step(case, objective, loss)))
    towers: Any = _backbone(model, _attentions(model)[0])
    pixels = model.trunk.normalise(batch.clips.flatten(0, 1))

    def spread() -> Tensor:
        embedded: Tensor = towers.get_image_features(pixels).pooler_output
        return embedded.float().square().mean()

    found.append(_contestant(BACKBONE, case, flops, _step(case, towers, spread)))
    return found


def matmuls(case: Case, sizes: Sequence[int]) -> list[Contestant]:
    """Products of square matrices: the best of them is what the machine can do."""
    found = []
    for size in sizes:
        matmul = Matmul(size=size, device=case.device, dtype=case.dtype)
        one, other, into = matmul.prepared()

        def work(one: Tensor = one, other: Tensor = other, into: Tensor = into) -> object:
            return torch.mm(one, other, out=into)

        name = f"matrix product, {size}"
        found.append(Contestant(name=name, work=work, units=1, flops=float(matmul.flops)))
    return found


def _contestant(name: str, case: Case, flops: float, work: Callable[[], object]) -> Contestant:
    return Contestant(name=name, work=work, units=case.frames, flops=flops)


def _text(case: Case) -> Tensor:
    """Embeddings of the prompts, which a frozen text tower gives once."""
    shape = (case.prompts, SHAPES[case.shape].joint)
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(case.device)


def _move(model: VideoRM) -> None:
    """What starts at zero, and so has gradients of zero, starts elsewhere."""
    with torch.no_grad():
        for part in (model.head, model.readout):
            for parameter in part.parameters():
                parameter.add_(0.02 * torch.randn_like(parameter))


def _attentions(model: VideoRM) -> tuple[str, str]:
    """The attention that VideoRM chose for its towers, and the other."""
    inner: Any = model.trunk.towers
    mine = str(inner.config.vision_config._attn_implementation)
    return mine, "sdpa" if mine == "eager" else "eager"


def _backbone(model: VideoRM, attention: str) -> nn.Module:
    """The towers again, with weights and an attention of their own."""
    towers: Any = copy.deepcopy(model.trunk.towers)
    towers.set_attn_implementation(attention)
    return towers


def _scored(case: Case, model: VideoRM, batch: Batch, text: Tensor) -> Callable[[], object]:
    def work() -> object:
        with torch.inference_mode(), case.autocast():
            return model(text, batch.clips, batch.valid, batch.prompt)

    return work


def _embedded(case: Case, towers: Any, pixels: Tensor) -> Callable[[], object]:
    def work() -> object:
        with torch.inference_mode(), case.autocast():
            return towers.get_image_features(pixels).pooler_output

    return work


def _step(case: Case, learned: nn.Module, loss: Callable[[], Tensor]) -> Callable[[], object]:
    parameters = [p for p in learned.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-6, fused=True)

    def work() -> None:
        with case.autocast():
            value = loss()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()

    return work
