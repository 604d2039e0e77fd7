"""Calibration curves: accuracy by margin, people's mean by score, and the bins of both."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audit.measures.calibration import (
    binned,
    calibration_accuracy,
    calibration_mean_rating,
)
from pipeline.audit.measures.measure import Resampling
from pipeline.audit.pair_panel import pairs_of_ratings
from pipeline.audit.panel import Panel

HOW = Resampling(resamples=300)


def panel_of(human, judge, clips_per_prompt):
    human, judge = np.asarray(human, float), np.asarray(judge, float)
    prompts = np.arange(len(judge)) // clips_per_prompt
    return Panel(
        videos=tuple(f"v{i}" for i in range(len(judge))),
        prompts=prompts,
        generators=("g",) * len(judge),
        human=human.reshape(len(judge), -1),
        raters=("r0", "r1")[: human.size // len(judge)],
        prompt_ids=tuple(f"p{p}" for p in range(prompts.max(initial=-1) + 1)),
        judge=judge,
    )


def pairs_of(panel):
    pairs = pairs_of_ratings(panel)
    return pairs.judged(panel.judge[pairs.first] - panel.judge[pairs.second])


# --- the curves


def test_accuracy_by_margin_by_hand():
    # six prompts of two clips: margins 1 right, 1 wrong, 2 right, 2 right, 0 (claims nothing), and 1
    # on a pair that people tie (dropped)
    judge = [2, 1, 2, 1, 5, 3, 1, 3, 4, 4, 3, 2]
    human = [2, 1, 1, 2, 2, 1, 1, 2, 1, 2, 3, 3]
    found = dict(calibration_accuracy(pairs_of(panel_of(human, judge, 2)), HOW))
    assert list(found) == ["margin=1..1", "margin=2..2"]
    one, two = found.values()
    assert (one.interval.value, one.n_items, one.n_raters) == (1 / 2, 2, 1)
    assert (two.interval.value, two.n_items) == (1, 2)
    assert one.statistic == two.statistic == "calibration_accuracy"
    assert (one.interval.low, one.interval.high) == (0, 1)


def test_mean_rating_by_score_by_hand():
    # the mean of two raters of a clip, or of the one who rated it
    human = [[1, 2], [2, 2], [4, np.nan], [5, 3], [3, 3]]
    found = dict(calibration_mean_rating(panel_of(human, [1, 1, 4.5, 4.5, 4.5], 1), HOW))
    assert list(found) == ["score=1..1", "score=4.5..4.5"]
    low, high = found.values()
    assert (low.interval.value, low.n_items, low.n_raters) == ((1.5 + 2) / 2, 2, 2)
    assert (high.interval.value, high.n_items) == (pytest.approx((4 + 4 + 3) / 3), 3)


def test_a_bin_of_one_prompt_has_no_interval():
    # a bootstrap over all prompts would draw the same value again and again: an interval of no width
    found = dict(calibration_mean_rating(panel_of([1, 2, 3, 4], [1, 1, 2, 2], 2), HOW))
    assert [m.interval.value for m in found.values()] == [1.5, 3.5]
    assert [(m.interval.low, m.interval.high) for m in found.values()] == [(None, None)] * 2


def test_the_curve_of_an_annotator_of_real_scores_rises_and_that_of_noise_does_not():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=1600)
    for judge, rises in ((truth + rng.normal(size=1600), True), (rng.normal(size=1600), False)):
        curve = [m for _, m in calibration_accuracy(pairs_of(panel_of(truth, judge, 4)), HOW)]
        assert len(curve) == 5
        assert sum(m.n_items for m in curve) == 2400
        accuracy = [m.interval.value for m in curve]
        if rises:
            assert accuracy == sorted(accuracy)
            assert accuracy[0] < 0.6 < 0.9 < accuracy[-1]
            assert curve[0].interval.high < curve[-1].interval.low
        else:
            assert max(abs(a - 0.5) for a in accuracy) < 0.06


def test_nothing_gives_no_curve():
    panel = panel_of([1.0, 2.0], [1.0, 2.0], 2).take(np.zeros(2, dtype=bool))
    assert list(calibration_mean_rating(panel, HOW)) == []
    assert list(calibration_accuracy(pairs_of(panel), HOW)) == []
    tied = panel_of([1.0, 2.0], [3.0, 3.0], 2)
    assert list(calibration_accuracy(pairs_of(tied), HOW)) == []


# --- the bins


def test_few_values_are_a_bin_each():
    values = np.array([5, 1, 0.5, 1, -2, 5, 1])
    found = {name: kept.sum() for name, kept in binned(values)}
    assert found == {"-2..-2": 1, "0.5..0.5": 1, "1..1": 3, "5..5": 2}
    assert list(found) == ["-2..-2", "0.5..0.5", "1..1", "5..5"]


def test_many_values_are_cut_at_rounded_quantiles():
    # 1 to 100: quantiles 1, 20, 40, 60, 80, 100, which tens tell apart
    found = {name: np.flatnonzero(kept) + 1 for name, kept in binned(np.arange(1.0, 101.0))}
    assert list(found) == ["0..20", "20..40", "40..60", "60..80", "80..100"]
    # above LOW up to HIGH; the lowest edge is 1 rounded down to a whole ten
    assert [(kept.min(), kept.max()) for kept in found.values()] == [
        (1, 20), (21, 40), (41, 60), (61, 80), (81, 100),
    ]  # fmt: skip


def test_a_few_more_values_rename_no_bin():
    rng = np.random.default_rng(0)
    values = rng.uniform(size=2000)
    names = [name for name, _ in binned(values)]
    assert names == [name for name, _ in binned(np.append(values, rng.uniform(size=10)))]
    assert names == ["0..0.2", "0.2..0.4", "0.4..0.6", "0.6..0.8", "0.8..1"]


@given(
    st.lists(
        st.one_of(
            st.integers(-3, 3).map(float),
            st.floats(-1e4, 1e4),
            st.floats(0.97, 0.98),
            st.floats(1e6, 1e6 + 1),
        ),
        max_size=60,
    )
)
def test_every_value_is_in_one_bin_and_within_its_name(rows):
    values = np.array(rows)
    found = list(binned(values))
    places = np.array([kept for _, kept in found]).reshape(len(found), len(rows))
    assert (places.sum(axis=0) == 1).all()
    names = [name for name, _ in found]
    assert len(set(names)) == len(names)
    top = -np.inf
    for name, kept in found:
        low, high = map(float, name.split(".."))
        room = 1e-8 * (1 + abs(high) + abs(low))  # a name has nine digits
        assert low - room <= values[kept].min()
        assert values[kept].max() <= high + room
        assert values[kept].min() > top  # rising, and equal values are together
        top = values[kept].max()


def test_the_order_of_values_changes_no_bin():
    values = np.random.default_rng(1).normal(size=200)
    order = np.random.default_rng(2).permutation(200)
    for (name, kept), (other, moved) in zip(binned(values), binned(values[order])):
        assert name == other
        assert (kept[order] == moved).all()
