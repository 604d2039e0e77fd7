"""Training: repeatable, the same data for every arm, and able to learn what only time shows."""

import numpy as np
import pytest
import torch

from pipeline.videorm.batch import augment, collate
from pipeline.videorm.data import Corpus, Group
from pipeline.videorm.frames import Clips
from pipeline.videorm.model import build
from pipeline.videorm.options import VideoRMOptions
from pipeline.videorm.train import orders, rate_at, rewards_of, train_arm
from pipeline.videorm.trunk import normalise
from pipeline.videorm.whiten import whiten_patches

SMALL = VideoRMOptions(width=32, hidden=32, epochs=2, batch_prompts=4)


def corpus(n_train: int, n_test: int, draw, seed: int = 0) -> Corpus:
    """``draw(rng, i)``: frames (8, 3, 32, 32) of a prompt's better (i = 0) or worse clip."""
    rng = np.random.default_rng(seed)
    n = n_train + n_test
    frames = np.stack([draw(rng, i) for _ in range(n) for i in (0, 1)]).astype(np.uint8)
    one = {
        "dimension": np.array([0]),
        "a": np.array([0]),
        "b": np.array([1]),
        "label": np.array([1]),
        "weight": np.ones(1, np.float32),
    }
    groups = tuple(
        Group(prompt_id=f"{i:04d}", prompt="a blob", rows=np.array([2 * i, 2 * i + 1]), **one)
        for i in range(n)
    )
    return Corpus(
        dimensions=("video_quality",),
        clips=Clips(
            video_ids=tuple(str(i) for i in range(2 * n)),
            frames=frames,
            valid=np.ones((2 * n, 8), bool),
        ),
        groups={"train": groups[:n_train], "validation": (), "test": groups[n_train:]},
    )


def blob(rng: np.random.Generator, order: np.ndarray) -> np.ndarray:
    """A bright blob on a straight path; its frames shown in ``order``."""
    y, x = np.mgrid[0:32, 0:32]
    start, step = rng.uniform(8, 12, 2), rng.uniform(0.8, 1.6, 2) * rng.choice([-1, 1], 2)
    start = np.where(step < 0, 31 - start, start)
    centres = start + step * np.arange(8)[:, None]
    shots = [220 * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 18) + 20 for cy, cx in centres]
    return np.repeat(np.stack(shots)[order][:, None], 3, axis=1)


JUMPING = np.array([0, 4, 1, 5, 2, 6, 3, 7])  # no two neighbours stay neighbours


def smooth_or_jumping(rng: np.random.Generator, i: int) -> np.ndarray:
    seed = rng.integers(2**31)
    return blob(np.random.default_rng(seed), np.arange(8) if i == 0 else JUMPING)


def accuracy(model, data: Corpus) -> float:
    rewards = np.stack(rewards_of(model, data.clips, data.groups["test"]))[..., 0]
    d = rewards[:, 0] - rewards[:, 1]
    return float(np.where(np.abs(d) <= 1e-6, 0.5, d > 0).mean())


def shared_frames(n: int) -> Corpus:
    """As ``smooth_or_jumping``, both clips of a prompt made of the same frames."""
    data = corpus(n, 40, smooth_or_jumping)
    frames = data.clips.frames.copy()
    frames[1::2] = frames[::2][:, JUMPING]
    clips = Clips(video_ids=data.clips.video_ids, frames=frames, valid=data.clips.valid)
    return Corpus(dimensions=data.dimensions, clips=clips, groups=data.groups)


def test_videorm_learns_the_order_of_frames_and_the_control_cannot():
    data = shared_frames(96)
    options = SMALL.model_copy(update={"epochs": 5, "translate": 0})
    assert accuracy(train_arm(data, options, "videorm").model, data) >= 0.95
    # a theorem: both clips hold the same frames, so their rewards differ by rounding only
    assert accuracy(train_arm(data, options, "per_frame").model, data) == 0.5


def noisy_or_clean(rng: np.random.Generator, i: int) -> np.ndarray:
    clip = blob(rng, np.arange(8))
    return np.clip(clip + (25 * rng.standard_normal(clip.shape) if i else 0), 0, 255)


def test_the_control_learns_what_single_frames_show():
    data = corpus(96, 40, noisy_or_clean)
    options = SMALL.model_copy(update={"epochs": 4})
    assert accuracy(train_arm(data, options, "per_frame").model, data) >= 0.95


def curve(options: VideoRMOptions, data: Corpus):
    trained = train_arm(data, options, "videorm")
    return [{k: v for k, v in row.items() if k != "seconds"} for row in trained.curve], trained


def test_the_same_seed_gives_the_same_curve_and_weights():
    data = corpus(12, 4, noisy_or_clean)
    (one, first), (two, second) = curve(SMALL, data), curve(SMALL, data)
    assert one == two
    states = first.model.state_dict(), second.model.state_dict()
    assert all(torch.equal(states[0][k], states[1][k]) for k in states[0])
    other, _ = curve(SMALL.model_copy(update={"seed": 1}), data)
    assert other != one


def test_the_epoch_with_the_lowest_validation_loss_is_kept():
    data = corpus(12, 4, noisy_or_clean)
    with_split = Corpus(
        dimensions=data.dimensions,
        clips=data.clips,
        groups={**data.groups, "validation": data.groups["test"]},
    )
    trained = train_arm(with_split, SMALL.model_copy(update={"epochs": 4}), "videorm")
    losses = [row["validation_loss"] for row in trained.curve]
    assert trained.epoch == 1 + losses.index(min(losses))
    assert train_arm(data, SMALL, "videorm").epoch == SMALL.epochs  # no validation split: the last


def test_every_prompt_comes_once_per_epoch_in_an_order_that_the_seed_decides():
    taken = orders(10, SMALL)
    epoch = [next(taken) for _ in range(2)]  # batches of four: two whole ones, two prompts wait
    assert len(set(np.concatenate(epoch).tolist())) == 8
    again = orders(10, SMALL)
    assert [next(again).tolist() for _ in range(2)] == [b.tolist() for b in epoch]


def test_the_learning_rate_warms_up_and_falls_to_zero():
    options = SMALL.model_copy(update={"learning_rate": 1.0, "warmup": 0.1})
    # 100 steps: ten of warm-up, the first at a tenth; then half a cosine over ninety
    assert rate_at(0, 100, options) == pytest.approx(0.1)
    assert rate_at(9, 100, options) == pytest.approx(1.0)
    assert rate_at(55, 100, options) == pytest.approx(0.5)
    assert rate_at(100, 100, options) == pytest.approx(0.0)


def test_augmentation_is_the_same_for_all_frames_of_a_clip():
    still = torch.rand(3, 1, 3, 32, 32).expand(3, 8, 3, 32, 32)
    out = augment(still, 0.2, 2, torch.Generator().manual_seed(0))
    assert torch.equal(out, out[:, :1].expand_as(out))
    assert not torch.equal(out[0], out[1])
    plain = augment(still, 0.0, 0, torch.Generator().manual_seed(0))
    assert torch.allclose(plain, still, atol=1e-6)


def test_groups_become_rows_of_one_batch():
    data = corpus(3, 0, noisy_or_clean)
    batch = collate(data.clips, [data.groups["train"][2], data.groups["train"][0]])
    assert batch.prompt.tolist() == [0, 0, 1, 1]
    assert (batch.a.tolist(), batch.b.tolist()) == ([0, 2], [1, 3])
    assert batch.pair_prompt.tolist() == [0, 1]
    assert np.array_equal(batch.pixels[0].numpy(), data.clips.frames[4])


def test_whitening_gives_the_patch_embedding_components_of_equal_size():
    data = corpus(40, 0, noisy_or_clean)
    model = build(SMALL.model_copy(update={"width": 32}), "videorm", ["d"], ["a blob"])
    whiten_patches(model, data.clips.frames, seed=0)
    pixels = torch.from_numpy(data.clips.frames).flatten(0, 1).float() / 255
    conv = model.clip.vision_model.embeddings.patch_embedding
    out = conv(normalise(pixels)).transpose(0, 1).flatten(1)  # (32, patches)
    moment = out @ out.T / out.shape[1]
    assert torch.allclose(moment.diagonal(), torch.ones(32), atol=0.2)
    assert (moment - torch.diag(moment.diagonal())).abs().max() < 0.2
