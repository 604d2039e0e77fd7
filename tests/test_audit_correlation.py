"""Correlations pooled and within prompts, against scipy and by hand; resamples against copies."""

import numpy as np
import pytest
from scipy import stats

from pipeline.audit.statistics.agreement import ratio
from pipeline.audit.statistics.correlation import (
    kendall_tau_b_within,
    mean_defined,
    pearson,
    pearson_table,
    spearman,
    spearman_within,
)
from pipeline.audit.statistics.kendall import pooled_kendall
from pipeline.audit.statistics.pairs import within_prompt_pairs

N_PROMPTS = 8


def data(seed, n=40, levels=5):
    generator = np.random.default_rng(seed)
    prompts = np.concatenate([np.arange(N_PROMPTS), generator.integers(N_PROMPTS, size=n - 8)])
    x = generator.integers(levels, size=n) / 4
    y = (x + generator.normal(0, 1, n)).round(1)  # so that equal scores are equal in every bit
    return x, y, prompts


def pooled(x, y, prompts):
    """Each pooled statistic as a function of prompt counts (B, P)."""
    table, kendall = (
        pearson_table(x, y, prompts, N_PROMPTS),
        pooled_kendall(x, y, prompts, N_PROMPTS),
    )
    return {
        "pearson": lambda counts: pearson(counts @ table),
        "spearman": spearman(x, y, prompts, N_PROMPTS),
        "tau_b": kendall.tau_b,
        "tau_c": kendall.tau_c,
    }


ORACLES = {
    "pearson": lambda x, y: stats.pearsonr(x, y)[0],
    "spearman": lambda x, y: stats.spearmanr(x, y)[0],
    "tau_b": lambda x, y: stats.kendalltau(x, y, variant="b")[0],
    "tau_c": lambda x, y: stats.kendalltau(x, y, variant="c")[0],
}


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_pooled_is_that_of_scipy(name, seed):
    x, y, prompts = data(seed)
    value = pooled(x, y, prompts)[name](np.ones((1, N_PROMPTS)))[0]
    assert value == pytest.approx(ORACLES[name](x, y), abs=1e-12)


@pytest.mark.parametrize("name", ORACLES)
def test_a_resample_is_the_statistic_of_the_copied_clips(name):
    x, y, prompts = data(3)
    counts = np.random.default_rng(4).multinomial(N_PROMPTS, [1 / N_PROMPTS] * N_PROMPTS, size=6)
    values = pooled(x, y, prompts)[name](counts.astype(float))
    for drawn, value in zip(counts, values):
        copies = np.repeat(np.arange(len(x)), drawn[prompts])
        assert value == pytest.approx(ORACLES[name](x[copies], y[copies]), abs=1e-12)


@pytest.mark.parametrize("name", ORACLES)
def test_a_constant_is_undefined(name):
    prompts = np.arange(N_PROMPTS)
    y = np.linspace(0, 1, N_PROMPTS)
    with np.errstate(all="ignore"):
        value = pooled(np.full(N_PROMPTS, 0.1), y, prompts)[name](np.ones((1, N_PROMPTS)))
    assert np.isnan(value[0])


def test_differences_below_the_rounding_are_ties():
    x = np.array([0.1 + 0.2, 0.3, 0.7, 0.7])  # 0.30000000000000004 and 0.3
    prompts = np.array([0, 0, 0, 0])
    y = np.array([1.0, 2.0, 3.0, 4.0])
    tau = pooled_kendall(x, y, prompts, 1).tau_b(np.ones((1, 1)))[0]
    assert tau == pytest.approx(stats.kendalltau([1, 1, 2, 2], y)[0], abs=1e-12)
    assert spearman_within(x, y, prompts, 1)[0] == pytest.approx(
        stats.spearmanr([1, 1, 2, 2], y)[0], abs=1e-12
    )


def test_a_prompt_without_a_clip_is_refused():
    with pytest.raises(ValueError, match="1 of 3 prompts have no clip"):
        pooled_kendall(np.ones(2), np.ones(2), np.array([0, 2]), 3)


def test_blocks_change_nothing(monkeypatch):
    x, y, prompts = data(5)
    whole = pooled_kendall(x, y, prompts, N_PROMPTS).score
    monkeypatch.setattr("pipeline.audit.statistics.kendall._BLOCK", 300)
    assert (pooled_kendall(x, y, prompts, N_PROMPTS).score == whole).all()


def test_within_prompt_is_scipy_on_each_prompt():
    x, y, prompts = data(6)
    first, second = within_prompt_pairs(prompts)
    rho = spearman_within(x, y, prompts, N_PROMPTS)
    tau = kendall_tau_b_within(
        x[first] - x[second], y[first] - y[second], prompts[first], N_PROMPTS
    )
    for p in range(N_PROMPTS):
        own = prompts == p
        if own.sum() > 1 and len(set(x[own])) > 1:
            assert rho[p] == pytest.approx(stats.spearmanr(x[own], y[own])[0], abs=1e-12)
            assert tau[p] == pytest.approx(stats.kendalltau(x[own], y[own])[0], abs=1e-12)
        else:
            assert np.isnan(rho[p])
            assert np.isnan(tau[p])
    assert np.isfinite(rho).sum() >= 4


def test_the_mean_over_prompts_leaves_undefined_ones_out():
    # Prompt 0: opposite order, rho -1. Prompt 1: same order, rho 1; prompt 2: x all tied;
    # prompt 3: the same order again. Mean of -1, 1, 1.
    x = np.array([1, 2, 1, 2, 3, 3, 1.0, 5.0])
    y = np.array([2, 1, 4, 5, 1, 2, 7.0, 9.0])
    rho = spearman_within(x, y, np.array([0, 0, 1, 1, 2, 2, 3, 3]), 4)
    assert rho[[0, 1, 3]].tolist() == pytest.approx([-1, 1, 1])
    assert np.isnan(rho[2])
    table = mean_defined(rho)
    assert table[:, 1].tolist() == [1, 1, 0, 1]
    assert ratio(0, 1)(table.sum(axis=0, keepdims=True))[0] == pytest.approx(1 / 3)


def test_pooled_and_within_can_contradict_each_other():
    """Easy prompts get high scores from both, but within each the order is the wrong one."""
    x = np.array([1, 2, 11, 12, 21, 22.0])
    y = np.array([2, 1, 12, 11, 22, 21.0])
    prompts = np.array([0, 0, 1, 1, 2, 2])
    assert spearman(x, y, prompts, 3)(np.ones((1, 3)))[0] > 0.8
    assert spearman_within(x, y, prompts, 3).tolist() == pytest.approx([-1, -1, -1])
