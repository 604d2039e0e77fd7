"""Draws of prompts as counts, and sums over clips by patterns of scores: fast, and the same."""

import functools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from pipeline.audit.statistics import bootstrap, patterns
from pipeline.audit.statistics import multinomial as sampler
from pipeline.audit.statistics.agreement import sum_by_prompt, value_counts
from pipeline.audit.statistics.alpha import coincidences
from pipeline.audit.statistics.kappa import kappa_table
from pipeline.audit.statistics.multinomial import multinomial

LEVELS = np.arange(1.0, 6)


@pytest.mark.parametrize("n", [1, 2, 37, sampler.FEW, sampler.FEW + 1, 1003])
def test_every_row_has_as_many_draws_as_prompts(n):
    counts = multinomial(np.random.default_rng(0), n, 50)
    assert counts.shape == (50, n)
    assert (counts.sum(axis=1) == n).all()
    again = multinomial(np.random.default_rng(0), n, 50)
    assert (counts == again).all()


@pytest.mark.parametrize("n", [50, sampler.FEW + 1, 2000])
def test_counts_are_binomial(n):
    # Each count of a multinomial row is Binomial(n, 1 / n). Rows differ, so 400,000 cells are tested
    # as if independent: that they are slightly negatively correlated makes the statistic smaller.
    counts = multinomial(np.random.default_rng(1), n, 400_000 // n)
    seen = np.bincount(counts.ravel().astype(int), minlength=9)
    expected = stats.binom.pmf(np.arange(8), n, 1 / n) * counts.size
    tail = counts.size - expected[:6].sum()
    observed = np.append(seen[:6], seen[6:].sum())
    assert stats.chisquare(observed, np.append(expected[:6], tail)).pvalue > 0.001


def test_two_prompts_compete():
    # Var = (1 - 1/n), Cov = -1/n: the variance of the sum of m counts is m (1 - m / n).
    n, m = 500, 250
    counts = multinomial(np.random.default_rng(2), n, 20_000).astype(float)
    half = counts[:, :m].sum(axis=1)
    assert half.mean() == pytest.approx(m, abs=4 * math.sqrt(m * (1 - m / n) / 20_000))
    assert half.var() == pytest.approx(m * (1 - m / n), rel=0.05)  # standard error 0.01


def test_every_prompt_is_as_likely():
    counts = multinomial(np.random.default_rng(3), 450, 4000).sum(axis=0)
    assert stats.chisquare(counts).pvalue > 0.001


def test_lookup_is_exact():
    # The whole words and the remainders come to the Poisson distribution to the last digit.
    ends, remainders = sampler._words(0.9)
    whole = np.zeros(len(remainders))
    whole[: len(ends)] = np.diff(ends, prepend=0)
    chance = (whole + (65536 - ends[-1]) * remainders) / 65536
    expected = stats.poisson.pmf(np.arange(len(remainders)), 0.9)
    assert chance == pytest.approx(expected, rel=1e-9, abs=1e-17)
    assert 65536 - ends[-1] < 20


def test_a_row_with_too_many_is_made_anew(monkeypatch):
    monkeypatch.setattr(sampler, "_SPREADS", 0.0)  # half of the rows are above
    counts = multinomial(np.random.default_rng(4), 500, 400)
    assert (counts.sum(axis=1) == 500).all()
    # n Var of a row's mean square: sum of (count - 1)^2 has mean n - 1
    assert ((counts.astype(float) - 1) ** 2).sum(axis=1).mean() == pytest.approx(499, rel=0.02)


TABLES = {
    "coincidences": lambda rows: coincidences(value_counts(rows, LEVELS)),
    "kappa": lambda rows: kappa_table(rows[:, 0], rows[:, 1], LEVELS),
}
SCORES = st.sampled_from([1.0, 2.0, 3.0, 5.0, 7.5, np.nan])  # 4 is not used, 7.5 not on the scale


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize(("n_prompts", "most"), [(1, 4096), (40, 4096), (3, 10)])
@settings(max_examples=20, deadline=None)
@given(ratings=arrays.arrays(float, (300, 2), elements=SCORES, fill=SCORES), seed=st.integers(0, 9))
def test_patterns_come_to_the_same_sums(name, n_prompts, most, ratings, seed):
    prompts = np.random.default_rng(seed).integers(n_prompts, size=300)
    expected = sum_by_prompt(TABLES[name](ratings), prompts, n_prompts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patterns, "MAX_PATTERNS", most)
        arguments = (TABLES[name], ratings, LEVELS, prompts, n_prompts)
        assert patterns.sum_of_patterns(*arguments) == pytest.approx(expected, abs=1e-9)


def test_patterns_are_made_once():
    rows = []

    def table_of(ratings):
        rows.append(len(ratings))
        return ratings

    ratings = np.ones((500, 2))
    sum_of = functools.partial(patterns.sum_of_patterns, table_of, levels=LEVELS)
    sum_of(ratings, prompts=np.zeros(500, int), n_prompts=1)
    sum_of(ratings[:30], prompts=np.zeros(30, int), n_prompts=1)
    assert rows == [36, 30]  # (5 + 1)^2 patterns; fewer clips than that are taken as they are


@pytest.mark.parametrize(("cells", "single"), [(0.5, True), (1 / 3, False), (2.0**20 + 0.5, False)])
def test_sums_are_the_same_in_single_precision_or_are_not_taken_so(cells, single):
    table = np.random.default_rng(0).integers(-20, 20, (600, 7)) * cells
    assert bootstrap._exact_in_single(table) == single
    sums = []
    n, of_counts = bootstrap.sums_of_counts(table, lambda t: sums.append(t) or t[:, 0])
    counts = multinomial(np.random.default_rng(1), n, 50).astype(float)
    of_counts(counts)
    if single:
        assert (np.concatenate(sums) == counts @ table).all()
    assert np.concatenate(sums) == pytest.approx(counts @ table, rel=1e-12)
