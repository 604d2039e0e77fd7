"""Intervals by resampling prompts: what is drawn, what comes out, and how often it covers."""

import doctest

import numpy as np
import pytest
from scipy import sparse

from pipeline.audit.statistics import bootstrap
from pipeline.audit.statistics.bootstrap import (
    Interval,
    cluster_bootstrap,
    draws,
    weighted_bootstrap,
    weighted_bootstraps,
)


def mean(sums):
    return sums[:, 0] / sums[:, 1]


def test_the_docstring_example_runs():
    assert doctest.testmod(bootstrap).failed == 0
    assert doctest.testmod(bootstrap).attempted > 0


def test_every_draw_takes_as_many_prompts_as_there_are():
    counts = np.concatenate(list(draws(7, 300, 0)))
    assert counts.shape == (300, 7)
    assert (counts.sum(axis=1) == 7).all()
    # each prompt is drawn once on average: 300 draws, standard error sqrt(6/7/300) = 0.053
    assert np.abs(counts.mean(axis=0) - 1).max() < 5 * 0.053


def test_draws_in_blocks_cover_all_resamples(monkeypatch):
    monkeypatch.setattr(bootstrap, "_CELLS", 50)
    blocks = list(draws(10, 23, 0))
    assert [len(block) for block in blocks] == [5, 5, 5, 5, 3]


def test_two_prompts_give_the_interval_of_their_four_draws():
    # Shares 0/1 and 1/1; draws {0,0}, {0,1}, {1,0}, {1,1} give 0, 1/2, 1/2, 1. Each end has
    # probability 1/4, so the 2.5 % and 97.5 % points are 0 and 1, those of a 40 % interval 1/2.
    table = np.array([[0.0, 1.0], [1.0, 1.0]])
    wide = cluster_bootstrap(table, mean)
    assert (wide.value, wide.low, wide.high) == (0.5, 0.0, 1.0)
    narrow = cluster_bootstrap(table, mean, level=0.4)
    assert (narrow.low, narrow.high) == (0.5, 0.5)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    table = np.column_stack([np.arange(30.0), np.ones(30)])
    assert cluster_bootstrap(table, mean, seed=1) == cluster_bootstrap(table, mean, seed=1)
    assert cluster_bootstrap(table, mean, seed=1) != cluster_bootstrap(table, mean, seed=2)


def test_more_columns_leave_the_draws_alone():
    """A paired difference needs this: both halves of the columns meet the same draws."""
    table = np.random.default_rng(0).random((20, 2))
    alone = cluster_bootstrap(table, mean)
    beside = cluster_bootstrap(np.hstack([table, table]), lambda t: mean(t[:, 2:]))
    assert (alone.value, alone.low, alone.high) == pytest.approx(
        (beside.value, beside.low, beside.high), rel=1e-12
    )
    zero = cluster_bootstrap(np.hstack([table, table]), lambda t: mean(t[:, :2]) - mean(t[:, 2:]))
    assert (zero.value, zero.low, zero.high) == pytest.approx((0, 0, 0), abs=1e-12)


def test_weights_and_sums_agree():
    table = np.random.default_rng(1).random((15, 2))
    by_sums = cluster_bootstrap(table, mean)
    by_counts = weighted_bootstrap(15, lambda counts: mean(counts @ table))
    assert by_sums == by_counts


@pytest.mark.parametrize("table", [np.zeros((0, 2)), np.zeros((5, 2))])
def test_an_undefined_statistic_is_none(table):
    interval = cluster_bootstrap(table, mean)
    assert (interval.value, interval.low, interval.high) == (None, None, None)


def test_one_prompt_has_a_value_and_no_interval():
    interval = cluster_bootstrap([[3.0, 4.0]], mean)
    assert (interval.value, interval.low, interval.high) == (0.75, None, None)


def test_resamples_without_a_value_are_left_out_unless_they_are_most():
    # Defined only if prompt 0 is drawn: of 10 prompts, probability 1 - 0.9^10 = 0.65.
    some = np.zeros((10, 2))
    some[0] = [1.0, 1.0]
    interval = cluster_bootstrap(some, mean)
    assert (interval.value, interval.low, interval.high) == (1.0, 1.0, 1.0)
    # Defined only where every one of 10 prompts is drawn: 10!/10^10 = 0.0004, so no interval.
    rare = weighted_bootstrap(10, lambda counts: np.where((counts > 0).all(axis=1), 1.0, np.nan))
    assert (rare.value, rare.low, rare.high) == (1.0, None, None)


def test_a_flat_list_is_refused():
    with pytest.raises(ValueError, match=r"expected \(prompts, columns\)"):
        cluster_bootstrap([1.0, 2.0], mean)


def test_prompts_cover_the_truth_and_pairs_taken_singly_do_not():
    """Simulated truth: six pairs of a prompt are right together more often than apart.

    Accuracy per prompt is Beta(2, 2) (mean 1/2, variance 1/20). The mean of 6 pairs has variance
    1/20 + (1/4 - 1/20)/6 = 1/12 over prompts; six independent pairs would have 1/24. So intervals
    that ignore prompts are sqrt(2) too short: they cover about 2 Phi(1.96 / sqrt(2)) - 1 = 83 %.
    """
    generator = np.random.default_rng(2)
    clustered = naive = 0
    runs, prompts = 300, 60
    for run in range(runs):
        right = generator.binomial(6, generator.beta(2, 2, prompts)).astype(float)
        table = np.column_stack([right, np.full(prompts, 6.0)])
        interval = cluster_bootstrap(table, mean, resamples=400, seed=run)
        clustered += interval.low <= 0.5 <= interval.high
        pairs = (np.arange(6) < right[:, None]).ravel().astype(float)
        singly = np.column_stack([pairs, np.ones(6 * prompts)])
        interval = cluster_bootstrap(singly, mean, resamples=400, seed=run)
        naive += interval.low <= 0.5 <= interval.high
    # standard error of a share near 0.95 in 300 runs: 0.0126
    assert clustered / runs > 0.95 - 4 * 0.0126
    assert naive / runs < 0.90


def test_several_statistics_together_are_each_alone():
    table = np.random.default_rng(3).random((25, 2))

    def both(counts):
        sums = counts @ table
        return np.stack([mean(sums), np.where(sums[:, 0] > 1e9, 1.0, np.nan), sums[:, 0]], axis=1)

    found = weighted_bootstraps(25, both, 3)
    assert found[0] == cluster_bootstrap(table, mean)
    assert found[1] == Interval(value=None, low=None, high=None)
    assert found[2] == cluster_bootstrap(table, lambda sums: sums[:, 0])
    none = weighted_bootstraps(25, lambda counts: np.full(len(counts), np.nan), 2)
    assert none == [Interval(value=None, low=None, high=None)] * 2


def test_draws_are_the_same_kept_or_not(monkeypatch):
    kept = np.concatenate(list(draws(30, 50, seed=7)))
    assert (kept.sum(axis=1) == 30).all()
    assert kept.dtype == np.float64  # sums of small whole numbers would overflow
    monkeypatch.setattr(bootstrap, "_KEPT", 0)
    assert (np.concatenate(list(draws(30, 50, seed=7))) == kept).all()


def test_a_wide_table_of_zeros_is_packed_and_gives_the_same(monkeypatch):
    table = np.zeros((20, 40))
    table[np.arange(20), np.arange(20)] = np.arange(1.0, 21.0)
    table[:, 39] = 1

    def share(sums):
        return sums[:, :39].sum(axis=1) / sums[:, 39]

    full = cluster_bootstrap(table, share)
    assert cluster_bootstrap(sparse.csr_array(table), share) == full
    monkeypatch.setattr(bootstrap, "_WIDE", 10)
    assert cluster_bootstrap(table, share) == full
