"""Gaps of slices: by hand, against the luck of small slices, and adjusted over all of them."""

import warnings

import numpy as np
import pytest
from scipy import stats

from pipeline.audit.measures.measure import Measure, Resampling
from pipeline.audit.measures.slice_tests import SliceGap, slice_gap_p, slice_gaps
from pipeline.audit.pair_panel import PairPanel
from pipeline.audit.statistics.bootstrap import Interval

HOW = Resampling(resamples=200)


def panel_of(judge, target, prompts):
    judge, target = np.asarray(judge, float), np.asarray(target, float)
    prompts = np.asarray(prompts, dtype=np.intp)
    m = len(judge)
    return PairPanel(
        videos=tuple(f"v{i}" for i in range(2 * m)),
        generators=("g",) * (2 * m),
        first=np.arange(m),
        second=np.arange(m, 2 * m),
        prompts=prompts,
        human=target[:, None],
        target=target,
        others=np.full((m, 1), np.nan),
        raters=("r0",),
        prompt_ids=tuple(f"p{p}" for p in range(prompts.max(initial=-1) + 1)),
        judge=judge,
    )


def answers(right, prompts):
    """A panel whose annotator is right where told so."""
    return panel_of(np.where(right, 1, -1), np.ones(len(right)), prompts)


def gap_of(panel, inside, how=HOW):
    (found,) = slice_gaps(panel, {"slice": np.asarray(inside, dtype=bool)}, how)
    return found


def with_p(p):
    interval = Interval(value=0.1, low=0.0, high=0.2)
    gap = Measure(statistic="slice_gap", interval=interval, n_items=30, n_raters=2)
    return SliceGap(slice="slice", gap=gap, p=p)


# --- the gap


def test_the_gap_by_hand():
    # inside: right, a tie (half), and a pair tied in the target (dropped); outside: wrong, right, right
    panel = panel_of([1, 0, 3, -1, 1, 1], [1, 1, 0, 1, 1, 1], [0, 1, 2, 3, 4, 5])
    found = gap_of(panel, [1, 1, 1, 0, 0, 0])
    assert found.gap.interval.value == pytest.approx(1.5 / 2 - 2 / 3)
    assert (found.gap.statistic, found.gap.n_items, found.gap.n_raters) == ("slice_gap", 2, 1)
    assert found.p is None  # two prompts


def test_p_by_hand():
    # 10 prompts of two pairs inside and 10 outside, 12 of 20 right and 16 of 20: accuracy of all 0.7,
    # gap -0.2. Pairs of a prompt agree, so the clustered variance is that of ten items a side twice as
    # unsure: sum over prompts of (2 (right - 0.7) / 20)^2 = (6 * 0.09 + 4 * 0.49) / 100 inside and
    # (8 * 0.09 + 2 * 0.49) / 100 outside, 0.042 in all, times 20 / 19.
    right = np.repeat([1] * 6 + [0] * 4 + [1] * 8 + [0] * 2, 2)
    prompts = np.repeat(np.arange(20), 2)
    found = gap_of(answers(right, prompts), prompts < 10)
    assert found.gap.interval.value == pytest.approx(-0.2)
    assert found.p == pytest.approx(2 * stats.t.cdf(-0.2 / np.sqrt(0.042 * 20 / 19), 9))
    # each pair a prompt of its own: 0.021 * 40 / 39, just above the 0.7 * 0.3 / 10 of independent pairs
    alone = gap_of(answers(right, np.arange(40)), prompts < 10)
    assert alone.p == pytest.approx(2 * stats.t.cdf(-0.2 / np.sqrt(0.021 * 40 / 39), 19))
    assert alone.p < found.p


def test_no_variance_is_taken_to_be_less_than_that_of_independent_pairs():
    # every prompt has one right and one wrong pair on either side, so no prompt differs from another
    right = np.tile([1, 0, 1, 0], 10)
    prompts = np.repeat(np.arange(10), 4)
    panel = answers(right, prompts)
    assert gap_of(panel, np.tile([1, 1, 0, 0], 10)).p == 1
    # and where all right pairs are inside: gap 1, clustered variance 10 / 9 * 10 * 0.1^2 = 1 / 9,
    # independent pairs 0.25 * (1 / 20 + 1 / 20) = 0.025
    sure = gap_of(panel, right)
    assert sure.gap.interval.value == 1
    assert sure.p == pytest.approx(2 * stats.t.sf(3, 9))


def test_a_small_slice_that_is_all_right_is_not_sure_of_it():
    # 6 of 6 right where 80 % are: happens in one of four such slices
    right = np.append(np.ones(6), np.tile([1, 1, 1, 1, 0], 40))
    assert gap_of(answers(right, np.arange(206)), np.arange(206) < 6).p > 0.2


def test_a_slice_of_everything_or_nothing_has_no_gap():
    panel = answers([1, 0] * 10, np.arange(20))
    for inside in (np.ones(20), np.zeros(20)):
        found = gap_of(panel, inside)
        assert (found.gap.interval.value, found.p) == (None, None)
    assert gap_of(panel, np.zeros(20)).gap.n_items == 0


def test_nothing_to_count_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for panel in (panel_of([], [], []), panel_of([1, 1], [0, 0], [0, 1])):
            found = gap_of(panel, np.zeros(len(panel.target)))
            assert (found.gap.interval.value, found.p) == (None, None)


def test_an_annotator_that_is_always_right_leaves_nothing_to_test():
    panel = answers(np.ones(40), np.arange(40))
    found = gap_of(panel, np.arange(40) < 20)
    assert found.gap.interval == Interval(value=0.0, low=0.0, high=0.0)
    assert found.p is None


def test_inside_and_outside_mirror_each_other():
    rng = np.random.default_rng(0)
    panel = answers(rng.random(200) < 0.7, np.arange(200) // 4)
    inside = rng.random(200) < 0.3
    one, other = gap_of(panel, inside), gap_of(panel, ~inside)
    assert one.gap.interval.value == pytest.approx(-other.gap.interval.value)
    assert one.p == pytest.approx(other.p)
    order = rng.permutation(200)
    shuffled = panel_of(panel.judge[order], panel.target[order], panel.prompts[order])
    assert gap_of(shuffled, inside[order]).p == pytest.approx(one.p)


# --- over all slices


def test_p_values_are_adjusted_over_all_that_have_one():
    # three tests: p times 3 (1 + 1/2 + 1/3) / rank = 5.5 / rank
    rows = slice_gap_p([with_p(0.02), with_p(None), with_p(0.001), with_p(0.9)])
    assert [row.interval.value for row in rows] == [
        pytest.approx(0.02 * 5.5 / 2),
        None,
        pytest.approx(0.001 * 5.5),
        1.0,
    ]
    assert {row.statistic for row in rows} == {"slice_gap_p"}
    assert {(row.interval.low, row.interval.high) for row in rows} == {(None, None)}
    assert {(row.n_items, row.n_raters) for row in rows} == {(30, 2)}


def test_nothing_to_adjust():
    assert slice_gap_p([]) == []
    (row,) = slice_gap_p([with_p(None)])
    assert row.interval.value is None


# --- simulated


def world(rng, n_prompts, harder=0.0):
    """Six pairs of a prompt by four generators; prompts differ in how hard they are.

    Slices: pairs with a clip of each generator (they overlap), and ten categories of prompts, some
    rare. ``harder`` is taken off the accuracy of the first category.
    """
    category = rng.choice(
        10, n_prompts, p=[0.3, 0.2, 0.15, 0.1, 0.08, 0.06, 0.05, 0.03, 0.02, 0.01]
    )
    prompts = np.repeat(np.arange(n_prompts), 6)
    chance = rng.beta(4, 1.3, n_prompts) - harder * (category == 0)
    panel = answers(rng.random(6 * n_prompts) < chance[prompts], prompts)
    first, second = np.tile([0, 0, 0, 1, 1, 2], n_prompts), np.tile([1, 2, 3, 2, 3, 3], n_prompts)
    slices = {f"generator={g}": (first == g) | (second == g) for g in range(4)}
    slices |= {f"category={c}": category[prompts] == c for c in range(10)}
    return panel, slices


@pytest.mark.parametrize("n_prompts", [40, 150])
def test_where_no_slice_differs_hardly_ever_is_one_found(n_prompts):
    # 400 worlds; where nothing differs the false discovery rate is the chance of any discovery, and
    # may be 0.05 (binomial standard error 0.011). Unadjusted, the tests themselves keep their level.
    rng, how = np.random.default_rng(n_prompts), Resampling(resamples=1)
    discoveries, raw = 0, []
    for _ in range(400):
        found = list(slice_gaps(*world(rng, n_prompts), how))
        adjusted = [row.interval.value for row in slice_gap_p(found)]
        discoveries += any(p is not None and p <= 0.05 for p in adjusted)
        raw += [gap.p for gap in found if gap.p is not None]
    assert discoveries / 400 <= 0.05
    for level in (0.1, 0.05, 0.01):
        assert np.mean(np.array(raw) <= level) <= level
    assert np.mean(np.array(raw) <= 0.1) > 0.03  # not so careful as to be idle


def test_a_slice_that_differs_is_found_and_few_others():
    rng, how = np.random.default_rng(1), Resampling(resamples=1)
    hits, false = 0, []
    for _ in range(100):
        panel, slices = world(rng, 150, harder=0.25)
        found = list(slice_gaps(panel, slices, how))
        p = {gap.slice: row.interval.value for gap, row in zip(found, slice_gap_p(found))}
        discovered = {name for name, value in p.items() if value is not None and value <= 0.05}
        hits += "category=0" in discovered
        # the other categories are truly better than the rest, which holds category 0
        generators = {name for name in discovered if name.startswith("generator")}
        false.append(len(generators) / max(1, len(discovered)))
    assert hits > 90
    assert np.mean(false) <= 0.05


def test_the_interval_covers_the_gap():
    # category 0 is harder by 0.2: of 200 intervals 95 % hold that, standard error 1.5 %
    rng, held = np.random.default_rng(2), 0
    for _ in range(200):
        panel, slices = world(rng, 120, harder=0.2)
        interval = gap_of(panel, slices["category=0"]).gap.interval
        held += interval.low <= -0.2 <= interval.high
    assert 0.9 <= held / 200 <= 0.99
