"""Rao-Kupper: probabilities, gradients, and what a masked pair changes."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.videorm.loss import per_prompt_mean, rao_kupper

REAL = st.floats(-8, 8)
POSITIVE = st.floats(0.05, 4)


def loss(d: float, label: int, log_k: float) -> float:
    """Loss of one pair."""
    values = [torch.tensor([x], dtype=torch.float64) for x in (d, log_k)]
    return rao_kupper(values[0], torch.tensor([label]), values[1]).item()


@given(REAL, POSITIVE)
def test_the_three_outcomes_have_probability_one_together(d, log_k):
    assert sum(math.exp(-loss(d, y, log_k)) for y in (-1, 0, 1)) == pytest.approx(1, abs=1e-9)


def test_worked_example():
    # k = 2, equal rewards: P(a) = 1 / (1 + 2) = 1/3 = P(b), so P(tie) = 1/3
    for label in (-1, 0, 1):
        assert loss(0.0, label, math.log(2)) == pytest.approx(math.log(3))
    # reward difference log 2, k = 2: P(a) = 2 / (2 + 2) = 1/2, P(b) = 1 / (1 + 2 * 2) = 1/5
    assert loss(math.log(2), 1, math.log(2)) == pytest.approx(math.log(2))
    assert loss(math.log(2), -1, math.log(2)) == pytest.approx(math.log(5))
    assert loss(math.log(2), 0, math.log(2)) == pytest.approx(-math.log(0.3))


@given(REAL, POSITIVE, st.sampled_from([-1, 0, 1]))
def test_swapping_the_clips_swaps_the_label(d, log_k, label):
    assert loss(d, label, log_k) == pytest.approx(loss(-d, -label, log_k))


@pytest.mark.parametrize(
    ("label", "d", "sign"), [(1, 0.0, -1), (-1, 0.0, 1), (0, 1.0, 1), (0, -1.0, -1), (0, 0.0, 0)]
)
def test_gradients_push_the_difference_where_the_label_is(label, d, sign):
    difference = torch.tensor([d], requires_grad=True)
    rao_kupper(difference, torch.tensor([label]), torch.tensor([0.5])).sum().backward()
    gradient = difference.grad.item()
    assert (gradient > 1e-6) - (gradient < -1e-6) == sign


def test_large_differences_stay_finite():
    for label in (-1, 0, 1):
        assert math.isfinite(loss(500.0, label, 0.5))


def test_every_prompt_counts_alike_and_weightless_pairs_not_at_all():
    values = torch.tensor([1.0, 3.0, 10.0, 99.0])
    weight = torch.tensor([1.0, 1.0, 1.0, 0.0])
    prompt = torch.tensor([0, 0, 1, 1])
    # prompt 0: (1 + 3) / 2 = 2; prompt 1: 10, the last pair has no weight; mean (2 + 10) / 2
    assert per_prompt_mean(values, weight, prompt, 2).item() == 6
    # a third prompt without pairs changes nothing
    assert per_prompt_mean(values, weight, prompt, 3).item() == 6
    assert per_prompt_mean(values[:0], weight[:0], prompt[:0], 2).item() == 0  # no pair at all
    # weights within a prompt: (1 * 1 + 3 * 3) / 4 = 2.5
    assert per_prompt_mean(values[:2], torch.tensor([1.0, 3.0]), prompt[:2], 1).item() == 2.5
