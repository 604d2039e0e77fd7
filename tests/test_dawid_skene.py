"""Dawid and Skene's model on their own data, on cases by hand, and on annotators whose errors we made."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.preference.dawid_skene import ErrorRates, estimate, nearest, posterior

# Dawid and Skene 1979, table 1: fitness of 45 patients for anaesthesia, 1 to 4, by five observers, of
# whom the first read every form three times.
PATIENTS = """
111 1 1 1 1|333 4 3 3 4|112 2 1 2 2|222 3 1 2 1|222 3 2 2 2|222 3 3 2 2|122 2 1 1 1|333 3 4 3 3|
222 2 2 2 3|232 2 2 2 3|444 4 4 4 4|222 3 3 4 3|111 1 1 1 1|222 3 2 1 2|121 1 1 1 1|111 2 1 1 1|
111 1 1 1 1|111 1 1 1 1|222 2 2 2 1|222 1 3 2 2|222 2 2 2 2|222 2 2 2 1|222 3 2 2 2|221 2 2 2 2|
111 1 1 1 1|111 1 1 1 1|232 2 2 2 2|111 1 1 1 1|111 1 1 1 1|112 1 1 2 1|111 1 1 1 1|333 3 2 3 3|
111 1 1 1 1|222 2 2 2 2|222 3 2 3 2|433 4 3 4 3|221 2 2 3 2|232 3 2 3 3|333 3 4 3 2|111 1 1 1 1|
111 1 1 1 1|121 2 1 1 1|232 2 2 2 2|121 1 1 1 1|222 2 2 2 2"""


def anaesthetists():
    counts = np.zeros((45, 5, 4))
    for i, patient in enumerate(PATIENTS.replace("\n", "").split("|")):
        for j, readings in enumerate(patient.split()):
            for reading in readings:
                counts[i, j, int(reading) - 1] += 1
    return counts


def test_the_anaesthetists_of_the_paper():
    # The paper's estimates of the marginals and of the first observer's rates, to the two digits it
    # prints. It smooths nothing.
    found = estimate(anaesthetists(), smoothing=0)
    assert found.converged
    assert found.prior.round(2).tolist() == [0.40, 0.42, 0.11, 0.07]
    assert found.confusion[0].round(2).tolist() == [
        [0.89, 0.11, 0.00, 0.00],
        [0.07, 0.88, 0.05, 0.00],
        [0.00, 0.34, 0.66, 0.00],
        [0.00, 0.00, 0.56, 0.44],
    ]


def test_the_equations_of_the_paper_hold_where_it_ends():
    # equations 2.3 to 2.5 written out in loops, one label of smoothing per row
    counts = anaesthetists()
    prior, confusion, _, converged = estimate(counts, smoothing=1.0)
    assert converged
    truth = np.zeros((45, 4))
    for i in range(45):
        for t in range(4):
            truth[i, t] = prior[t]
            for j in range(5):
                for said in range(4):
                    truth[i, t] *= confusion[j, t, said] ** counts[i, j, said]
        truth[i] /= truth[i].sum()
    assert posterior(counts, prior, confusion) == pytest.approx(truth)
    for t in range(4):
        assert prior[t] == pytest.approx((truth[:, t].sum() + 0.25) / 46, abs=1e-5)
        for j in range(5):
            row = [(truth[:, t] * counts[:, j, said]).sum() + 0.25 for said in range(4)]
            assert confusion[j, t] == pytest.approx(np.asarray(row) / sum(row), abs=1e-5)


def rates(**confusion):
    return ErrorRates(levels=(1.0, 2.0), prior=(0.5, 0.5), confusion=confusion)


def test_the_expected_level_by_hand():
    a, b = ((0.8, 0.2), (0.4, 0.6)), ((0.9, 0.1), (0.3, 0.7))
    # a says 1: .5 * .8 against .5 * .4, so level 1 with 2/3: 1 * 2/3 + 2 * 1/3
    assert rates(a=a).expected({"a": 1.0}) == pytest.approx(4 / 3)
    # and b says 2: .8 * .1 against .4 * .7, so level 1 with 2/9
    assert rates(a=a, b=b).expected({"a": 1.0, "b": 2.0}) == pytest.approx(16 / 9)
    # an annotator that said nothing, or of whom nothing is known, changes nothing
    assert rates(a=a, b=b).expected({"a": 1.0, "z": 2.0}) == pytest.approx(4 / 3)
    assert rates(a=a).expected({}) == pytest.approx(1.5)  # the prior


def test_a_contrary_annotator_is_read_the_other_way_round():
    assert rates(a=((0.1, 0.9), (0.9, 0.1))).expected({"a": 1.0}) == pytest.approx(1.9)


def test_means_go_to_the_nearest_level_and_to_the_lower_of_two():
    levels = (1.0, 2.0, 3.0, 5.0)
    assert nearest([0.2, 1.4, 1.5, 1.6, 4.0, 4.1, 9.0], levels).tolist() == [0, 0, 0, 1, 2, 3, 3]
    assert nearest(1.1 + 0.4, levels) == 0  # 1.5 and the noise of adding


def simulated(n_clips, confusion, prior, seed=0):
    random = np.random.default_rng(seed)
    truth = random.choice(len(prior), size=n_clips, p=prior)
    counts = np.zeros((n_clips, len(confusion), len(prior)))
    for i, level in enumerate(truth):
        for j, table in enumerate(confusion):
            counts[i, j, random.choice(len(prior), p=table[level])] = 1
    return truth, counts


def test_errors_that_we_made_are_found_again():
    # one good, one that says a level too many, one noisy, one that uses the middle alone
    good = np.full((4, 4), 0.05) + 0.8 * np.eye(4)
    above = np.full((4, 4), 0.05) + 0.8 * np.eye(4)[[1, 2, 3, 3]]
    noisy = np.full((4, 4), 0.15) + 0.4 * np.eye(4)
    middle = np.tile([0.04, 0.46, 0.46, 0.04], (4, 1))
    made, prior = [good, above, noisy, good, middle], [0.2, 0.3, 0.3, 0.2]
    truth, counts = simulated(4000, made, prior)
    found = estimate(counts)
    assert found.converged
    # some 800 clips behind each row: standard errors up to sqrt(.25 / 800) = 0.018, more where the
    # truth is not known for sure
    assert np.abs(found.confusion - np.asarray(made)).max() < 0.07
    assert np.abs(found.prior - prior).max() < 0.03
    levels = np.arange(4)
    expected = posterior(counts, found.prior, found.confusion) @ levels
    mean = (counts @ levels).mean(axis=1)
    assert np.abs(expected - truth).mean() < 0.5 * np.abs(mean - truth).mean()


def test_an_annotator_may_be_silent_on_a_clip():
    good = np.full((3, 3), 0.1) + 0.7 * np.eye(3)
    _, counts = simulated(2000, [good] * 4, [0.3, 0.4, 0.3], seed=1)
    counts[::2, 0] = 0
    found = estimate(counts)
    assert np.abs(found.confusion - good).max() < 0.08


def test_a_level_that_nobody_used_is_unlikely_and_its_rows_are_flat():
    counts = np.zeros((30, 3, 3))
    counts[:15, :, 0] = counts[15:, :, 1] = 1
    found = estimate(counts)
    # a label of smoothing, a third of it for each level, on 30 clips, and a little of the clips
    assert 1 / 3 / 31 < found.prior[2] < 1.2 / 3 / 31
    assert found.confusion[:, 2] == pytest.approx(np.full((3, 3), 1 / 3), abs=0.05)


@given(st.permutations(range(45)), st.permutations(range(5)))
def test_the_order_of_clips_and_annotators_changes_nothing(clips, annotators):
    counts = anaesthetists()
    one, other = estimate(counts), estimate(counts[clips][:, annotators])
    assert other.prior == pytest.approx(one.prior, abs=1e-9)
    assert other.confusion == pytest.approx(one.confusion[annotators], abs=1e-9)
