"""Cohen's and Fleiss' kappa, and ICC: by hand, published tables, degenerate cases, other libraries."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import fleiss_kappa as statsmodels_fleiss

from pipeline.audit.statistics import icc as ic
from pipeline.audit.statistics import kappa as ka
from pipeline.audit.statistics.agreement import value_counts

NAN = np.nan
LEVELS = np.arange(1.0, 6.0)

# Fleiss 1971, table 1: the diagnoses that six psychiatrists gave each of 30 patients
DIAGNOSES = """
444444 222555 233335 555555 222444 113333 333355 113334 114444 555555 144444 124444 222333 144444
224445 333335 111455 111112 224444 133555 555555 244444 224555 114444 144445 222224 111155 224444
133333 555555
"""


def total(table):
    return table.sum(axis=0, keepdims=True)


def kappas(one, other, levels=LEVELS):
    table = ka.kappa_table(np.asarray(one, float), np.asarray(other, float), levels)
    return ka.cohen_kappas(total(table), levels)[0]


def quadratic(one, other, levels=LEVELS):
    return float(kappas(one, other, levels)[2])


def fleiss(ratings, levels=LEVELS):
    table = ka.fleiss_table(value_counts(np.asarray(ratings, dtype=float), levels))
    return float(ka.fleiss_kappa(total(table))[0])


def icc(ratings, form=ic.icc_2_1):
    return float(form(total(ic.icc_table(np.asarray(ratings, dtype=float))))[0])


def random_pair(seed):
    generator = np.random.default_rng(seed)
    quality = generator.normal(3, 1, (60, 1))
    return np.clip(np.round(quality + generator.normal(0, 0.8, (60, 2))), 1, 5).T


def test_cohen_kappa_by_hand():
    # Pairs (1,1) (1,2) (3,3). Expected: rows 1: 2/3, 3: 1/3; columns 1/3 each.
    # Plain: observed 1/3; expected 1 - (2/9 + 1/9) = 2/3: kappa 1/2.
    # Linear: observed 1/3; expected 2/9 (0 + 1 + 2) + 1/9 (2 + 1 + 0) = 1: kappa 2/3.
    # Quadratic: observed 1/3; expected 2/9 (0 + 1 + 4) + 1/9 (4 + 1 + 0) = 15/9: kappa 4/5.
    assert kappas([1, 1, 3], [1, 2, 3]) == pytest.approx([1 / 2, 2 / 3, 4 / 5])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_cohen_kappa_is_that_of_scikit_learn(seed):
    one, other = random_pair(seed)
    theirs = [cohen_kappa_score(one, other, labels=LEVELS, weights=w) for w in (None, "linear")]
    theirs.append(cohen_kappa_score(one, other, labels=LEVELS, weights="quadratic"))
    assert kappas(one, other) == pytest.approx(theirs, abs=1e-12)


def test_raters_in_the_other_order_or_levels_turned_round_have_the_same_kappa():
    one, other = random_pair(3)
    assert kappas(one, other) == pytest.approx(kappas(other, one), abs=1e-12)
    assert kappas(one, other) == pytest.approx(kappas(6 - one, 6 - other), abs=1e-12)


def test_an_unused_level_counts_only_in_the_middle():
    one, other = [1, 2, 4, 5, 5], [2, 2, 4, 4, 5]
    assert kappas(one, other) == pytest.approx(kappas(one, other, np.arange(0.0, 9.0)))
    ranks = {1: 1, 2: 2, 4: 3, 5: 4}  # the trap: levels renumbered because nobody used 3
    squeezed = [[ranks[v] for v in values] for values in (one, other)]
    assert abs(quadratic(one, other) - quadratic(*squeezed)) > 0.01


def test_cohen_kappa_leaves_missing_ratings_and_those_off_the_levels_out():
    assert quadratic([1, 1, 3, 5, 0], [1, 2, 3, NAN, 3]) == pytest.approx(0.8)


def test_cohen_kappa_of_constant_raters():
    assert np.isnan(kappas([3, 3], [3, 3])).all()  # both constant and equal: 0 / 0
    assert kappas([3, 3], [2, 4]).tolist() == [0, 0, 0]  # one constant: exactly what chance gives
    assert np.isnan(kappas([], [])).all()
    assert kappas([2], [4]).tolist() == [0, 0, 0]  # one clip, different: as far as chance would be


def test_unknown_weights_are_refused():
    with pytest.raises(ValueError, match="unweighted, linear, quadratic, got 'cubic'"):
        ka.disagreement(LEVELS, "cubic")


def test_fleiss_kappa_of_the_diagnoses_is_the_published_one():
    ratings = [[int(r) for r in patient] for patient in DIAGNOSES.split()]
    assert fleiss(ratings) == pytest.approx(0.430, abs=5e-4)
    theirs = statsmodels_fleiss(value_counts(np.array(ratings), LEVELS), method="fleiss")
    assert fleiss(ratings) == pytest.approx(theirs, abs=1e-12)


def test_fleiss_kappa_of_unequal_numbers_by_hand():
    # Clips (1,1,2) and (2,2): equal pairs 1/3 and 1, A = 2/3. Shares of level 1: 2/3 and 0, so 1/3;
    # E = 1/9 + 4/9 = 5/9. kappa = (2/3 - 5/9) / (4/9) = 1/4. The clip with one rating is left out.
    assert fleiss([[1, 1, 2], [2, NAN, 2], [5, NAN, NAN]]) == pytest.approx(1 / 4)


@pytest.mark.parametrize(
    "ratings", [[[3, 3], [3, 3]], [[1, NAN], [NAN, 2]], [[1], [2]], np.empty((0, 2))]
)
def test_fleiss_kappa_undefined(ratings):
    assert np.isnan(fleiss(ratings))


def test_fleiss_kappa_of_one_clip_is_no_better_than_chance():
    # (1,2): A = 0, E = 1/2: kappa -1, the lowest two raters can reach.
    assert fleiss([[1, 2]]) == pytest.approx(-1)


def test_fleiss_kappa_of_two_raters_is_scotts_pi():
    one, other = random_pair(4)
    share = np.array([((one == level).mean() + (other == level).mean()) / 2 for level in LEVELS])
    pi = ((one == other).mean() - (share**2).sum()) / (1 - (share**2).sum())
    assert fleiss(np.stack([one, other], axis=1)) == pytest.approx(pi, abs=1e-12)


# Shrout and Fleiss 1979, table 2: six targets, four judges
TARGETS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


def test_icc_by_hand_and_as_published():
    # Their table 4 gives ICC(2,1) = .29 and ICC(2,4) = .62.
    assert icc(TARGETS) == pytest.approx(0.29, abs=0.005)
    assert icc(TARGETS, ic.icc_2_k) == pytest.approx(0.62, abs=0.005)
    # A severe rater lowers absolute agreement: (1,2) (2,3) (3,4). Clip means 1.5, 2.5, 3.5: MSR 2;
    # rater means 2, 3: MSC = 1.5; no error. (2 - 0) / (2 + 0 + 2 * 1.5 / 3) = 2/3, and of the mean
    # of both 2 / (2 + 1.5 / 3) = 4/5.
    assert icc([[1, 2], [2, 3], [3, 4]]) == pytest.approx(2 / 3)
    assert icc([[1, 2], [2, 3], [3, 4]], ic.icc_2_k) == pytest.approx(4 / 5)


def test_icc_of_the_mean_follows_spearman_and_brown():
    # k r / (1 + (k - 1) r) of ICC(2,1) is ICC(2,k), for any table.
    r = icc(TARGETS)
    assert icc(TARGETS, ic.icc_2_k) == pytest.approx(4 * r / (1 + 3 * r), abs=1e-12)


def test_icc_uses_complete_rows_only():
    assert icc([[1, 2], [NAN, 5], [2, 3], [3, 4], [1, NAN]]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("form", [ic.icc_2_1, ic.icc_2_k])
@pytest.mark.parametrize(
    "ratings",
    [[[1, 2]], [[1], [2]], [[3, 3], [3, 3]], [[0.1, 0.1], [0.1, 0.1]], [[NAN, 1], [2, NAN]]],
)
def test_icc_undefined(form, ratings):
    assert np.isnan(icc(ratings, form))


def test_a_constant_rater_leaves_icc_defined():
    # (1,2) (2,2) (3,2): clip means 1.5, 2, 2.5: MSR = 2 * 0.5 / 2 = 0.5; rater means both 2: MSC 0;
    # squares 2 - 1 = 1 left for error with 2 degrees of freedom: MSE 0.5. No more than chance: 0.
    assert icc([[1, 2], [2, 2], [3, 2]]) == pytest.approx(0, abs=1e-12)
    assert icc([[1, 2], [2, 2], [3, 2]], ic.icc_2_k) == pytest.approx(0, abs=1e-9)
