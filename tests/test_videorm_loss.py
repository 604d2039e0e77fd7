"""Losses: worked values, gradients, limits, and what a pair without weight changes."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.videorm.training.loss import (
    bradley_terry,
    margin,
    prompt_means,
    rao_kupper,
    soft,
    soft_target,
    squared_error,
    untied,
)

REAL = st.floats(-8, 8)
POSITIVE = st.floats(0.05, 4)
LABEL = st.sampled_from([-1, 0, 1])
NAN = math.nan


def double(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def bt(d: float, label: int) -> float:
    return bradley_terry(double(d), torch.tensor([label])).item()


def lead(d: float, label: int, m: float) -> float:
    return margin(double(d), torch.tensor([label]), double(m)).item()


def rk(d: float, label: int, log_k: float) -> float:
    return rao_kupper(double(d), torch.tensor([label]), double(log_k)).item()


def ce(d: float, p: float) -> float:
    return soft(double(d), double(p)).item()


def slope(loss, at: float) -> float:
    """Derivative of ``loss`` (a function of a tensor of one difference) at a difference."""
    d = double(at).requires_grad_()
    loss(d).sum().backward()
    return d.grad.item()


def test_bradley_terry_worked():
    # s(0) = 1/2 either way; s(log 3) = 3/4 where a is preferred, 1/4 where b is
    assert bt(0, 1) == bt(0, -1) == pytest.approx(math.log(2))
    assert bt(math.log(3), 1) == pytest.approx(math.log(4 / 3))
    assert bt(math.log(3), -1) == pytest.approx(math.log(4))


def test_margin_worked():
    # the preferred clip leads by exactly what is demanded: s(0) = 1/2
    assert lead(0.57, 1, 0.57) == lead(-0.57, -1, 0.57) == pytest.approx(math.log(2))
    # no lead where log 3 is demanded: s(-log 3) = 1/4
    assert lead(0, 1, math.log(3)) == pytest.approx(math.log(4))
    # nothing demanded: Bradley-Terry
    assert lead(1.3, -1, 0) == bt(1.3, -1)


def test_rao_kupper_worked():
    # k = 2, equal rewards: P(a) = 1 / (1 + 2) = 1/3 = P(b), so P(tie) = 1/3
    for label in (-1, 0, 1):
        assert rk(0.0, label, math.log(2)) == pytest.approx(math.log(3))
    # reward difference log 2, k = 2: P(a) = 2 / (2 + 2) = 1/2, P(b) = 1 / (1 + 2 * 2) = 1/5
    assert rk(math.log(2), 1, math.log(2)) == pytest.approx(math.log(2))
    assert rk(math.log(2), -1, math.log(2)) == pytest.approx(math.log(5))
    assert rk(math.log(2), 0, math.log(2)) == pytest.approx(-math.log(0.3))


def test_soft_worked():
    # p = 3/4 at d = log 3: s(d) = 3/4 too, so the value is the entropy of 3/4,
    # 3/4 log 4/3 + 1/4 log 4 = 0.5623
    entropy = 0.75 * math.log(4 / 3) + 0.25 * math.log(4)
    assert ce(math.log(3), 0.75) == pytest.approx(entropy) == pytest.approx(0.5623, abs=1e-4)
    # a certain label: Bradley-Terry; a tie at d: the mean of both orders
    assert ce(1.3, 1.0) == pytest.approx(bt(1.3, 1))
    assert ce(1.3, 0.5) == pytest.approx((bt(1.3, 1) + bt(1.3, -1)) / 2)


def test_a_soft_target_is_the_best_that_is_known():
    label = torch.tensor([1, 1, 1, -1, 0])
    gap = double(2.0, 2.0, NAN, NAN, NAN)
    share = double(0.6, NAN, NAN, NAN, NAN)
    # the share goes first; then s(2 / 2) = 0.7311; then the label as 1, 0, 1/2
    target = soft_target(label, gap, share, temperature=2.0)
    expected = [0.6, 1 / (1 + math.exp(-1)), 1.0, 0.0, 0.5]
    assert target.tolist() == pytest.approx(expected)
    # a share of nought is a share, and equal scores are a target of one half
    assert soft_target(label[:1], double(5.0), double(0.0), 1.0).item() == 0.0
    assert soft_target(label[:1], double(0.0), double(NAN), 1.0).item() == 0.5


def test_squared_error_worked():
    rewards = double(1.0, 3.0, 2.0, 7.0).view(2, 2).requires_grad_()
    scores = double(2.0, 3.0, NAN, 4.0).view(2, 2)
    # spreads 1 and 2: ((1 - 2) / 1)^2 = 1, 0, nothing, ((7 - 4) / 2)^2 = 2.25
    values = squared_error(rewards, scores, double(1.0, 2.0))
    assert values.tolist() == [[1.0, 0.0], [0.0, 2.25]]
    values.sum().backward()
    # 2 (r - s) / spread^2: -2, 0, nothing for the missing score, 6 / 4
    assert rewards.grad.tolist() == [[-2.0, 0.0], [0.0, 1.5]]
    # whatever the reward is where no score is known
    broken = double(NAN).requires_grad_()
    squared_error(broken, double(NAN), double(1.0)).sum().backward()
    assert broken.grad.item() == 0


@given(REAL, POSITIVE)
def test_the_three_outcomes_have_probability_one_together(d, log_k):
    assert sum(math.exp(-rk(d, y, log_k)) for y in (-1, 0, 1)) == pytest.approx(1, abs=1e-9)


@given(REAL)
def test_the_two_outcomes_have_probability_one_together(d):
    assert math.exp(-bt(d, 1)) + math.exp(-bt(d, -1)) == pytest.approx(1, abs=1e-9)


@given(REAL, POSITIVE, LABEL, st.floats(0, 1))
def test_swapping_the_clips_swaps_the_label(d, positive, label, p):
    assert rk(d, label, positive) == pytest.approx(rk(-d, -label, positive))
    assert bt(d, label) == pytest.approx(bt(-d, -label))
    assert lead(d, label, positive) == pytest.approx(lead(-d, -label, positive))
    assert ce(d, p) == pytest.approx(ce(-d, 1 - p))


@given(REAL, st.floats(-8, 8), POSITIVE)
def test_a_tie_costs_least_at_equal_rewards(d, other, log_k):
    assert rk(0.0, 0, log_k) <= rk(d, 0, log_k) + 1e-12
    if abs(other) <= abs(d):
        assert rk(other, 0, log_k) <= rk(d, 0, log_k) + 1e-12


@pytest.mark.parametrize(
    ("label", "d", "sign"), [(1, 0.0, -1), (-1, 0.0, 1), (0, 1.0, 1), (0, -1.0, -1), (0, 0.0, 0)]
)
def test_gradients_push_the_difference_where_the_label_is(label, d, sign):
    found = slope(lambda x: rao_kupper(x, torch.tensor([label]), double(0.5)), d)
    assert (found > 1e-9) - (found < -1e-9) == sign


def test_gradients_at_worked_points():
    # -log s(d) falls by 1 - s(d): a half at zero, a quarter at log 3
    assert slope(lambda x: bradley_terry(x, torch.tensor([1])), 0.0) == pytest.approx(-0.5)
    assert slope(lambda x: bradley_terry(x, torch.tensor([-1])), 0.0) == pytest.approx(0.5)
    assert slope(lambda x: bradley_terry(x, torch.tensor([1])), math.log(3)) == pytest.approx(-0.25)
    # behind a margin the slope is what it is at d - m
    at_margin = slope(lambda x: margin(x, torch.tensor([1]), double(0.57)), 0.57)
    assert at_margin == pytest.approx(-0.5)
    # cross-entropy: s(d) - p, nothing where they agree
    assert slope(lambda x: soft(x, double(0.75)), 0.0) == pytest.approx(-0.25)
    assert slope(lambda x: soft(x, double(0.75)), math.log(3)) == pytest.approx(0, abs=1e-12)


def test_a_bradley_terry_tie_says_nothing():
    assert slope(lambda x: bradley_terry(x, torch.tensor([0])), 1.3) == 0
    assert untied(torch.tensor([1, 0, -1]), double(1.0, 2.0, 3.0)).tolist() == [1.0, 0.0, 3.0]


def test_ties_raise_the_threshold_and_choices_lower_it():
    for label, sign in ((0, -1), (1, 1), (-1, 1)):  # descent goes against the gradient
        log_k = double(0.5).requires_grad_()
        rao_kupper(double(0.0), torch.tensor([label]), log_k).sum().backward()
        assert math.copysign(1, log_k.grad.item()) == sign
    # d = 0, k = 2: P(tie) = (k - 1) / (k + 1), so d(-log P(tie)) / d log k =
    # -k (1 / (k - 1) - 1 / (k + 1)) = -2 (1 - 1/3) = -4/3
    log_k = double(math.log(2)).requires_grad_()
    rao_kupper(double(0.0), torch.tensor([0]), log_k).sum().backward()
    assert log_k.grad.item() == pytest.approx(-4 / 3)


@given(REAL, st.sampled_from([-1, 1]))
def test_without_a_threshold_rao_kupper_is_bradley_terry(d, label):
    assert rk(d, label, 1e-9) == pytest.approx(bt(d, label), abs=1e-8)


def test_without_a_threshold_a_tie_is_impossible():
    # P(tie) = (k^2 - 1) P(a) P(b) -> 2 log k / 4 at equal rewards
    assert rk(0.0, 0, 1e-6) == pytest.approx(-math.log(0.5e-6), rel=1e-6)


@pytest.mark.parametrize("d", [1e4, -1e4, 0.0])
@pytest.mark.parametrize("label", [-1, 0, 1])
@pytest.mark.parametrize("log_k", [1e-3, 0.5, 100.0])
def test_nothing_overflows_in_single_precision(d, label, log_k):
    for loss in (
        lambda x: rao_kupper(x, torch.tensor([label]), torch.tensor([log_k])),
        lambda x: bradley_terry(x, torch.tensor([label])),
        lambda x: margin(x, torch.tensor([label]), torch.tensor([0.57])),
        lambda x: soft(x, torch.tensor([(label + 1) / 2])),
    ):
        difference = torch.tensor([d], requires_grad=True)
        value = loss(difference)
        value.sum().backward()
        assert value.isfinite().all()
        assert difference.grad.isfinite().all()
        assert abs(difference.grad.item()) <= 1  # none of them pulls harder than that
    # the price of being wrong by d is d, of a choice under a threshold at most log k more
    assert bt(-1e4, 1) == pytest.approx(1e4)
    assert rk(-1e4, 1, log_k) == pytest.approx(1e4 + log_k)


def test_a_threshold_is_exact_in_single_precision():
    for log_k in (1e-3, 0.5, 50.0):
        one = rao_kupper(torch.tensor([0.3]), torch.tensor([0]), torch.tensor([log_k])).item()
        assert one == pytest.approx(rk(0.3, 0, log_k), rel=1e-4, abs=1e-6)


def test_every_prompt_counts_alike_and_weightless_pairs_not_at_all():
    values, weight = double(1, 3, 10, 99), double(1, 1, 1, 0)
    prompt = torch.tensor([0, 0, 1, 1])
    # prompt 0: (1 + 3) / 2 = 2; prompt 1: 10, for the last pair has no weight
    assert prompt_means(values, weight, prompt, 2).tolist() == [2, 10]
    # a third prompt without pairs is nothing, and changes nothing
    assert prompt_means(values, weight, prompt, 3).tolist() == [2, 10, 0]
    assert prompt_means(values[:0], weight[:0], prompt[:0], 2).tolist() == [0, 0]
    # weights within a prompt: (1 * 1 + 3 * 3) / 4 = 2.5
    assert prompt_means(values[:2], double(1, 3), prompt[:2], 1).tolist() == [2.5]
