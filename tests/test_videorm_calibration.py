"""Calibration of reward differences: by hand, against scikit-learn, and what a temperature may not do."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.metrics import brier_score_loss, log_loss

from pipeline.audit.pair_panel import PairPanel
from pipeline.videorm.evaluation.accuracy import make_board
from pipeline.videorm.evaluation.calibration import (
    COLDEST,
    WARMEST,
    calibration_rows,
    fit_temperature,
    measured,
    tie_probability,
    win_probability,
)

LOG3 = math.log(3)  # sigmoid(log 3) = 3/4


def panel(labels: list[float]) -> PairPanel:
    """One pair of a prompt each, between clips a0 and b0, a1 and b1, ..."""
    n = len(labels)
    label = np.array(labels, float)
    return PairPanel(
        videos=tuple(f"{side}{i}" for i in range(n) for side in "ab"),
        generators=("g",) * (2 * n),
        first=np.arange(n) * 2,
        second=np.arange(n) * 2 + 1,
        prompts=np.arange(n),
        human=label[:, None],
        target=label,
        others=label[:, None],
        raters=("annotator",),
        prompt_ids=tuple(f"p{i}" for i in range(n)),
    )


def board(labels: list[float], differences: list[float], split: str = "test"):
    scores = {f"a{i}": d for i, d in enumerate(differences)}
    scores |= {f"b{i}": 0.0 for i in range(len(differences))}
    prompts = [f"p{i}" for i in range(len(labels))]
    return make_board("annotator", split, prompts, {"d": panel(labels)}, {"d": {"videorm": scores}})


def test_bins_and_errors_by_hand():
    # confidence 3/4 four times, right three times; sigmoid(0) = 1/2 once, half right
    d = np.array([LOG3, LOG3, -LOG3, -LOG3, 0.0])
    won = np.array([1, 0, 0, 0, 1.0])
    found = measured(d, won, np.arange(5), 1.0, seed=0)
    assert [(b["low"], b["n_pairs"]) for b in found["bins"]] == [(0.5, 1), (0.75, 4)]
    assert found["bins"][1]["confidence"] == pytest.approx(0.75)
    assert found["bins"][1]["accuracy"] == pytest.approx(0.75)
    assert found["bins"][0]["accuracy"] == 0.5
    assert found["ece"]["value"] == pytest.approx(0, abs=1e-12)
    # three times 1/16, once 9/16, once 1/4
    assert found["brier"]["value"] == pytest.approx((3 / 16 + 9 / 16 + 1 / 4) / 5)
    nats = 3 * math.log(4 / 3) + math.log(4) + math.log(2)
    assert found["log_loss"]["value"] == pytest.approx(nats / 5)


def test_an_overconfident_bin_counts_by_its_pairs():
    # 3/4 sure, never right: off by 3/4; 9/10 sure and right: off by 1/10
    d = np.array([LOG3, math.log(9), math.log(9), math.log(9)])
    found = measured(d, np.array([0, 1, 1, 1.0]), np.arange(4), 1.0, seed=0)
    assert found["ece"]["value"] == pytest.approx((0.75 + 3 * 0.1) / 4)


@given(st.lists(st.tuples(st.floats(-8, 8), st.booleans()), min_size=2, max_size=30))
def test_scikit_learn_gives_the_same_scores(pairs):
    d, won = np.array([p[0] for p in pairs]), np.array([float(p[1]) for p in pairs])
    found = measured(d, won, np.arange(len(d)) % 3, 1.7, seed=0)
    p = win_probability(d, 1.7)
    assert found["brier"]["value"] == pytest.approx(brier_score_loss(won, p, pos_label=1))
    assert found["log_loss"]["value"] == pytest.approx(log_loss(won, p, labels=[0, 1]))


@given(
    st.lists(st.tuples(st.floats(-5, 5), st.booleans()), min_size=1, max_size=20),
    st.floats(0.05, 20),
)
def test_which_clip_stands_first_and_temperature_change_no_accuracy(pairs, temperature):
    d, won = np.array([p[0] for p in pairs]), np.array([float(p[1]) for p in pairs])
    found = measured(d, won, np.arange(len(d)), temperature, seed=0)
    turned = measured(-d, 1 - won, np.arange(len(d)), temperature, seed=0)
    for name in ("ece", "brier", "log_loss"):
        assert found[name]["value"] == pytest.approx(turned[name]["value"])

    def right(row):
        return sum(b["accuracy"] * b["n_pairs"] for b in row["bins"])

    assert right(found) == pytest.approx(right(measured(d, won, np.arange(len(d)), 1.0, seed=0)))


def test_the_temperature_is_recovered_and_lowers_the_loss():
    # 3 of 4 are right at |d| = 2 log 3: the best T makes sigmoid(2 log 3 / T) three quarters, T = 2
    d, won = np.array([2 * LOG3] * 4), np.array([1, 1, 1, 0.0])
    assert fit_temperature(d, won) == pytest.approx(2)
    rng = np.random.default_rng(0)
    true = rng.normal(size=20_000) * 2
    won = (rng.random(20_000) < expit(true)).astype(float)
    assert fit_temperature(3 * true, won) == pytest.approx(3, rel=0.05)


def test_rewards_that_know_nothing_or_never_err_stop_at_a_bound():
    assert fit_temperature([1, 2, -3], [1, 1, 0]) == COLDEST
    assert fit_temperature([1, 2, -3], [0, 0, 1]) == WARMEST
    assert fit_temperature([0, 0], [1, 0]) == WARMEST
    assert fit_temperature([], []) is None


def test_rao_kupper_shares_sum_to_one():
    d, c = np.linspace(-4, 4, 9), 0.8
    whole = expit(d - c) + expit(-d - c) + tie_probability(d, c)
    assert whole == pytest.approx(np.ones(9))
    # k = 3, d = 0: (9 - 1) / 4 / 4
    assert tie_probability(0.0, LOG3) == pytest.approx(0.5)
    assert tie_probability([1.0, -2.0], 0.0) == pytest.approx([0, 0])


def test_rows_before_and_after_and_the_tie_share():
    validation = board([1, 1, 1, -1], [2 * LOG3] * 4, "validation")
    test = board([1, -1, 0, 0], [2 * LOG3, 2 * LOG3, 0.0, 0.0])
    (row,) = calibration_rows(test, validation, ("videorm",), {"videorm": {"d": LOG3}}, 0)
    assert row["temperature"] == pytest.approx(2)
    assert (row["n_pairs"], row["n_prompts"]) == (2, 2)  # ties are dropped
    # before: 9/10 sure, half right; after: 3/4 sure, half right
    assert row["before"]["ece"]["value"] == pytest.approx(0.4)
    assert row["after"]["ece"]["value"] == pytest.approx(0.25)
    ties = {t["distance"]: t for t in row["ties"]}
    assert ties["0..0"]["observed"] == 1
    assert ties["0..0"]["predicted"] == pytest.approx(0.5)
    assert ties["2.19722458..2.19722458"]["observed"] == 0


def test_without_validation_there_is_nothing_after():
    test = board([1, -1], [1.0, 1.0])
    (row,) = calibration_rows(test, None, ("videorm",), {}, 0)
    assert row["temperature"] is None
    assert "after" not in row
    assert row["ties"] == []
