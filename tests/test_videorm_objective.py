"""The objective: worked totals, parts that add up, masks, text swaps, thresholds, precision."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.videorm.data.batch import collate
from pipeline.videorm.data.clips import HeldClips
from pipeline.videorm.data.groups import Group
from pipeline.videorm.model.build import build
from pipeline.videorm.options import VideoRMOptions
from pipeline.videorm.training.objective import START_LOG_K, Objective
from schemas.options import SetupError

DIMENSIONS = ("prompt_following", "video_quality")
NAN = math.nan
KINDS = ("rao_kupper", "bradley_terry", "margin", "soft", "regression")
PROMPTS = ("a red ball", "a blue ball rolls", "two cats")
SMALL = {
    "towers": {"image_size": 16, "patch_size": 8, "width": 16, "layers": 1, "heads": 2},
    "head": {"heads": 2},
    "readout": {"kind": "cosine_mlp", "hidden": 8, "norm": "unit"},  # no statistics of a batch
    "frames": 3,
}
Row = tuple[int, int, int, float]  # a, b, label, weight


def objective(loss=None, **changes) -> Objective:
    """Of a small model whose two dimensions differ."""
    given = VideoRMOptions(**SMALL, loss=loss or {}, **changes)
    model = build(given, "videorm", DIMENSIONS, PROMPTS)
    with torch.no_grad():  # both start at zero
        model.readout.mlp.heads.weight.normal_()
        model.readout.cosine.adapters.normal_(std=0.1)
    return Objective(model, given)


def group(
    pairs: list[tuple[int, int, int, int]],
    *,
    first: int = 0,
    clips: int = 2,
    prompt: str = PROMPTS[0],
    weight: list[float] | None = None,
    margin: list[float] | None = None,
    share: list[float] | None = None,
    scores: list[list[float]] | None = None,
) -> Group:
    """``pairs``: (a, b, dimension, label); ``first``: row of the group's first clip."""
    a, b, dimension, label = (np.array([p[i] for p in pairs], np.int64) for i in range(4))
    unknown = [NAN] * len(pairs)
    return Group(
        prompt_id=f"p{first}",
        prompt=prompt,
        rows=np.arange(first, first + clips),
        generators=("g",) * clips,
        scores=np.array(scores or [[NAN] * len(DIMENSIONS)] * clips),
        dimension=dimension,
        a=a,
        b=b,
        label=label,
        margin=np.array(margin or unknown),
        share=np.array(share or unknown),
        weight=np.array(weight or [1.0] * len(pairs)),
    )


CLIPS = HeldClips(
    video_ids=tuple(map(str, range(40))),
    keys=tuple(map(str, range(40))),
    frames=np.random.default_rng(0).integers(0, 256, (40, 3, 3, 16, 16)).astype(np.uint8),
    valid=np.array([[True, True, i % 3 > 0] for i in range(40)]),
)


def collated(groups):
    batch = collate(CLIPS, groups)
    return dataclasses.replace(batch, clips=batch.clips.float() / 255)


def losses(of: Objective, groups, swapped=None):
    batch = collated(groups)
    text = of.model.encode(batch.prompts)
    return of(batch, text, None if swapped is None else of.model.encode(swapped))


def gradient(of: Objective, groups, **kwargs):
    """Of total over :meth:`counted`, all parameters in one vector."""
    of.zero_grad()
    (losses(of, groups, **kwargs).total / max(1, of.counted(groups))).backward()
    return torch.cat(
        [(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in of.parameters()]
    )


# Two prompts. Prompt 0, rewards of clips in dimension 1: 0, log 3, -0.5; prompt 1: 1, 1.
REWARDS = torch.tensor([[9.0, 0.0], [9.0, math.log(3)], [9.0, -0.5], [9.0, 1.0], [9.0, 1.0]])
WORKED = [
    group([(1, 0, 1, 1), (0, 1, 1, 1), (0, 1, 1, 0)], clips=3, weight=[1.0, 3.0, 2.0]),
    group([(0, 1, 1, -1)], first=3),
]


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        # untied pairs: (1 log 4/3 + 3 log 4) / 4, the tie is not even in the denominator; log 2
        (
            {"kind": "bradley_terry"},
            (math.log(4 / 3) + 3 * math.log(4)) / 4 + math.log(2),
        ),
        # as if log 3 were taken off each lead: s(0) = 1/2; s(-2 log 3) = 1/10; s(-log 3) = 1/4
        (
            {"kind": "margin", "margin": math.log(3)},
            (math.log(2) + 3 * math.log(10)) / 4 + math.log(4),
        ),
        # k = 3: P = s(0) = 1/2; s(-2 log 3) = 1/10; tie (9 - 1) / 2 / 10 = 2/5; s(-log 3) = 1/4
        (
            {"kind": "rao_kupper", "log_k": math.log(3)},
            (math.log(2) + 3 * math.log(10) + 2 * math.log(5 / 2)) / 6 + math.log(4),
        ),
        # labels as 1, 1, 1/2: log 4/3; log 4; their mean for the tie; log 2
        (
            {"kind": "soft"},
            (math.log(4 / 3) + 3 * math.log(4) + math.log(4 / 3) + math.log(4)) / 6 + math.log(2),
        ),
    ],
)
def test_pair_losses_worked(loss, expected):
    of = objective(loss)
    batch = collated(WORKED)
    assert of.nats(REWARDS, batch).item() == pytest.approx(expected, rel=1e-5)
    assert of.nats(REWARDS, batch).dtype == torch.float32


def test_regression_worked():
    of = objective({"kind": "regression", "scale": (1.0, 5.0)})
    of.model.readout.spread.copy_(torch.tensor([3.0, 2.0]))
    one = group([], scores=[[8.0, NAN], [NAN, NAN]])
    two = group([], first=2, scores=[[NAN, 2.0], [6.0, 4.0]])
    rewards = torch.tensor([[5.0, 1.0], [5.0, 1.0], [5.0, 4.0], [6.0, 4.0]])
    # prompt 0: ((5 - 8) / 3)^2 = 1, its only score; prompt 1: ((4 - 2) / 2)^2 = 1, 0 and 0
    batch = collated([one, two])
    assert of.nats(rewards, batch).item() == pytest.approx(1 + 1 / 3)
    assert of.counted([one, two, group([(0, 1, 0, 1)])]) == 2  # a pair without scores is no score


def test_right_is_by_the_label_and_half_where_the_model_ties():
    of = objective()
    rewards = torch.tensor([[2.0, 0.0], [1.0, 5e-7]])
    pairs = [(0, 1, 0, 1), (1, 0, 0, 1), (0, 1, 1, 1), (0, 1, 0, 0)]
    batch = collated([group(pairs, weight=[1.0, 2.0, 4.0, 8.0])])
    found = of._losses(rewards, batch)
    # right 1; wrong 0 of 2; a difference of 5e-7 is rounding: half of 4; the labelled tie is out
    assert (found.right.item(), found.untied.item()) == (3.0, 7.0)


@st.composite
def many_groups(draw):
    """One to five prompts of one to four clips, any labels, some pairs of weight zero."""
    found, first = [], 0
    for i in range(draw(st.integers(1, 5))):
        clips = draw(st.integers(1, 4))
        possible = [(a, b, d) for a in range(clips) for b in range(a) for d in (0, 1)]
        taken = [p for p in possible if draw(st.booleans())]
        n = len(taken)
        number = st.sampled_from([NAN, -2.0, 0.0, 1.0])
        found.append(
            group(
                [(*p, draw(st.sampled_from([-1, 0, 1]))) for p in taken],
                first=first,
                clips=clips,
                prompt=PROMPTS[i % 3],
                weight=[draw(st.sampled_from([0.0, 1.0, 2.5])) for _ in range(n)],
                margin=[draw(number) for _ in range(n)],
                share=[draw(st.sampled_from([NAN, 0.0, 0.5, 0.75])) for _ in range(n)],
                scores=[[draw(number) for _ in DIMENSIONS] for _ in range(clips)],
            )
        )
        first += clips
    return found


SHARED = {
    kind: objective(
        {"kind": kind, "margin_per_gap": True, "scale": (1, 5)}, data={"text_swap": {"weight": 0.5}}
    )
    for kind in KINDS
}


@settings(max_examples=30)
@given(many_groups(), st.lists(st.integers(0, 2), min_size=5, max_size=5), st.sampled_from(KINDS))
def test_any_parts_of_a_batch_add_up_to_it(groups, part, kind):
    of = SHARED[kind]
    others = [PROMPTS[(PROMPTS.index(g.prompt) + 1) % 3] for g in groups]
    whole = losses(of, groups, others)
    pieces = [[i for i in range(len(groups)) if part[i] == k] for k in range(3)]
    found = [
        losses(of, [groups[i] for i in piece], [others[i] for i in piece])
        for piece in pieces
        if piece
    ]
    for name in ("total", "right", "untied"):
        one = sum(getattr(f, name).item() for f in found)
        assert one == pytest.approx(getattr(whole, name).item(), rel=1e-4, abs=1e-5)
    counted = of.counted(groups)
    assert counted == sum(of.counted([groups[i] for i in piece]) for piece in pieces)
    assert counted == int(of._weighs(collated(groups)).sum())
    of.zero_grad()
    for f in found:  # gradients accumulate
        (f.total / max(1, counted)).backward()
    parts = torch.cat([p.grad.flatten() for p in of.parameters() if p.grad is not None])
    of.zero_grad()
    (whole.total / max(1, counted)).backward()
    at_once = torch.cat([p.grad.flatten() for p in of.parameters() if p.grad is not None])
    assert torch.allclose(parts, at_once, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "regression"])
def test_what_has_no_weight_changes_neither_value_nor_gradient(kind):
    of = objective({"kind": kind, "margin_per_gap": True})
    bare = group([(0, 1, 0, 1), (1, 0, 1, -1)], margin=[1.0, -2.0])
    masked = group(
        [(0, 1, 0, 1), (1, 0, 1, -1), (0, 1, 0, -1), (0, 1, 1, 1)],
        margin=[1.0, -2.0, NAN, 3.0],
        weight=[1.0, 1.0, 0.0, 0.0],
    )
    empty = group([], first=2, prompt=PROMPTS[1])
    assert of.counted([bare]) == of.counted([masked]) == of.counted([masked, empty]) == 1
    for other in ([masked], [masked, empty]):
        assert losses(of, other).total.item() == pytest.approx(losses(of, [bare]).total.item())
        assert losses(of, other).untied.item() == 2
        assert torch.allclose(gradient(of, other), gradient(of, [bare]), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_dimension_that_is_missing_is_not_learned(kind):
    of = objective({"kind": kind, "scale": (1, 5)})
    one = group([(0, 1, 1, 1)], margin=[1.0], scores=[[NAN, 3.0], [NAN, 2.0]])
    of.zero_grad()
    losses(of, [one]).total.backward()
    mlp, cosine = of.model.readout.mlp.heads, of.model.readout.cosine.adapters
    for grad in (mlp.weight.grad, mlp.bias.grad, cosine.grad):
        assert torch.equal(grad[0], torch.zeros_like(grad[0]))
    assert mlp.weight.grad[1].abs().max() > 0
    assert cosine.grad[1].abs().max() > 0
    if of.threshold is not None:
        assert of.threshold.raw.grad[0] == 0


@pytest.mark.parametrize("kind", ["bradley_terry", "margin"])
def test_a_loss_without_ties_learns_nothing_from_them(kind):
    of = objective({"kind": kind})
    ties = group([(0, 1, 0, 0), (0, 1, 1, 0)])
    assert of.counted([ties]) == 0
    assert losses(of, [ties]).total.item() == 0
    assert gradient(of, [ties]).abs().max() == 0
    assert objective({"kind": "rao_kupper"}).counted([ties]) == 1


def test_margins_grow_with_the_gap_and_a_missing_gap_demands_the_order_alone():
    of = objective({"kind": "margin", "margin": 0.5, "margin_per_gap": True})
    rewards = torch.zeros(2, 2)
    # m = 0.5 * |-2| = 1 at d = 0: log(1 + e)
    gap = group([(0, 1, 0, -1)], margin=[-2.0])
    assert of.nats(rewards, collated([gap])).item() == pytest.approx(math.log(1 + math.e))
    # a choice without scores: -log s(0)
    choice = group([(0, 1, 0, -1)])
    assert of.nats(rewards, collated([choice])).item() == pytest.approx(math.log(2))
    assert of.notes([gap]) == ()
    (said,) = of.notes([gap, choice])
    assert "1 of 2 pairs know a choice and no scores" in said
    # a tie has no margin to miss, it is left out whole
    (said,) = of.notes([gap, group([(0, 1, 0, 0)])])
    assert "1 of 2 pairs are ties and are not learned from" in said


def test_soft_labels_say_where_they_had_labels_alone():
    of = objective({"kind": "soft"})
    known = [group([(0, 1, 0, 1)], share=[0.5]), group([(0, 1, 0, 1)], margin=[1.0])]
    assert of.notes(known) == ()
    assert "1 of 3 pairs know neither" in of.notes([*known, group([(0, 1, 0, 1)])])[0]
    assert objective().notes([group([(0, 1, 0, 1)])]) == ()  # Rao-Kupper needs the label only


SWAP = {"text_swap": {"weight": 0.5, "dimensions": ("prompt_following",)}}


def test_text_swaps_add_their_weight_times_the_mean_over_the_prompts_clips():
    of = objective(data=SWAP)
    groups = [
        group([(0, 1, 1, 1)], clips=3),
        group([(0, 1, 1, 1)], first=3, prompt=PROMPTS[1]),
    ]
    batch, other = collated(groups), (PROMPTS[1], PROMPTS[2])  # of more and of fewer words
    own, elsewhere = (
        of.model(of.model.encode(p), batch.clips, batch.valid, batch.prompt)[:, 0]
        for p in (batch.prompts, other)
    )
    values = torch.log1p(torch.exp(elsewhere - own))
    swaps = 0.5 * (values[:3].mean() + values[3:].mean())
    plain, found = losses(of, groups), losses(of, groups, other)
    assert found.total.item() == pytest.approx((plain.total + swaps).item(), rel=1e-5)
    # and so do the gradients, which reach clips and prompts both ways
    of.zero_grad()
    (plain.total + swaps).backward()
    by_hand = torch.cat([p.grad.flatten() for p in of.parameters() if p.grad is not None])
    of.zero_grad()
    found.total.backward()
    at_once = torch.cat([p.grad.flatten() for p in of.parameters() if p.grad is not None])
    assert torch.allclose(at_once, by_hand, rtol=1e-3, atol=1e-6)
    assert (found.right.item(), found.untied.item()) == (plain.right.item(), plain.untied.item())
    # what a held-out set is judged by stays the pairs' loss
    rewards = of.model(of.model.encode(batch.prompts), batch.clips, batch.valid, batch.prompt)
    assert of.nats(rewards, batch).item() == pytest.approx(plain.total.item(), rel=1e-5)


def test_a_swap_is_learned_in_its_dimension_alone_and_raises_the_own_prompt():
    of = objective(data=SWAP)
    groups, other = [group([(0, 1, 1, 1)])], (PROMPTS[1],)
    plain = gradient(of, groups)
    of.zero_grad()
    (losses(of, groups, other).total - losses(of, groups).total).backward()
    cosine = of.model.readout.cosine.adapters.grad
    assert cosine[0].abs().max() > 1e-6
    assert cosine[1].abs().max() < 1e-6
    assert not torch.allclose(gradient(of, groups, swapped=other), plain)
    lead = torch.tensor([[0.0, 0.0]], requires_grad=True)
    of._swap_values(lead, torch.tensor([False])).sum().backward()
    assert lead.grad.tolist() == [[-0.5, 0.0]]  # descent raises the lead; s(0) is a half
    # a regression's rewards are scores: a lead of two points is one spread of two, -log s(1)
    of.model.readout.spread.fill_(2.0)
    value = of._swap_values(torch.tensor([[2.0, 0.0]]), torch.tensor([False]))
    assert value.item() == pytest.approx(math.log(1 + 1 / math.e))


def test_a_swap_with_the_same_words_asks_nothing():
    of = objective(data=SWAP)
    groups = [group([(0, 1, 1, 1)]), group([(0, 1, 1, 1)], first=2, prompt=PROMPTS[1])]
    plain = losses(of, groups).total.item()
    assert losses(of, groups, (PROMPTS[0], PROMPTS[1])).total.item() == pytest.approx(plain)
    one, both = (
        losses(of, groups, p).total.item() for p in ((PROMPTS[0], PROMPTS[2]), PROMPTS[1:])
    )
    assert plain < one < both
    # the swaps' texts are shorter here than the prompts': the same words are the same all the same
    second = losses(of, groups[1:], (PROMPTS[2],)).total - losses(of, groups[1:]).total
    assert one - plain == pytest.approx(second.item(), rel=1e-4)
    # nor where nothing is labelled, so that sums and counts go together
    unlabelled = [*groups, group([], first=4, prompt=PROMPTS[2])]
    alike = losses(of, unlabelled, (PROMPTS[1], PROMPTS[2], PROMPTS[0])).total.item()
    assert alike == pytest.approx(both, rel=1e-6)
    # nor without weight
    off = objective()
    assert losses(off, groups, PROMPTS[1:]).total.item() == losses(off, groups).total.item()


def test_a_swap_asks_nothing_of_a_model_without_a_dimension_about_the_prompt():
    given = VideoRMOptions(**SMALL, data={"text_swap": {"weight": 0.1}})
    of = Objective(build(given, "videorm", ("video_quality",), PROMPTS), given)
    batch = dataclasses.replace(
        collated([group([(0, 1, 0, 1)])]), scores=torch.zeros((2, 1), dtype=torch.float64)
    )
    own, other = (of.model.encode([text]) for text in PROMPTS[:2])
    assert of(batch, own, other).total.item() == of(batch, own).total.item()  # a number


def test_a_swap_of_a_dimension_that_the_model_lacks_is_refused():
    with pytest.raises(SetupError, match=r"text_swap\.dimensions: 'beauty'.*prompt_following"):
        objective(data={"text_swap": {"weight": 1.0, "dimensions": ("beauty",)}})
    with pytest.raises(ValidationError, match=r"text_swap\.dimensions"):
        objective(data={"text_swap": {"weight": 1.0, "dimensions": ()}})
    objective(data={"text_swap": {"weight": 0.0, "dimensions": ("beauty",)}})  # unused


def test_the_threshold_is_learned_fixed_or_none():
    learned = objective()
    assert learned.log_k.tolist() == pytest.approx([START_LOG_K] * 2)
    fixed = objective({"kind": "rao_kupper", "log_k": math.log(5)})
    assert fixed.log_k.tolist() == pytest.approx([math.log(5)] * 2)
    assert not [name for name, _ in fixed.named_parameters() if name.startswith("threshold")]
    assert objective({"kind": "bradley_terry"}).log_k.tolist() == [0, 0]


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_the_threshold_learned_is_that_of_the_share_of_ties(share):
    # equal rewards: P(tie) = (k - 1) / (k + 1), most likely at the observed share,
    # so k = (1 + share) / (1 - share); the other dimension, without pairs, stays where it was
    of = objective()
    n = round(share * 10)
    pairs = [(0, 1, 1, 0)] * n + [(0, 1, 1, 1), (1, 0, 1, 1)] * (5 - n // 2)
    pairs = pairs[:10]
    batch, optimizer = collated([group(pairs)]), torch.optim.Adam(of.threshold.parameters(), 0.05)
    for _ in range(300):
        optimizer.zero_grad()
        of.nats(torch.zeros(2, 2), batch).backward()
        optimizer.step()
    expected = math.log((1 + share) / (1 - share))
    assert of.log_k.tolist() == pytest.approx([START_LOG_K, expected], abs=1e-3)


def test_the_loss_is_in_single_precision_under_autocast():
    of = objective(data=SWAP)
    groups = [group([(0, 1, 1, 1), (0, 1, 0, 0)])]
    plain = losses(of, groups, (PROMPTS[1],))
    with torch.autocast("cpu", torch.bfloat16):
        low = losses(of, groups, (PROMPTS[1],))
        batch = collated(groups)
        exact = of.nats(torch.tensor([[1.001, 1.001], [1.0, 1.0]]), batch)
    assert low.total.dtype == low.right.dtype == torch.float32
    assert low.total.item() == pytest.approx(plain.total.item(), rel=0.05)  # the towers' bf16
    # 0.001 is far below bf16's step at one, 0.0078
    d, k = 0.001, math.exp(START_LOG_K)
    win = 1 / (1 + k * math.exp(-d))
    tie = (k * k - 1) * win / (1 + k * math.exp(d))
    by_hand = -(math.log(win) + math.log(tie)) / 2
    assert exact.item() == pytest.approx(by_hand, abs=2e-6)


def test_clips_may_come_from_anywhere_in_the_trunk():
    of = objective()
    groups = [group([(0, 1, 1, 1)], first=1)]  # the third frame of clip 1 is there, of clip 2 too
    batch = collated(groups)
    text = of.model.encode(batch.prompts)
    trunk = of.model.trunk
    seen = trunk.frames(batch.clips, batch.valid, of.model.config.shift)
    late = dataclasses.replace(batch, clips=seen)
    whole, rest = of(batch, text), of(late, of.model.texts(text), None, trunk.n_blocks)
    assert rest.total.item() == pytest.approx(whole.total.item(), rel=1e-6)
