"""Agreement statistics: hand-computed cases, degenerate ones, and other libraries as oracles."""

import evalica
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from pipeline.audit import agreement as ag

NAN = np.nan
LEVELS = np.arange(1.0, 6.0)


def total(table):
    return table.sum(axis=0, keepdims=True)


def alpha(ratings, kind="ordinal", levels=None):
    ratings = np.asarray(ratings, dtype=float)
    levels = np.unique(ratings[~np.isnan(ratings)]) if levels is None else levels
    sums = total(ag.coincidences(ag.value_counts(ratings, levels)))
    return float(ag.krippendorff_alpha(sums, levels, kind)[0])


def kappa(one, other, levels=LEVELS):
    table = ag.contingency(np.asarray(one, float), np.asarray(other, float), levels)
    return float(ag.cohen_kappa_quadratic(total(table), levels)[0])


def icc(ratings):
    return float(ag.icc_2_1(total(ag.icc_table(np.asarray(ratings, dtype=float))))[0])


def random_ratings(seed, n=60, raters=4, missing=0.2):
    generator = np.random.default_rng(seed)
    quality = generator.normal(3, 1, (n, 1))
    ratings = np.clip(np.round(quality + generator.normal(0, 0.8, (n, raters))), 1, 5)
    ratings[generator.random(ratings.shape) < missing] = NAN
    return ratings


def test_alpha_by_hand():
    # Two raters, items (1,1) (1,2) (2,2) (2,2). Coincidences: each item adds both orders, so
    # o11 = 2, o12 = o21 = 1, o22 = 4; n1 = 3, n2 = 5, n = 8. Nominal: observed 2, expected
    # 2 * 3 * 5 / 7 = 30/7, alpha = 1 - 2 * 7 / 30 = 8/15; with two levels all kinds are the same.
    ratings = [[1, 1], [1, 2], [2, 2], [2, 2]]
    for kind in ag.LEVEL_KINDS:
        assert alpha(ratings, kind) == pytest.approx(8 / 15)


def test_ordinal_distance_by_hand():
    # Items (1,1) (1,3) (2,2): n1 = 3, n2 = 2, n3 = 1, n = 6; only 1-3 disagrees, o13 = o31 = 1.
    # d(1,2) = 3/2 + 2/2 = 5/2, d(2,3) = 2/2 + 1/2 = 3/2, d(1,3) = 3/2 + 2 + 1/2 = 4.
    # Observed 2 * 16 = 32; expected 2 (3*2*25/4 + 2*1*9/4 + 3*1*16) / 5 = 2 * 90 / 5 = 36.
    # alpha = 1 - 32/36 = 1/9. Interval: 1 - 2*4 * 5 / (2 (6 + 2 + 3*4)) = 1 - 40/40 = 0.
    ratings = [[1, 1], [1, 3], [2, 2]]
    assert alpha(ratings) == pytest.approx(1 / 9)
    assert alpha(ratings, "interval") == pytest.approx(0, abs=1e-12)


def test_a_clip_with_one_rating_changes_nothing():
    ratings = [[1, 1, NAN], [1, 3, NAN], [2, 2, NAN]]
    assert alpha([*ratings, [NAN, 3, NAN]]) == pytest.approx(1 / 9)


@pytest.mark.parametrize("ratings", [[[3, 3], [3, 3]], [[1, NAN], [NAN, 5]]])
def test_alpha_without_expected_disagreement_is_undefined(ratings):
    assert np.isnan(alpha(ratings))


@pytest.mark.parametrize("kind", ag.LEVEL_KINDS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_alpha_is_that_of_evalica(kind, seed):
    ratings = random_ratings(seed)
    theirs = evalica.alpha(pd.DataFrame(ratings.T), distance=kind).alpha
    assert alpha(ratings, kind) == pytest.approx(theirs, abs=1e-12)


def test_levels_that_nobody_used_do_not_change_alpha():
    ratings = random_ratings(3)
    ratings[ratings == 1] = 2
    assert alpha(ratings) == pytest.approx(alpha(ratings, levels=np.arange(-2.0, 9.0)), abs=1e-12)


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_order_of_clips_and_raters_changes_nothing(seed):
    generator = np.random.default_rng(seed)
    ratings = random_ratings(seed, n=12)
    mixed = ratings[generator.permutation(12)][:, generator.permutation(4)]
    for kind in ag.LEVEL_KINDS:
        assert alpha(ratings, kind) == pytest.approx(alpha(mixed, kind), nan_ok=True, abs=1e-12)


def test_nominal_alpha_of_two_raters_is_nearly_scotts_pi():
    # alpha = 1 - (n - 1)/n (1 - pi) for n values: for n = 4,000 they differ by (1 - pi)/n < 3e-4.
    ratings = random_ratings(4, n=2000, raters=2, missing=0)
    observed = (ratings[:, 0] == ratings[:, 1]).mean()
    share = np.array([(ratings == level).mean() for level in LEVELS])
    pi = (observed - (share**2).sum()) / (1 - (share**2).sum())
    assert alpha(ratings, "nominal") == pytest.approx(1 - (1 - pi) * 3999 / 4000, abs=1e-12)


def test_kappa_by_hand():
    # Pairs (1,1) (1,2) (3,3): w o sums to 1. Expected: rows 1: 2/3, 3: 1/3; columns 1/3 each:
    # 2/9 (0 + 1 + 4) + 1/9 (4 + 1 + 0) = 15/9, times n = 3 is 5. kappa = 1 - 1/5.
    assert kappa([1, 1, 3], [1, 2, 3]) == pytest.approx(0.8)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_kappa_is_that_of_scikit_learn(seed):
    one, other = random_ratings(seed, raters=2, missing=0).T
    theirs = cohen_kappa_score(one, other, weights="quadratic", labels=LEVELS)
    assert kappa(one, other) == pytest.approx(theirs, abs=1e-12)


def test_an_unused_level_counts_only_in_the_middle():
    one, other = [1, 2, 4, 5, 5], [2, 2, 4, 4, 5]
    assert kappa(one, other) == pytest.approx(kappa(one, other, np.arange(0.0, 9.0)))
    ranks = {1: 1, 2: 2, 4: 3, 5: 4}  # the trap: levels renumbered because nobody used 3
    squeezed = [[ranks[v] for v in values] for values in (one, other)]
    assert abs(kappa(one, other) - kappa(*squeezed)) > 0.01


def test_kappa_leaves_missing_ratings_out():
    assert kappa([1, 1, 3, 5], [1, 2, 3, NAN]) == pytest.approx(0.8)


def test_kappa_of_constant_raters():
    assert np.isnan(kappa([3, 3], [3, 3]))  # both constant and equal: 0 / 0
    assert kappa([3, 3], [2, 4]) == 0  # one constant: exactly what chance gives
    assert np.isnan(kappa([], []))


def test_agreement_of_raters_by_hand():
    # Clip 1: ratings 1, 1, 2: pairs (1,1) (1,2) (1,2): 1 equal, 3 within one. Clip 2: 1, 5 and a
    # missing one: 1 pair, neither. Clip 3: one rating: no pair.
    ratings = np.array([[1, 1, 2], [1, 5, NAN], [NAN, 4, NAN]])
    table = ag.agreeing_pairs(ag.value_counts(ratings, LEVELS), LEVELS)
    assert table.tolist() == [[1, 3, 3], [0, 0, 1], [0, 0, 0]]
    assert ag.ratio(0, 2)(total(table))[0] == pytest.approx(1 / 4)
    assert ag.ratio(1, 2)(total(table))[0] == pytest.approx(3 / 4)


def test_agreement_with_a_judge_by_hand():
    ratings = np.array([[1, 1, 2], [1, 5, NAN]])
    table = ag.agreeing_with_judge(np.array([2.0, 5.0]), ratings)
    assert table.tolist() == [[1, 3, 3], [1, 1, 2]]


def test_icc_by_hand():
    # Shrout and Fleiss 1979, table 2: six targets, four judges; their table 4 gives ICC(2,1) = .29.
    ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    assert icc(ratings) == pytest.approx(0.29, abs=0.005)
    # A severe rater lowers absolute agreement: (1,2) (2,3) (3,4). Clip means 1.5, 2.5, 3.5: MSR 2;
    # rater means 2, 3: MSC = 1.5; no error. (2 - 0) / (2 + 0 + 2 * 1.5 / 3) = 2/3.
    assert icc([[1, 2], [2, 3], [3, 4]]) == pytest.approx(2 / 3)


def test_icc_uses_complete_rows_only():
    assert icc([[1, 2], [NAN, 5], [2, 3], [3, 4], [1, NAN]]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("ratings", [[[1, 2]], [[1], [2]], [[3, 3], [3, 3]], [[NAN, 1], [2, NAN]]])
def test_icc_undefined(ratings):
    assert np.isnan(icc(ratings))


def test_sums_by_prompt():
    table = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
    sums = ag.sum_by_prompt(table, np.array([0, 2, 0]), 3)
    assert sums.tolist() == [[4, 40], [0, 0], [2, 20]]
