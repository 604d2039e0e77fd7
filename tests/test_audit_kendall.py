"""Pooled rank correlations of many clips: exact values, and intervals beside the exact ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pipeline.audit.statistics import correlation
from pipeline.audit.statistics import kendall as exact
from pipeline.audit.statistics.bootstrap import weighted_bootstrap, weighted_bootstraps
from pipeline.audit.statistics.kendall_large import (
    clip_concordance,
    projected_kendall,
    smaller_among_first,
    ties,
)

CODES = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 30)), min_size=1, max_size=40)


def clustered(seed, n_prompts=250, per_prompt=4, coarse=True):
    """Scores of a judge and of people that share a part which the prompt has, too."""
    generator = np.random.default_rng(seed)
    prompts = np.repeat(np.arange(n_prompts), per_prompt)
    quality = generator.normal(size=n_prompts)[prompts] + generator.normal(size=len(prompts))
    x, y = quality + generator.normal(size=(2, len(prompts)))
    if coarse:
        x, y = np.clip(np.round(x + 3), 1, 5), np.round(3 * y) / 3
    return x, y, prompts, n_prompts


def codes(values):
    return np.unique(values, return_inverse=True)[1]


@given(CODES)
def test_concordance_of_each_clip_is_that_of_all_pairs(pairs):
    x, y = (codes(np.array(v)) for v in zip(*pairs))
    by_pairs = np.sign(x[:, None] - x) * np.sign(y[:, None] - y)
    assert clip_concordance(x, y).tolist() == by_pairs.sum(axis=1).tolist()


@given(CODES)
def test_smaller_among_the_first_is_counted(queries):
    values = np.array([value for value, _ in queries])
    first = np.array([limit % (len(values) + 1) for _, limit in queries])
    limits = np.array([limit % (values.max() + 2) for _, limit in queries])
    counted = [(values[:f] < limit).sum() for f, limit in zip(first, limits)]
    assert smaller_among_first(values, first, limits).tolist() == counted


def test_ties_by_hand():
    # Scores 5, 5, 7 | 5, 9 of prompts 0 | 1: 5 is shared by 2 and 1 clips, 7 and 9 are alone. Drawn
    # twice and not at all: 5 four times, 7 twice: 16 + 4 ordered ties with selves, two levels.
    found = ties(np.array([0, 0, 1, 0, 2]), np.array([0, 0, 0, 1, 1]), 2)
    assert found.tied(np.array([[1.0, 1.0], [2.0, 0.0]])).tolist() == [9 + 1 + 1, 16 + 4]
    assert found.distinct(np.array([[1.0, 1.0], [2.0, 0.0]])).tolist() == [3, 2]


@pytest.mark.parametrize("coarse", [True, False])
def test_values_are_exact_at_any_size(coarse):
    x, y, prompts, n = clustered(0, coarse=coarse)
    b, c = projected_kendall(x, y, prompts, n).taus(np.ones((1, n)))[0]
    assert b == pytest.approx(stats.kendalltau(x, y, variant="b")[0], abs=1e-12)
    assert c == pytest.approx(stats.kendalltau(x, y, variant="c")[0], abs=1e-12)


@pytest.mark.parametrize("coarse", [True, False])
def test_projected_intervals_are_nearly_the_exact_ones(coarse):
    x, y, prompts, n = clustered(1, coarse=coarse)
    whole = exact.pooled_kendall(x, y, prompts, n).taus
    near = projected_kendall(x, y, prompts, n).taus
    for one, other in zip(weighted_bootstraps(n, whole, 2), weighted_bootstraps(n, near, 2)):
        width = one.high - one.low
        assert other.value == pytest.approx(one.value, abs=1e-12)
        assert other.low == pytest.approx(one.low, abs=0.08 * width)
        assert other.high == pytest.approx(one.high, abs=0.08 * width)


def test_an_interval_that_ignored_prompts_would_be_much_narrower():
    """What the projection must not lose: clips of a prompt move together."""
    x, y, prompts, n = clustered(2, n_prompts=60, per_prompt=40)
    singly = np.arange(len(x))
    by_prompt, by_clip = (
        weighted_bootstraps(size, projected_kendall(x, y, number, size).taus, 2)[0]
        for number, size in ((prompts, n), (singly, len(x)))
    )
    assert by_prompt.high - by_prompt.low > 1.3 * (by_clip.high - by_clip.low)


@pytest.mark.parametrize("limit", ["MAX_PROMPTS", "MAX_CLIPS"])
def test_above_the_limits_there_is_an_interval_all_the_same(monkeypatch, limit):
    x, y, prompts, n = clustered(3, n_prompts=60)
    few = weighted_bootstraps(n, exact.kendall(x, y, prompts, n), 2)
    monkeypatch.setattr(exact, limit, 10)
    many = weighted_bootstraps(n, exact.kendall(x, y, prompts, n), 2)
    assert [i.value for i in many] == pytest.approx([i.value for i in few], abs=1e-12)
    for one, other in zip(few, many):
        assert other.low != one.low  # it did take the other way
        assert other.low == pytest.approx(one.low, abs=0.03)
        assert other.high == pytest.approx(one.high, abs=0.03)


def test_the_same_order_is_one_in_every_resample():
    x = np.arange(40.0)
    found = weighted_bootstraps(
        10, projected_kendall(x, x, np.repeat(np.arange(10), 4), 10).taus, 2
    )
    assert (found[0].value, found[0].low, found[0].high) == pytest.approx((1, 1, 1))


@pytest.mark.parametrize("n", [1, 2, 6])
def test_a_constant_has_no_tau(n):
    taus = projected_kendall(np.full(n, 0.1), np.arange(float(n)), np.arange(n), n).taus
    assert np.isnan(taus(np.ones((1, n)))).all()


def test_a_prompt_without_a_clip_is_refused():
    with pytest.raises(ValueError, match="1 of 3 prompts have no clip"):
        projected_kendall(np.ones(2), np.ones(2), np.array([0, 2]), 3)


@pytest.mark.parametrize("coarse", [True, False])
def test_spearman_of_many_cells_is_exact_in_value_and_near_in_interval(monkeypatch, coarse):
    x, y, prompts, n = clustered(4, coarse=coarse)
    whole = weighted_bootstrap(n, correlation.spearman(x, y, prompts, n))
    monkeypatch.setattr(correlation, "MAX_CELLS", 0)
    near = weighted_bootstrap(n, correlation.spearman(x, y, prompts, n))
    width = whole.high - whole.low
    assert near.value == pytest.approx(stats.spearmanr(x, y)[0], abs=1e-12)
    assert near.low != whole.low
    assert near.low == pytest.approx(whole.low, abs=0.08 * width)
    assert near.high == pytest.approx(whole.high, abs=0.08 * width)


@pytest.mark.parametrize("cells", [0, 100])
def test_spearman_of_a_constant_is_undefined(monkeypatch, cells):
    monkeypatch.setattr(correlation, "MAX_CELLS", cells)
    rho = correlation.spearman(np.full(4, 0.1), np.arange(4.0), np.arange(4), 4)
    assert np.isnan(rho(np.ones((1, 4)))).all()


def test_projections_cover_the_truth():
    """Simulated truth: normal scores with correlation 2/3, where tau = 2/pi asin(2/3)."""
    truth, hits, runs = 2 / np.pi * np.arcsin(2 / 3), 0, 150
    for run in range(runs):
        x, y, prompts, n = clustered(100 + run, n_prompts=80, coarse=False)
        taus = projected_kendall(x, y, prompts, n).taus
        found = weighted_bootstraps(n, taus, 2, resamples=400, seed=run)[0]
        hits += found.low <= truth <= found.high
    assert hits / runs > 0.95 - 4 * 0.0178  # standard error of a share near 0.95 in 150 runs
