"""What theory says of the order of frames, asserted on trained models of every arm."""

import copy
import functools

import numpy as np
import pytest
import torch
from permutation import (
    ARMS,
    DIMENSIONS,
    PROMPTS,
    ROUNDING,
    TEST,
    Task,
    accuracy,
    benchmark,
    blur,
    colour,
    data,
    held_out,
    jumping,
    leads,
    motion,
    noise,
    options,
    run,
    table,
    train,
)

from pipeline.videorm.model.build import build
from pipeline.videorm.model.config import ShiftConfig
from pipeline.videorm.model.shift import temporal_shift
from pipeline.videorm.options import Arm

SEES = 0.95  # accuracy of an arm that sees what the task is about
STATIC: dict[str, Task] = {"noise": noise, "blur": blur}

trained = functools.cache(run)  # an arm on one seed, for all tests of this file


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Tensors this small are slower on several threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@functools.cache
def trained_on(task: str, arm: Arm):
    """An arm after a task that every single frame shows."""
    model = build(options(), arm, DIMENSIONS, PROMPTS)
    return train(model, options(), STATIC[task])


def test_pairs_are_of_the_same_frames_in_an_order_without_old_neighbours():
    for pair in (motion, functools.partial(motion, ends_stay=True)):
        prompt, clip, jumps = pair(np.random.default_rng(0))
        assert prompt in PROMPTS
        assert not np.array_equal(clip, jumps)
        assert sorted(f.tobytes() for f in clip) == sorted(f.tobytes() for f in jumps)
    for seed in range(50):
        rng = np.random.default_rng(seed)
        assert (np.abs(np.diff(jumping(rng))) > 1).all()
        order = jumping(rng, ends_stay=True)
        assert (np.abs(np.diff(order)) > 1).all()
        assert (order[0], order[-1]) == (0, 7)


def test_winners_stand_first_as_often_as_second_and_pairs_are_their_seed_s():
    some = data(motion, 10, TEST)
    assert [int(g.label[0]) for g in some.groups] == [-1, 1] * 5
    again = data(motion, 10, TEST)
    assert np.array_equal(some.clips.frames, again.clips.frames)
    assert not np.array_equal(some.clips.frames, data(motion, 10, 0).clips.frames)


def test_all_arms_start_alike_and_are_of_one_size():
    models = [build(options(), arm, DIMENSIONS, PROMPTS) for arm in ARMS]
    assert len({m.parameters_count for m in models}) == 1
    states = [m.state_dict() for m in models]
    for state in states[1:]:
        assert all(torch.equal(state[k], states[0][k]) for k in states[0])


def test_frames_one_by_one_are_blind_to_order_whatever_the_weights():
    # a theorem: the mean over frames of what each shows by itself; only the order of summation differs
    result = trained("per_frame")
    for found in (result.before, result.after, result.ends_stay, result.turned_over):
        assert np.abs(found).max() <= ROUNDING
        assert accuracy(found) == 0.5


@pytest.mark.slow
def test_attention_without_positions_is_blind_to_order():
    # permuting the frames permutes what attention gives them, and the mean forgets that
    result = trained("transformer", blind=True)
    for found in (result.before, result.after, result.turned_over):
        assert np.abs(found).max() <= ROUNDING
        assert accuracy(found) == 0.5


@pytest.mark.slow
def test_a_head_that_starts_at_zero_starts_blind():
    # its output projections are zero: the first reward is that of the mean frame
    assert np.abs(trained("transformer").before).max() <= ROUNDING
    assert np.abs(trained("videorm").before).max() > 10 * ROUNDING  # the shift sees from the start


@pytest.mark.parametrize("arm", ["shift", "transformer", "videorm"])
def test_shift_or_positions_show_the_order_of_frames(arm):
    result = trained(arm)
    assert accuracy(result.after) >= SEES
    # not by the clip's ends alone, where the shift fills in zeros: here both clips share them
    assert accuracy(result.ends_stay) >= SEES
    # the winner's frames jump, the loser's are put in order: the verdict turns over
    assert accuracy(result.turned_over) <= 1 - SEES


def test_both_together_are_no_worse_than_the_better_of_the_two():
    print(table([trained(a) for a in ARMS]))  # shown by pytest -rP
    best = max(accuracy(trained(a).after) for a in ("shift", "transformer"))
    # two standard errors of a difference of two accuracies of 0.975 on 200 pairs: 0.031
    assert accuracy(trained("videorm").after) >= best - 0.031


@pytest.mark.slow
def test_an_lstm_over_frames_sees_their_order():
    assert accuracy(trained("transformer", head="lstm").after) >= 0.9


@pytest.mark.slow
def test_a_convolution_before_the_mean_sees_a_clip_s_ends_only():
    # the sum over frames of w0 x[t-1] + w1 x[t] + w2 x[t+1] is (w0 + w1 + w2) times the sum of x,
    # less w0 times the last frame and w2 times the first, for beyond the ends stand zeros
    result = trained("transformer", head="conv1d")
    assert np.abs(result.ends_stay).max() <= ROUNDING
    assert accuracy(result.ends_stay) == 0.5
    assert accuracy(result.after) > 0.75  # the path's ends lie outward: that much the ends tell
    x = torch.randn(1, 8, 32)
    head, there = result.model.head, torch.ones(1, 8, dtype=torch.bool)
    w = head.over_frames.conv.weight[:, 0].T  # (3, D)
    by_hand = (1 + w.sum(0)) * x.mean(1) - (w[0] * x[:, -1] + w[2] * x[:, 0]) / 8
    assert torch.allclose(head(x, there), by_hand, atol=1e-6)


def test_a_shift_with_nothing_but_a_mean_behind_it_sees_a_clip_s_ends_only():
    torch.manual_seed(0)
    x, linear = torch.randn(2, 8, 5, 16), torch.nn.Linear(16, 16)
    there = torch.ones(2, 8, dtype=torch.bool)

    def pooled(frames, where=linear):
        return where(temporal_shift(frames, there, 0.25, first=0)).mean(1)

    inner = x[:, [0, 3, 5, 1, 6, 2, 4, 7]]  # the ends stay
    outer = x[:, [2, 0, 3, 6, 1, 4, 7, 5]]
    assert torch.allclose(pooled(inner), pooled(x), atol=1e-6)
    assert not torch.allclose(pooled(outer), pooled(x), atol=1e-2)
    # what is missing from the mean: the first frame's channels [0, 4), which no frame takes from
    # its next, and the last frame's [4, 8)
    less = torch.cat([x[:, 0, :, :4], x[:, -1, :, 4:8], torch.zeros(2, 5, 8)], dim=-1)
    by_hand = linear(x.mean(1) - less / 8)
    assert torch.allclose(pooled(x), by_hand, atol=1e-6)
    # a non-linearity between the shift and the mean brings the inner order out

    def bent(frames):
        return pooled(frames, lambda y: torch.relu(linear(y)))

    assert not torch.allclose(bent(inner), bent(x), atol=1e-2)


@pytest.mark.parametrize("arm", ["per_frame", "shift"])
@pytest.mark.parametrize("task", ["noise", pytest.param("blur", marks=pytest.mark.slow)])
def test_what_single_frames_show_is_learned_with_and_without_the_shift(task, arm):
    assert accuracy(leads(trained_on(task, arm), held_out(task))) >= SEES


@pytest.mark.parametrize("placement", ["branch", "input"])
def test_a_shift_that_nothing_was_trained_for_moves_embeddings_and_shrinks_leads(placement):
    model = trained_on("noise", "per_frame")
    batch = held_out("noise").batch(range(32))

    def with_shift(fraction):
        changed = copy.deepcopy(model)
        blocks = tuple(range(model.trunk.n_blocks))
        shift = ShiftConfig(fraction=fraction, placement=placement, blocks=blocks)
        changed.config = model.config.model_copy(update={"shift": shift})
        return changed

    with torch.no_grad():
        plain = model.clips(batch.clips, batch.valid)
        moved = {
            f: (with_shift(f).clips(batch.clips, batch.valid) - plain).norm(dim=1).mean().item()
            for f in (0.0, 1 / 8, 1 / 2)
        }
    assert moved[0.0] == 0 < moved[1 / 8] < moved[1 / 2]
    lead = {f: leads(with_shift(f), held_out("noise")).mean() for f in (0.0, 1 / 2)}
    assert 0 < lead[1 / 2] < lead[0.0]


@pytest.mark.slow
def test_colour_words_are_bound_to_what_is_seen():
    model = build(options(), "videorm", DIMENSIONS, PROMPTS)
    assert accuracy(leads(train(model, options(), colour), held_out("colour"))) >= SEES


@torch.no_grad()
def own_leads(model):
    """Reward in prompt following under the clip's own prompt minus that under the other, (B,)."""
    batch = held_out("motion").batch(range(60))
    own = model.encode(batch.prompts)
    other = model.encode([PROMPTS[1 - PROMPTS.index(p)] for p in batch.prompts])
    one, two = (model(text, batch.clips, batch.valid, batch.prompt)[:, 0] for text in (own, other))
    return (one - two).double().numpy()


@pytest.mark.slow
def test_text_swaps_alone_teach_a_dimension_that_no_pair_is_labelled_in():
    # every pair is of video quality; which colour a prompt names is learned from the swaps
    given = options(data={"text_swap": {"weight": 1.0}})
    model = build(given, "videorm", DIMENSIONS, PROMPTS)
    start = model.readout.mlp.heads.weight.detach().clone()
    train(model, given, motion)
    assert accuracy(own_leads(model)) >= SEES
    assert accuracy(leads(model, held_out("motion"))) >= SEES  # and the pairs beside them
    # without swaps nothing reaches that dimension
    untaught = trained("videorm").model.readout.mlp.heads.weight
    assert torch.equal(untaught[0], start[0])
    assert not torch.equal(untaught[1], start[1])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_benchmark_holds_on_every_seed(seed):
    results = benchmark([seed])
    print(table(results))
    for r in results:
        if r.arm in ("per_frame", "transformer without positions"):
            assert accuracy(r.before) == accuracy(r.after) == 0.5
        elif "conv1d" in r.arm:
            assert accuracy(r.ends_stay) == 0.5
        elif "lstm" not in r.arm:
            assert min(accuracy(r.after), accuracy(r.ends_stay)) >= SEES, r.arm
