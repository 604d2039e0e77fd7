"""Raters one by one and on pairs of clips: by hand and degenerate."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audit.statistics import raters as ra
from pipeline.audit.statistics.agreement import ratio

NAN = np.nan


def statistics(human):
    """Mean, deviation and offset of each rater, (R, 3)."""
    human = np.asarray(human, dtype=float)
    sums = ra.rater_table(human).sum(axis=0, keepdims=True)
    return ra.rater_statistics(sums, ra.starts(human))[0].reshape(-1, 3)


def pair_shares(human):
    """Three-way agreement, strict agreement, coverage."""
    sums = ra.rater_pair_table(np.asarray(human, dtype=float)).sum(axis=0, keepdims=True)
    columns = ((ra.SAME, ra.SAID), (ra.SAME_DECIDED, ra.DECIDED), (ra.DECIDED, ra.SAID))
    return [float(ratio(*two)(sums)[0]) for two in columns]


def test_mean_deviation_and_offset_by_hand():
    # Clips (1,2,3) (2,4,-) (-,5,-). Rater 0: mean 1.5, deviation sqrt(1/2); others 2.5 and 4: offset
    # -(1.5 + 2)/2. Rater 1: mean 11/3; others 2 and 2, nobody on the third clip: offset (0 + 2)/2.
    # Rater 2: one score, so no deviation; others 1.5: offset 1.5.
    found = statistics([[1, 2, 3], [2, 4, NAN], [NAN, 5, NAN]])
    assert found[0].tolist() == pytest.approx([1.5, np.sqrt(0.5), -1.75])
    assert found[1].tolist() == pytest.approx([11 / 3, np.std([2, 4, 5], ddof=1), 1])
    assert found[2].tolist() == pytest.approx([3, NAN, 1.5], nan_ok=True)


def test_one_rater_has_no_offset_and_one_without_a_clip_has_nothing():
    found = statistics([[4, NAN], [5, NAN]])
    assert found[0].tolist() == pytest.approx([4.5, np.sqrt(0.5), NAN], nan_ok=True)
    assert np.isnan(found[1]).all()
    assert np.isnan(statistics(np.empty((0, 2)))).all()


def test_a_constant_rater_deviates_by_nothing():
    assert statistics([[0.1, 1], [0.1, 2], [0.1, 3]])[0].tolist() == pytest.approx([0.1, 0, -1.9])


@given(st.integers(0, 500), st.floats(-3, 3))
def test_a_shift_of_one_rater_shows_in_his_offset_and_the_others(seed, shift):
    human = np.random.default_rng(seed).integers(1, 6, (10, 3)).astype(float)
    before, after = statistics(human), statistics(human + np.array([shift, 0, 0]))
    assert after[0, 2] == pytest.approx(before[0, 2] + shift, abs=1e-9)
    assert after[1, 2] == pytest.approx(before[1, 2] - shift / 2, abs=1e-9)  # one of two others
    assert after[:, 1] == pytest.approx(before[:, 1], abs=1e-7)


def test_pairs_of_raters_by_hand():
    # Pair 1: better, better, worse: three couples, one the same, all decided.
    # Pair 2: tie, tie, better: one the same of three; none of them both decided.
    # Pair 3: worse, worse, silent: one couple, the same.
    # Three-way 3/7; strict 2/4; coverage 4/7.
    human = [[1, 0.5, -2], [0, 0, 3], [-1, -2, NAN]]
    assert pair_shares(human) == pytest.approx([3 / 7, 2 / 4, 4 / 7])


def test_rounding_error_is_a_tie():
    assert pair_shares([[0.1 + 0.2 - 0.3, 0.0]]) == pytest.approx([1, NAN, 0], nan_ok=True)


@pytest.mark.parametrize("human", [[[1], [-1]], [[1, NAN], [NAN, 1]], np.empty((0, 2))])
def test_without_two_raters_on_a_pair_nothing_is_defined(human):
    assert np.isnan(pair_shares(human)).all()


@given(st.integers(0, 500))
def test_swapping_the_clips_of_pairs_and_the_raters_changes_nothing(seed):
    generator = np.random.default_rng(seed)
    human = generator.integers(-1, 2, (12, 4)).astype(float)
    human[generator.random(human.shape) < 0.2] = NAN
    swapped = (human * generator.choice([-1, 1], (12, 1)))[:, generator.permutation(4)]
    assert pair_shares(human) == pytest.approx(pair_shares(swapped), nan_ok=True)
    by_couple = []
    for m in human:
        said = m[~np.isnan(m)]
        by_couple += [said[i] == said[j] for i in range(len(said)) for j in range(i)]
    assert pair_shares(human)[0] == pytest.approx(np.mean(by_couple))


def test_tie_shares_by_hand():
    # Rater 0 ties one of two, rater 1 none of three, rater 2 never spoke.
    human = np.array([[0, 1, NAN], [2, -1, NAN], [NAN, 3, NAN]])
    shares = ra.tie_shares(ra.tie_table(human).sum(axis=0, keepdims=True))
    assert shares[0].tolist() == pytest.approx([0.5, 0, NAN], nan_ok=True)
