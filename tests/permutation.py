"""The permutation benchmark: does a reward model see the order of frames, or only the frames?

A blob that moves smoothly wins against the same frames in an order in which no neighbours stay
neighbours. Both clips of a pair hold the same frames, so a model that takes a mean over frames it saw
one by one gives both the same reward, whatever its weights: a theorem, not a tendency.
"""

import dataclasses
import functools
import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import nn

from pipeline.videorm.data.batch import Batch, collate
from pipeline.videorm.data.clips import HeldClips
from pipeline.videorm.data.groups import Group
from pipeline.videorm.model.build import build
from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.options import Arm, VideoRMOptions
from pipeline.videorm.training.objective import Objective

FRAMES, SIZE = 8, 32
ROUNDING = 1e-5  # rewards of equal sums taken in another order differ by less
TRAIN, TEST = 10_000_000, 20_000_000  # seeds of pairs start here, apart
DIMENSIONS = ("prompt_following", "video_quality")
PROMPTS = ("a red blob", "a blue blob")
STEPS = 60  # of 16 pairs: two to three seconds an arm on one core
PAIRS = 200  # held out
ARMS: tuple[Arm, ...] = ("per_frame", "shift", "transformer", "videorm")

Pair = tuple[str, NDArray[np.uint8], NDArray[np.uint8]]  # prompt, better and worse (T, 3, S, S)
Task = Callable[[np.random.Generator], Pair]


def options(**changes: Any) -> VideoRMOptions:
    """videorm-tiny at a width that trains in seconds; Bradley-Terry, for no pair is labelled a tie."""
    small: dict[str, Any] = {
        "towers": {"width": 32, "heads": 2},
        "head": {"heads": 2},
        "readout": {"hidden": 32},
        "loss": {"kind": "bradley_terry"},
        "training": {"batch_prompts": 16, "learning_rate": 2e-3},
    }
    return VideoRMOptions(**{**small, **changes})


def blob(rng: np.random.Generator, colour: Sequence[float]) -> NDArray[np.uint8]:
    """(T, 3, S, S): a soft blob on a straight path in any direction, on dark ground."""
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    angle, speed = rng.uniform(0, 2 * math.pi), rng.uniform(1.4, 2.4)
    step = speed * np.array([math.sin(angle), math.cos(angle)])
    middle = rng.uniform(13, 18, 2)
    centres = middle + step * (np.arange(FRAMES) - (FRAMES - 1) / 2)[:, None]
    spots = [np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 18) for cy, cx in centres]
    shades = np.stack(spots)[:, None] * np.asarray(colour, float)[:, None, None]
    return (20 + 220 * shades).astype(np.uint8)


RED, BLUE = (1.0, 0.2, 0.2), (0.2, 0.2, 1.0)


def coloured(rng: np.random.Generator) -> tuple[str, NDArray[np.uint8]]:
    """A prompt that names a colour, and a blob of it."""
    red = rng.random() < 0.5
    return PROMPTS[0 if red else 1], blob(rng, RED if red else BLUE)


def jumping(rng: np.random.Generator, *, ends_stay: bool = False) -> NDArray[np.int64]:
    """An order of the frames in which no two neighbours were neighbours, either way round."""
    while True:
        middle = rng.permutation(np.arange(1, FRAMES - 1))
        order = np.r_[0, middle, FRAMES - 1] if ends_stay else rng.permutation(FRAMES)
        if (np.abs(np.diff(order)) > 1).all():
            return order


def motion(rng: np.random.Generator, *, ends_stay: bool = False) -> Pair:
    """Smooth before jumping: the same frames. ``ends_stay``: the first and the last where they were."""
    prompt, clip = coloured(rng)
    return prompt, clip, clip[jumping(rng, ends_stay=ends_stay)]


def turned_over(rng: np.random.Generator) -> Pair:
    """As :func:`motion` of the same seed, but the winner's frames jump and the loser's run smoothly."""
    prompt, clip, jumps = motion(rng)
    return prompt, jumps, clip


def noise(rng: np.random.Generator) -> Pair:
    """Clean before noisy: every single frame shows it."""
    prompt, clip = coloured(rng)
    noisy = clip + 25 * rng.standard_normal(clip.shape)
    return prompt, clip, np.clip(noisy, 0, 255).astype(np.uint8)


def blur(rng: np.random.Generator) -> Pair:
    """Sharp before blurred: every single frame shows it."""
    prompt, clip = coloured(rng)
    soft = gaussian_filter(clip.astype(float), (0, 0, 2, 2))
    return prompt, clip, soft.astype(np.uint8)


def colour(rng: np.random.Generator) -> Pair:
    """The colour that the prompt names before the other: the clip alone does not show it."""
    path, red = rng.integers(2**31), rng.random() < 0.5
    one, other = (blob(np.random.default_rng(path), c) for c in (RED, BLUE))
    return (PROMPTS[0], one, other) if red else (PROMPTS[1], other, one)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Pairs of a task: prompt i has clips 2i and 2i + 1, in either order."""

    clips: HeldClips
    groups: tuple[Group, ...]

    def batch(self, which: Iterable[int]) -> Batch:
        """Prompts with pixels as the model takes them."""
        batch = collate(self.clips, [self.groups[i] for i in which])
        return dataclasses.replace(batch, clips=batch.clips.float() / 255)


def data(task: Task, n: int, first_seed: int) -> Data:
    """``n`` pairs, of seeds ``first_seed`` and on; every other one has its winner second.

    Pairs are of video quality alone, those of :func:`colour` of prompt following.
    """
    pairs = [task(np.random.default_rng(first_seed + i)) for i in range(n)]
    frames = [clip for i, (_, a, b) in enumerate(pairs) for clip in ((a, b) if i % 2 else (b, a))]
    ids = tuple(str(i) for i in range(2 * n))
    clips = HeldClips(
        video_ids=ids,
        keys=ids,
        frames=np.stack(frames),
        valid=np.ones((2 * n, FRAMES), bool),
    )
    dimension = int(task is not colour)
    return Data(
        clips=clips,
        groups=tuple(_group(i, pair[0], dimension) for i, pair in enumerate(pairs)),
    )


def _group(i: int, prompt: str, dimension: int) -> Group:
    unknown = np.full(1, np.nan)
    return Group(
        prompt_id=f"{i:05d}",
        prompt=prompt,
        rows=np.array([2 * i, 2 * i + 1]),
        generators=("g", "g"),
        scores=np.full((2, len(DIMENSIONS)), np.nan),
        dimension=np.array([dimension]),
        a=np.zeros(1, np.int64),
        b=np.ones(1, np.int64),
        label=np.array([1 if i % 2 else -1]),
        margin=unknown,
        share=unknown,
        weight=np.ones(1),
    )


@torch.no_grad()
def leads(model: VideoRM, held_out: Data) -> NDArray[np.float64]:
    """Reward of each pair's winner minus that of its loser, (n,)."""
    model.eval()
    found = []
    for part in np.array_split(np.arange(len(held_out.groups)), math.ceil(PAIRS / 32)):
        batch = held_out.batch(part)
        rewards = model(model.encode(batch.prompts), batch.clips, batch.valid, batch.prompt)
        d = rewards[batch.a, batch.dimension] - rewards[batch.b, batch.dimension]
        found.append(d * batch.label)
    return torch.cat(found).double().numpy()


def accuracy(found: NDArray[np.float64]) -> float:
    """Share of pairs whose winner leads, ties as half."""
    return float(np.where(np.abs(found) <= ROUNDING, 0.5, found > 0).mean())


def train(model: VideoRM, given: VideoRMOptions, task: Task, steps: int = STEPS) -> VideoRM:
    """The objective under AdamW with a warm-up and half a cosine, on fresh pairs at every step.

    Each prompt's text swap, where the options weigh it, is with the prompt before it in the batch.
    """
    size, rate = given.training.batch_prompts, given.training.learning_rate
    objective = Objective(model, given)
    learned = [p for p in objective.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        learned, rate, betas=(0.9, given.training.beta2), weight_decay=0.0
    )
    first = TRAIN + given.seed * 100_000
    for step in range(steps):
        for group in optimizer.param_groups:
            warm = min(1.0, (step + 1) / (0.06 * steps))
            group["lr"] = rate * warm * 0.5 * (1 + math.cos(math.pi * step / steps))
        pairs = data(task, size, first + step * size)
        batch = pairs.batch(range(size))
        text = model.encode(batch.prompts)
        objective.train()
        losses = objective(batch, text, text.roll(1, 0))
        optimizer.zero_grad()
        (losses.total / objective.counted(pairs.groups)).backward()
        nn.utils.clip_grad_norm_(learned, given.training.clip_norm)
        optimizer.step()
    return model.eval()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One arm, trained on one seed. Leads (n,) are of held-out pairs, as :func:`leads` says."""

    arm: str
    seed: int
    model: VideoRM
    before: NDArray[np.float64]  # with the initial weights
    after: NDArray[np.float64]
    ends_stay: NDArray[np.float64]  # of pairs that share their first and their last frame
    turned_over: NDArray[np.float64]
    seconds: float


@functools.cache
def held_out(task: str) -> Data:
    """The test pairs of a task; never trained on."""
    tasks: dict[str, Task] = {
        "motion": motion,
        "ends_stay": functools.partial(motion, ends_stay=True),
        "turned_over": turned_over,
        "noise": noise,
        "blur": blur,
        "colour": colour,
    }
    return data(tasks[task], PAIRS, TEST)


def without_positions(model: VideoRM) -> VideoRM:
    """The same model, its transformer blind to where a frame stands, for good."""
    positions = model.head.over_frames.positions
    positions.requires_grad_(False).zero_()
    return model


def run(arm: Arm, seed: int = 0, *, blind: bool = False, head: str = "transformer") -> Result:
    """Train an arm on :func:`motion` and measure it; ``blind``: :func:`without_positions`."""
    began = time.monotonic()
    given = options(seed=seed, head={"kind": head, "layers": 1, "heads": 2})
    model = build(given, arm, DIMENSIONS, PROMPTS)
    if blind:
        model = without_positions(model)
    before = leads(model, held_out("motion"))
    train(model, given, motion)
    words = (arm, "without positions" if blind else "", head if head != "transformer" else "")
    return Result(
        arm=" ".join(filter(None, words)),
        seed=seed,
        model=model,
        before=before,
        after=leads(model, held_out("motion")),
        ends_stay=leads(model, held_out("ends_stay")),
        turned_over=leads(model, held_out("turned_over")),
        seconds=time.monotonic() - began,
    )


def benchmark(seeds: Iterable[int], arms: Sequence[Arm] = ARMS) -> list[Result]:
    """The arms, and the transformer arm without positions and with the other heads; for each seed."""
    controls: list[Callable[[int], Result]] = [
        lambda seed: run("transformer", seed, blind=True),
        lambda seed: run("transformer", seed, head="lstm"),
        lambda seed: run("transformer", seed, head="conv1d"),
    ]
    rows = [*(functools.partial(run, arm) for arm in arms), *controls]
    return [row(seed) for seed in seeds for row in rows]


def table(results: Sequence[Result]) -> str:
    """Accuracy with ties as half; one line per arm and seed."""
    lines = [f"{'arm':32} seed before  after  ends alike  turned over  largest |d|  seconds"]
    for r in results:
        figures = (accuracy(x) for x in (r.before, r.after, r.ends_stay, r.turned_over))
        before, after, alike, turned = figures
        lines.append(
            f"{r.arm:32} {r.seed:4} {before:6.3f} {after:6.3f} {alike:11.3f} {turned:12.3f} "
            f"{np.abs(r.after).max():12.2g} {r.seconds:8.1f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(table(benchmark(range(3))))
