"""Training: repeatable, the same data for every arm, the same result however a batch is divided."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from videorm_training import BATCH_NORM, corpus, curve, save_tiny_clip, small

from pipeline.videorm.data.batch import augmented, draws
from pipeline.videorm.data.clips import HeldClips
from pipeline.videorm.model.build import build
from pipeline.videorm.model.whiten import sample_patches, whiten_patches
from pipeline.videorm.options import TrainingOptions
from pipeline.videorm.training.device import Compute, compile_blocks, compute_of
from pipeline.videorm.training.distributed import World
from pipeline.videorm.training.feed import Feed, ahead, other_prompt
from pipeline.videorm.training.inputs import Inputs
from pipeline.videorm.training.objective import Objective
from pipeline.videorm.training.schedule import (
    batch_at,
    optimizer_for,
    rate_at,
    set_rate,
    steps_per_epoch,
)
from pipeline.videorm.training.start import begin_on_scale, check_shares, new_model, teaching
from pipeline.videorm.training.train import train_arm
from pipeline.videorm.training.trainer import Trainer
from pipeline.videorm.training.validation import ON_CPU, rewards_of, spread_within_prompts, validate
from pipeline.videorm.training.weights import Best, average, averaged_copy
from schemas.options import SetupError

CPU = Compute(device=torch.device("cpu"), dtype=torch.float32)


def weights(trained):
    return dict(trained.model.state_dict())


def assert_close(one, two, atol):
    for name, value in weights(one).items():
        assert torch.allclose(value, weights(two)[name], rtol=0, atol=atol), name


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return train_arm(corpus(), small(), "videorm", tmp_path_factory.mktemp("plain"))


def test_the_same_seed_gives_the_same_curve_and_weights(plain, tmp_path):
    again = train_arm(corpus(), small(), "videorm", tmp_path / "again")
    assert curve(again) == curve(plain)
    assert all(torch.equal(v, weights(again)[k]) for k, v in weights(plain).items())
    other = train_arm(corpus(), small(seed=1), "videorm", tmp_path / "other")
    assert curve(other) != curve(plain)


def first_gradients(options):
    """Of the first step, by name."""
    data = corpus()
    model = new_model(data, options, "videorm")
    trainer = Trainer(model, options, CPU, World(), None)
    feed = Feed(data.groups["train"], Inputs(clips=data.clips), model, options, World())
    trainer.step(feed.read(0), 6)
    return {n: p.grad for n, p in trainer.live.named_parameters() if p.grad is not None}


def test_a_batch_in_four_parts_teaches_what_the_whole_one_does(plain, tmp_path):
    # augmented clips, another text and all: every prompt has draws of its own
    swap = {"text_swap": {"weight": 0.5}}
    whole, parts = small(data=swap), small(data=swap, training={"accumulate": 4})
    one, four = first_gradients(whole), first_gradients(parts)
    assert set(one) == set(four)
    for name, gradient in one.items():
        assert torch.allclose(gradient, four[name], rtol=1e-4, atol=1e-6), name
    told = [
        curve(train_arm(corpus(), o, "videorm", tmp_path / str(i)))
        for i, o in enumerate((whole, parts))
    ]
    for row, other in zip(*told, strict=True):
        assert row == pytest.approx(other, abs=1e-5)
    assert told[0] != curve(plain)  # the swaps did something


def test_the_epoch_with_the_lowest_validation_loss_is_kept(tmp_path):
    # a rate that overshoots, without averaging: the loss goes down and up
    options = small(training={"epochs": 5, "learning_rate": 0.3, "ema": 0, "schedule": "constant"})
    data = corpus()
    trained = train_arm(data, options, "videorm", tmp_path)
    losses = [row["validation_loss"] for row in trained.curve]
    assert losses != sorted(losses, reverse=True)
    assert trained.epoch == 1 + losses.index(min(losses))
    # the weights are that epoch's: measured again they give that epoch's loss
    objective = Objective(trained.model, options)
    with torch.no_grad():
        objective.threshold.raw.copy_(torch.log(torch.expm1(torch.tensor(trained.log_k) - 1e-3)))
        found = validate(objective.eval(), trained.inputs, data.groups["validation"], CPU)
    assert found["validation_loss"] == pytest.approx(min(losses), abs=1e-5)


def test_without_a_validation_split_the_last_epoch_is_kept(tmp_path):
    trained = train_arm(corpus(n_validation=0), small(), "videorm", tmp_path)
    assert trained.epoch == 2
    assert "validation_loss" not in trained.curve[-1]


def test_training_stops_when_nothing_gets_better(tmp_path):
    # a rate that breaks everything at once: the first epoch stays the best
    broken = {"epochs": 9, "learning_rate": 1.0, "ema": 0, "patience": 2, "schedule": "constant"}
    trained = train_arm(corpus(), small(training=broken), "videorm", tmp_path)
    losses = [row["validation_loss"] for row in trained.curve]
    best = losses.index(min(losses)) + 1
    assert len(losses) == best + 2 < 9
    assert trained.epoch == best


def test_a_loss_that_is_no_number_stops_with_the_step_and_the_prompts(tmp_path):
    data = corpus()
    spoilt = dataclasses.replace(data.groups["train"][5], weight=np.full(6, np.inf))
    groups = (*data.groups["train"][:5], spoilt, *data.groups["train"][6:])
    data = dataclasses.replace(data, groups={**data.groups, "train": groups})
    with pytest.raises(FloatingPointError, match=r"step [123]: loss nan.*p005"):
        train_arm(data, small(), "videorm", tmp_path)


def test_prompts_without_anything_to_learn_take_no_place(tmp_path):
    data, options = corpus(n_train=5), small(loss={"kind": "bradley_terry"})
    objective = Objective(new_model(data, options, "videorm"), options)
    tied = dataclasses.replace(data.groups["train"][0], label=np.zeros(6, np.int64))
    rest = data.groups["train"][1:]
    assert teaching(objective, (tied, *rest), World()) == rest
    with pytest.raises(SetupError, match=r"none of the 1 prompts .* bradley_terry"):
        teaching(objective, (tied,), World())
    with pytest.raises(SetupError, match="4 prompts for 5 processes"):
        teaching(objective, rest, World(size=5))
    with pytest.raises(SetupError, match=r"batch_prompts: 4 prompts in a batch for 5 processes"):
        check_shares(options, World(size=5))


def test_a_regression_begins_on_the_scale_of_its_scores(tmp_path):
    options = small(loss={"kind": "regression"}, training={"ema": 0})
    readout = new_model(corpus(), options, "videorm").readout
    # scores of every prompt: 1, 2, 3 and 3, 1, 1
    assert readout.centre.tolist() == pytest.approx([2, 5 / 3])
    assert readout.spread.tolist() == pytest.approx([(2 / 3) ** 0.5, (8 / 9) ** 0.5])
    trained = train_arm(corpus(), options, "videorm", tmp_path)
    assert trained.log_k == (0, 0)
    assert trained.model.config.log_k == {}


def test_cosines_begin_a_regression_with_the_mean_and_spread_of_the_scores():
    options = small(loss={"kind": "regression"}, readout={"kind": "cosine"})
    data = corpus()
    model, groups = new_model(data, options, "videorm"), data.groups["train"]

    def rewards():
        return np.concatenate(rewards_of(model, data.clips, groups))

    goal = model.readout.centre.clone().numpy()
    far = np.abs(rewards().mean(axis=0) - goal)
    begin_on_scale(model, groups, Inputs(clips=data.clips), ON_CPU)
    assert rewards().mean(axis=0) == pytest.approx(goal, abs=1e-3)
    assert far.min() > 0.1  # from where it would have come
    ratio = rewards().std(axis=0) / model.readout.spread.numpy()
    scale = model.readout.cosine.log_scale.exp().item()
    assert ratio.mean() == pytest.approx(1, rel=1e-3) or scale == pytest.approx(100)


def test_dimensions_move_overall_alike_unless_weighed(plain, tmp_path):
    # two prompts: variances 1 and 9 (mean 5), and 0 and 0 (no spread: left as it is)
    tables = [np.array([[-1.0, 0], [1, 0]]), np.array([[-3.0, 2], [3, 2]])]
    assert spread_within_prompts(tables).tolist() == pytest.approx([5**0.5, 1])
    groups = corpus().groups["validation"]
    found = rewards_of(plain.model, corpus().clips, groups)
    scaled = [table * list(plain.model.config.overall.values()) for table in found]
    assert spread_within_prompts(scaled).tolist() == pytest.approx([1, 1])
    weights = {"prompt_following": 3.0, "video_quality": 1.0}
    told = train_arm(corpus(), small(overall=weights), "videorm", tmp_path)
    assert told.model.config.overall == weights


# what was encoded once


def test_kept_features_train_to_what_the_pixels_do(tmp_path):
    trunk = str(save_tiny_clip(tmp_path / "clip"))
    still = {"jitter": 0, "translate": 0}
    trained = {}
    for keep in ("none", "embeddings"):
        options = small(trunk=trunk, cache={"keep": keep}, training=still)
        trained[keep] = train_arm(corpus(), options, "videorm", tmp_path / keep)
    assert trained["none"].inputs.clips.depth is None
    assert trained["embeddings"].inputs.clips.depth == 2
    assert_close(trained["embeddings"], trained["none"], atol=1e-5)
    # the frozen towers are as they were
    towers = {k: v for k, v in weights(trained["none"]).items() if k.startswith("trunk.towers")}
    again = build(small(trunk=trunk), "videorm", ("a", "b"), []).state_dict()
    assert all(torch.equal(v, again[k]) for k, v in towers.items())


def test_a_kept_prefix_trains_to_what_the_pixels_do(tmp_path):
    trunk = str(save_tiny_clip(tmp_path / "clip"))
    still = {"jitter": 0, "translate": 0, "train_blocks": 1, "epochs": 1}
    trained = {}
    for keep in ("embeddings", "prefix"):
        options = small(trunk=trunk, cache={"keep": keep}, training=still)
        trained[keep] = train_arm(corpus(), options, "videorm", tmp_path / keep)
    assert trained["embeddings"].inputs.clips.depth is None  # the image tower is not wholly frozen
    assert trained["prefix"].inputs.clips.depth == 1
    assert_close(trained["prefix"], trained["embeddings"], atol=1e-5)


def test_kept_features_cannot_be_augmented(tmp_path):
    options = small(trunk=str(save_tiny_clip(tmp_path / "clip")))
    with pytest.raises(SetupError, match=r"videorm\.training\.jitter: 0\.1.*cache\.keep to none"):
        train_arm(corpus(), options, "videorm", tmp_path)
    assert not (tmp_path / "features").exists()  # found before anything was encoded


# order, rates, averages


@given(st.integers(2, 40), st.integers(1, 9), st.integers(0, 5))
def test_every_epoch_takes_prompts_once_in_an_order_of_its_own(n, batch, seed):
    options = small(seed=seed, training={"batch_prompts": batch})
    per_epoch = steps_per_epoch(n, options.training)
    for epoch in range(2):
        steps = range(epoch * per_epoch, (epoch + 1) * per_epoch)
        taken = np.concatenate([batch_at(s, n, options) for s in steps]).tolist()
        assert len(set(taken)) == len(taken) == min(batch, n) * per_epoch
        assert set(taken) <= set(range(n))


def test_the_order_depends_on_the_seed_and_the_epoch():
    orders = {tuple(batch_at(s, 40, small(seed=seed)).tolist()) for seed in (0, 1) for s in (0, 10)}
    assert len(orders) == 4


def test_the_learning_rate_warms_up_and_falls_to_zero():
    training = TrainingOptions(warmup=0.1)
    # 100 steps: ten of warm-up, the first at a tenth; then half a cosine over ninety
    assert rate_at(0, 100, training) == pytest.approx(0.1)
    assert rate_at(9, 100, training) == pytest.approx(1.0)
    assert rate_at(55, 100, training) == pytest.approx(0.5)
    assert rate_at(100, 100, training) == pytest.approx(0.0)
    steady = TrainingOptions(warmup=0.0, schedule="constant")
    assert [rate_at(s, 100, steady) for s in (0, 50, 99)] == [1, 1, 1]


def test_a_pretrained_trunk_learns_at_a_tenth_and_vectors_do_not_decay(tmp_path):
    trunk = str(save_tiny_clip(tmp_path))
    rates = {"train_blocks": 1, "weight_decay": 0.3, "learning_rate": 1e-2}
    options = small(trunk=trunk, training=rates)
    objective = Objective(build(options, "videorm", ("prompt_following",), []), options)
    optimizer = optimizer_for(objective, options)
    names = {id(p): n for n, p in objective.named_parameters()}
    found = {
        names[id(p)]: (group["base"], group["weight_decay"])
        for group in optimizer.param_groups
        for p in group["params"]
    }
    assert set(found) == {n for n, p in objective.named_parameters() if p.requires_grad}
    block = "model.trunk.towers.vision_model.encoder.layers.1.mlp.fc1"
    assert found[f"{block}.weight"] == pytest.approx((1e-3, 0.3))
    assert found[f"{block}.bias"] == pytest.approx((1e-3, 0))
    assert found["model.readout.mlp.hidden.weight"] == pytest.approx((1e-2, 0.3))
    assert found["threshold.raw"] == pytest.approx((1e-2, 0))
    set_rate(optimizer, 0.5)
    assert {group["lr"] for group in optimizer.param_groups} == {5e-3, 5e-4}
    own = small(trunk=trunk, training={**rates, "trunk_learning_rate": 7e-4})
    bases = {group["base"] for group in optimizer_for(objective, own).param_groups}
    assert bases == {1e-2, 7e-4}
    fresh = Objective(build(small(), "videorm", ("prompt_following",), ["wall"]), small())
    assert {g["base"] for g in optimizer_for(fresh, small()).param_groups} == {1e-3}


def test_the_average_forgets_its_start_first():
    live, kept = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    torch.nn.init.constant_(live.weight, 1.0)
    torch.nn.init.constant_(kept.weight, 0.0)
    average(kept, live, 0.5, step=0)  # decay min(0.5, 1/10): 0.1 * 0 + 0.9 * 1
    assert kept.weight.item() == pytest.approx(0.9)
    torch.nn.init.constant_(kept.weight, 0.0)
    average(kept, live, 0.5, step=100)  # min(0.5, 101/110)
    assert kept.weight.item() == pytest.approx(0.5)
    average(kept, live, 0.0, step=100)  # no average: the weights themselves
    assert torch.equal(kept.weight, live.weight)


def test_the_averaged_copy_shares_what_is_frozen():
    module = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    module[0].requires_grad_(False)
    copy = averaged_copy(module)
    assert copy[0].weight is module[0].weight
    assert copy[1].weight is not module[1].weight


def test_the_best_is_the_first_of_equals():
    best, module = Best(), torch.nn.Linear(1, 1)
    for epoch, loss in enumerate([3.0, 2.0, 2.0, 5.0], start=1):
        best.offer(epoch, loss, module)
    assert (best.epoch, best.loss) == (2, 2.0)


# reading ahead


def test_what_is_read_ahead_comes_in_order_and_its_errors_too():
    def make(i: int) -> int:
        if i == 3:
            raise ValueError("third")
        return i * i

    assert list(ahead(make, range(3))) == [0, 1, 4]
    taken = ahead(make, range(5))
    assert [next(taken) for _ in range(3)] == [0, 1, 4]
    with pytest.raises(ValueError, match="third"):
        next(taken)


def test_processes_and_parts_share_a_batch_without_overlap():
    data, options = corpus(), small(training={"accumulate": 3, "batch_prompts": 7})
    model = new_model(data, options, "videorm")
    seen = []
    for rank in range(2):
        world = World(rank=rank, size=2)
        feed = Feed(data.groups["train"], Inputs(clips=data.clips), model, options, world)
        batch = feed.read(0)
        assert len(batch.prompt_ids) == 7
        assert [len(p.batch.prompts) for p in batch.parts] == (
            [2, 1, 1] if rank == 0 else [1, 1, 1]
        )
        seen += [place for part in batch.parts for place in part.places.tolist()]
    assert seen == list(range(7))


def test_a_swapped_prompt_is_the_next_one_of_another_id():
    groups = corpus().groups["train"][:3]
    twice = [groups[0], dataclasses.replace(groups[0]), groups[1]]
    assert other_prompt(twice, 0) == groups[1].prompt
    assert other_prompt(twice, 2) == groups[0].prompt  # round the end
    assert other_prompt(twice[:2], 0) == groups[0].prompt  # nothing else there: its own


def test_augmentation_is_the_same_for_all_frames_of_a_clip():
    still = torch.rand(3, 1, 3, 16, 16).expand(3, 8, 3, 16, 16)
    drawn = draws(3, 2, torch.Generator().manual_seed(0))
    out = augmented(still, 0.2, 2, *drawn)
    assert torch.equal(out, out[:, :1].expand_as(out))
    assert not torch.equal(out[0], out[1])
    assert torch.allclose(augmented(still, 0.0, 0, *drawn), still, atol=1e-6)
    # by hand: half brighter, contrast untouched, one pixel right of the middle
    light, moves = torch.tensor([[0.0, 1.0]]), torch.tensor([[2, 3]])
    moved = augmented(still[:1], 0.5, 2, light, moves)
    assert torch.allclose(moved[0, 0, :, :, :-1], still[0, 0, :, :, 1:] + 0.5, atol=1e-6)


# device and precision


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(SetupError, match=r"videorm\.device: no device 'quantum'"):
        compute_of(small(device="quantum"), World())
    if not torch.cuda.is_available():
        with pytest.raises(SetupError, match=r"videorm\.device: no device 'cuda:3'"):
            compute_of(small(device="cuda:3"), World())


def test_bf16_trains_the_towers_low_and_the_readout_in_float32(tmp_path):
    assert compute_of(small(device="cpu"), World()).dtype == torch.float32  # auto on a CPU
    low = small(training={"precision": "bf16"})
    compute = compute_of(low, World())
    data, model = corpus(), new_model(corpus(), low, "videorm")
    seen = {}
    model.trunk.blocks[0].mlp.register_forward_hook(lambda m, i, o: seen.update(mlp=o.dtype))
    model.readout.register_forward_hook(lambda m, i, o: seen.update(readout=o.dtype))
    trainer = Trainer(model, low, compute, World(), None)
    feed = Feed(data.groups["train"], Inputs(clips=data.clips), model, low, World())
    trainer.step(feed.read(0), 6)
    assert seen == {"mlp": torch.bfloat16, "readout": torch.float32}
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_compiling_is_refused_without_a_compiler(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    model = new_model(corpus(), small(), "videorm")
    with pytest.raises(SetupError, match=r"videorm\.training\.compile: always, but no C\+\+"):
        compile_blocks(model, small(training={"compile": "always"}), CPU)
    assert compile_blocks(model, small(), CPU) == 0  # auto: not on a CPU


def test_frozen_towers_stay_in_evaluation_mode(tmp_path):
    options = small(trunk=str(save_tiny_clip(tmp_path)), training={"train_blocks": 1})
    model = new_model(corpus(), options, "videorm")
    Trainer(model, options, CPU, World(), None)
    assert [block.training for block in model.trunk.blocks] == [False, True]
    assert model.head.training
    assert not model.trunk.towers.text_model.training


# the start


def test_patches_are_of_frames_that_are_there():
    frames = np.zeros((3, 4, 3, 16, 16), np.uint8)
    frames[1], frames[2, :2], frames[2, 2:] = 255, 255, 77  # row 0 is not asked for
    valid = np.ones((3, 4), bool)
    valid[2, 2:] = False
    clips = HeldClips(video_ids=("a", "b", "c"), keys=("", "", ""), frames=frames, valid=valid)
    patches = sample_patches(clips, np.array([1, 2]), 8, seed=0)
    assert patches.shape == (20_000, 192)
    assert torch.all(patches == 1)


def test_whitening_gives_the_patch_embedding_components_of_equal_size():
    data = corpus(n_train=40)
    options = small(
        towers={"image_size": 16, "patch_size": 8, "width": 32, "heads": 2, "layers": 1}
    )
    trunk = build(options, "videorm", ["d"], ["a blob"]).trunk
    rows = np.flatnonzero(data.clips.valid.all(axis=1))
    whiten_patches(trunk, data.clips, rows, seed=0)
    pixels = torch.from_numpy(data.clips.frames[rows]).flatten(0, 1).float() / 255
    conv = trunk.towers.vision_model.embeddings.patch_embedding
    out = conv(trunk.normalise(pixels)).transpose(0, 1).flatten(1)  # (32, patches)
    moment = out @ out.T / out.shape[1]
    assert torch.allclose(moment.diagonal(), torch.ones(32), atol=0.2)
    assert (moment - torch.diag(moment.diagonal())).abs().max() < 0.2


def test_it_learns_what_it_is_shown_and_every_arm_sees_the_same_batches(tmp_path):
    data = corpus(n_train=32, n_validation=8)
    options = small(readout=BATCH_NORM, training={"epochs": 8, "learning_rate": 5e-3})
    trained = {arm: train_arm(data, options, arm, tmp_path) for arm in ("videorm", "per_frame")}
    for one in trained.values():
        assert one.curve[-1]["validation_accuracy"] >= 0.95
    sizes = {one.model.parameters_count for one in trained.values()}
    assert len(sizes) == 1
