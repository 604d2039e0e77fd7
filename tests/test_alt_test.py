"""The alternative annotator test: who passes, what it says of each rater, and how it counts prompts."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from pipeline.audit.measures.alt_test import (
    alt_test_measures,
    alt_test_of_pairs,
    alt_test_of_scores,
    p_not_worse,
)
from pipeline.audit.measures.measure import Resampling
from pipeline.audit.pair_panel import pairs_of_ratings
from pipeline.audit.panel import Panel

NAN = np.nan
HOW = Resampling(resamples=200)


def panel_of(human, judge, clips_per_prompt=1):
    human = np.asarray(human, float)
    n, n_raters = human.shape
    prompts = np.arange(n) // clips_per_prompt
    return Panel(
        videos=tuple(f"v{i}" for i in range(n)),
        prompts=prompts,
        generators=("g",) * n,
        human=human,
        raters=tuple(f"r{j}" for j in range(n_raters)),
        prompt_ids=tuple(f"p{p}" for p in range(prompts[-1] + 1)),
        judge=np.asarray(judge, float),
    )


def pairs_of(panel):
    pairs = pairs_of_ratings(panel)
    return pairs.judged(panel.judge[pairs.first] - panel.judge[pairs.second])


def simulated(seed, kind, n_prompts=80, n_raters=3):
    """Whole points, 1 to 5, of equally noisy raters, and of an annotator of some kind."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n_prompts).repeat(4) + rng.normal(size=4 * n_prompts)

    def rated(noise):
        return np.clip(np.round(3 + truth + noise * rng.normal(size=len(truth))), 1, 5)

    human = np.stack([rated(0.7) for _ in range(n_raters)], axis=1)
    judge = {
        "a rater": lambda: rated(0.7),
        "better": lambda: rated(0.3),
        "random": lambda: rng.integers(1, 6, len(truth)),
        "reversed": lambda: 6 - rated(0.7),
    }[kind]()
    return panel_of(human, judge, clips_per_prompt=4)


def columns(gaps, prompts):
    """Sums of items, W_judge, D, D^2, D n, n^2 and prompts."""
    gaps, prompts = np.asarray(gaps, float), np.asarray(prompts)
    d = np.bincount(prompts, weights=gaps)
    n = np.bincount(prompts).astype(float)
    return np.array([[n.sum(), 0, d.sum(), d @ d, d @ n, n @ n, len(n)]])


def both(panel):
    return alt_test_of_pairs(pairs_of(panel), HOW), alt_test_of_scores(panel, HOW)


# --- who passes


@pytest.mark.parametrize("kind", ["a rater", "better"])
def test_an_annotator_as_good_as_the_raters_passes(kind):
    for seed in range(5):
        for result in both(simulated(seed, kind)):
            assert result.winning_rate.value == 1
            assert all(rater.beaten and rater.p <= 0.05 for rater in result.raters)
            # as good as a rater, and both count where they are equally near
            assert 0.7 < result.advantage.value < 0.95


@pytest.mark.parametrize("kind", ["random", "reversed"])
def test_a_bad_annotator_beats_nobody(kind):
    for seed in range(5):
        for result in both(simulated(seed, kind)):
            assert (result.winning_rate.value, result.winning_rate.high) == (0, 0)
            assert not any(rater.beaten for rater in result.raters)


def test_a_smaller_allowance_is_harder():
    panel = simulated(0, "a rater", n_prompts=30)
    allowances = (0.3, 0.15, 0.05, 0.0, -0.2)
    results = [alt_test_of_pairs(pairs_of(panel), HOW, epsilon=e) for e in allowances]
    p = [[rater.p for rater in result.raters] for result in results]
    assert (np.diff(p, axis=0) >= 0).all()
    assert results[0].winning_rate.value == 1
    assert results[-1].winning_rate.value == 0


# --- one pair, one clip


def test_who_is_as_near_by_hand():
    # rater 0 says better, the others better and tie: rater 0 has half of them, the annotator (tie)
    # the other half, so both count. Left out in turn: rater 1, whose others are better and tie, the
    # same; rater 2 (tie) has none of better and better, and the annotator none either: the same.
    human = np.tile([[2.0, 5.0, 3.0], [1.0, 1.0, 3.0]], (40, 1))
    tied = alt_test_of_pairs(pairs_of(panel_of(human, np.full(80, 3.0), 2)), HOW)
    assert [rater.advantage for rater in tied.raters] == [1, 1, 1]
    # an annotator that says better: 1/2 to 1/2, 1/2 to 1/2, and 1 to 0
    better = alt_test_of_pairs(pairs_of(panel_of(human, [9, 3] * 40, 2)), HOW)
    assert [rater.advantage for rater in better.raters] == [1, 1, 1]
    # worse: nobody else says so: 0 to 1/2, 0 to 1/2, 0 to 0
    worse = alt_test_of_pairs(pairs_of(panel_of(human, [3, 9] * 40, 2)), HOW)
    assert [rater.advantage for rater in worse.raters] == [0, 0, 1]
    # no prompt differs from another: no error to speak of, so certainly beaten or not
    assert [rater.p for rater in worse.raters] == [1, 1, 0]
    assert [rater.beaten for rater in worse.raters] == [False, False, True]
    assert worse.winning_rate.value == pytest.approx(1 / 3)
    assert worse.advantage.value == pytest.approx(1 / 3)
    assert worse.n_items == 40


def test_the_distance_of_scores_by_hand():
    # distances, root mean square. Rater 0 (1) to 2 and 4: sqrt(5); the annotator (3): 1, nearer.
    # Rater 1 (2) to 1 and 4: sqrt(2.5); the annotator: sqrt(2.5), the same.
    # Rater 2 (4) to 1 and 2: sqrt(6.5); the annotator: sqrt(2.5), nearer.
    result = alt_test_of_scores(panel_of(np.tile([1.0, 2.0, 4.0], (40, 1)), np.full(40, 3.0)), HOW)
    assert [rater.advantage for rater in result.raters] == [1, 1, 1]
    # 2.6 is further from 1 and 4 than 2 is: sqrt(2.26) to sqrt(2.5) would be nearer, so take 1.4:
    # sqrt((0.16 + 6.76) / 2) = 1.86 is further than 1.58
    result = alt_test_of_scores(panel_of(np.tile([1.0, 2.0, 4.0], (40, 1)), np.full(40, 1.4)), HOW)
    assert [rater.advantage for rater in result.raters] == [1, 0, 1]


def test_distances_that_differ_by_rounding_are_equal():
    # 3.7 and 3.6 are as far from 3.4 and 3.9, whose middle is 3.65; their floats are not
    human = np.tile([3.7, 3.4, 3.9], (40, 1))
    for own, judge in ((3.7, 3.6), (3.6, 3.7)):
        human[:, 0] = own
        result = alt_test_of_scores(panel_of(human, np.full(40, judge)), HOW)
        assert result.raters[0].advantage == 1
        assert result.raters[0].p == 0  # the gap is nothing, and certainly below 0.15


def test_a_rater_is_beaten_up_to_the_rate_that_is_allowed():
    pairs = pairs_of(simulated(1, "a rater", n_prompts=12))
    p = min(rater.p for rater in alt_test_of_pairs(pairs, HOW).raters)
    assert 0 < p < 1
    for q, beaten in ((p, True), (0.99 * p, False)):
        result = alt_test_of_pairs(pairs, HOW, q=q)
        assert any(rater.beaten for rater in result.raters) is beaten
        assert result.winning_rate.value == np.mean([rater.beaten for rater in result.raters])


# --- the test itself


def test_items_of_prompts_of_their_own_give_the_plain_t_test():
    gaps = np.array([1, 0, 0, -1, 0, 1, 0, -1, -1, 0, 0, 0])
    found = p_not_worse(columns(gaps, np.arange(12)), 0.15)[0]
    assert found == pytest.approx(stats.ttest_1samp(gaps, 0.15, alternative="less").pvalue)


def test_every_item_told_three_times_tells_no_more():
    gaps = np.array([1, 0, 0, -1, 0, 1, 0, -1, -1, 0, 0, 0])
    once = p_not_worse(columns(gaps, np.arange(12)), 0.15)
    thrice = p_not_worse(columns(gaps.repeat(3), np.arange(12).repeat(3)), 0.15)
    assert thrice == pytest.approx(once)
    naive = p_not_worse(columns(gaps.repeat(3), np.arange(36)), 0.15)
    assert naive < once


def test_prompts_of_unequal_size_by_hand():
    # D 2 of 2 items, -1 of 1, 0 of 3: mean 1/6; deviations 2 - 2/6, -1 - 1/6, -3/6; their squares
    # sum to 100/36 + 49/36 + 9/36 = 158/36; s^2 = 3/2 * 158/36 / 36
    found = p_not_worse(columns([1, 1, -1, 0, 0, 0], [0, 0, 1, 2, 2, 2]), 0.15)[0]
    t = (1 / 6 - 0.15) / np.sqrt(1.5 * 158 / 36 / 36)
    assert found == pytest.approx(stats.t.cdf(t, 2))


def test_one_prompt_tells_nothing():
    assert np.isnan(p_not_worse(columns([1, 0, -1], [0, 0, 0]), 0.15)[0])


def test_an_annotator_just_too_bad_is_let_through_at_the_stated_rate():
    # The gap is 0.15 exactly and prompts differ: of 1,000 tests 5 % may pass (standard error 0.7 %).
    # Taken as independent, the six items of a prompt let far more through.
    rng = np.random.default_rng(0)
    n_prompts, passed, naive = 60, 0, 0
    for _ in range(1000):
        leaning = rng.normal(0.15, 0.3, n_prompts).clip(-0.9, 0.9).repeat(6)
        gaps = np.where(rng.random(6 * n_prompts) < abs(leaning), np.sign(leaning), 0)
        passed += p_not_worse(columns(gaps, np.arange(n_prompts).repeat(6)), 0.15)[0] < 0.05
        naive += p_not_worse(columns(gaps, np.arange(6 * n_prompts)), 0.15)[0] < 0.05
    assert 0.035 < passed / 1000 < 0.07
    assert naive / 1000 > 0.1


def test_p_values_are_adjusted_over_the_raters():
    result = alt_test_of_pairs(pairs_of(simulated(1, "a rater", n_prompts=12)), HOW)
    raw = []
    for left_out in range(3):
        panel = simulated(1, "a rater", n_prompts=12)
        order = [left_out, *(j for j in range(3) if j != left_out)]
        said = np.sign(pairs_of(panel).human[:, order])
        own, others = said[:, 0], said[:, 1:]
        judge = np.sign(pairs_of(panel).judge)
        theirs, its = ((others == x[:, None]).mean(axis=1) for x in (own, judge))
        gaps = (theirs >= its).astype(float) - (its >= theirs)
        raw.append(p_not_worse(columns(gaps, np.arange(12).repeat(6)), 0.15)[0])
    # Benjamini and Yekutieli: p times 3 (1 + 1/2 + 1/3) / rank, and no larger than that of a later rank
    order = np.argsort(raw)
    expected = np.minimum.accumulate((np.sort(raw) * 5.5 / [1, 2, 3])[::-1])[::-1].clip(max=1)
    assert len(set(raw)) == 3
    assert [result.raters[j].p for j in order] == pytest.approx(expected)


# --- who can be tested


def test_a_rater_of_few_items_is_left_out_and_named():
    panel = simulated(2, "a rater", n_raters=4)
    human = panel.human.copy()
    human[19:, 2] = NAN  # 19 clips; 27 pairs, of four prompts of four clips and one of three
    for result, items in zip(both(dataclasses.replace(panel, human=human)), (27, 19)):
        assert [rater.p is None for rater in result.raters] == [False, False, True, False]
        assert result.raters[2].n_items == items
    result = alt_test_of_scores(dataclasses.replace(panel, human=human), HOW)
    assert result.n_tested == 3
    assert result.winning_rate.value == 1
    assert len(result.notes) == 1
    assert result.notes[0].endswith("that another rater judged too: r2 (19 items of 5 prompts)")


def test_too_few_raters_are_no_test():
    for n_raters, enough in ((1, 0), (2, 2)):  # one rater shares nothing with another
        for result in both(simulated(0, "a rater", n_raters=n_raters)):
            assert result.winning_rate.value is None
            assert result.advantage.value is None
            assert (result.n_tested, result.n_items) == (0, 0)
            assert len(result.raters) == n_raters
            assert f"{enough} raters have enough items and it takes 3" in result.notes[-1]


def test_many_items_of_a_few_prompts_are_not_enough():
    # 40 clips of four prompts: had every prompt said the same, four of them would be certainty
    human, judge = np.tile([1.0, 2.0, 3.0], (40, 1)), np.full(40, 2.0)
    assert alt_test_of_scores(panel_of(human, judge, 10), HOW).n_tested == 0
    assert alt_test_of_scores(panel_of(human, judge, 8), HOW).n_tested == 3


def test_of_many_who_are_left_out_a_note_names_a_few():
    panel = simulated(0, "a rater", n_prompts=5, n_raters=8)
    (named, why) = alt_test_of_scores(panel, HOW).notes
    assert named.endswith("r4 (20 items of 5 prompts) and 3 more")
    assert "not made, 0 raters" in why


@pytest.mark.filterwarnings("error")
def test_items_of_one_rater_alone_do_not_count():
    panel = simulated(0, "a rater")
    human = panel.human.copy()
    human[100:, 1:] = NAN
    human[200:, 0] = NAN
    result = alt_test_of_scores(dataclasses.replace(panel, human=human), HOW)
    assert [rater.n_items for rater in result.raters] == [100, 100, 100]


def test_nothing_at_all():
    empty = simulated(0, "a rater").take(np.zeros(320, dtype=bool))
    for result in both(empty):
        assert result.winning_rate.value is None
        assert [rater.advantage for rater in result.raters] == [None] * 3


# --- what does not matter


def test_the_order_of_raters_does_not_matter():
    panel = simulated(3, "a rater", n_prompts=15)
    turned = dataclasses.replace(panel, human=panel.human[:, [2, 0, 1]], raters=("r2", "r0", "r1"))
    for one, other in zip(both(panel), both(turned)):
        assert one.winning_rate == other.winning_rate
        by_name = {rater.rater: rater for rater in other.raters}
        for rater in one.raters:
            assert rater.p == pytest.approx(by_name[rater.rater].p)
            assert rater.advantage == by_name[rater.rater].advantage


def test_the_order_in_a_pair_does_not_matter():
    pairs = pairs_of(simulated(4, "a rater", n_prompts=15))
    turned = dataclasses.replace(pairs, human=-pairs.human, judge=-pairs.judge)
    assert alt_test_of_pairs(pairs, HOW) == alt_test_of_pairs(turned, HOW)


# --- rows


def test_the_rows():
    pairs, scores = (list(alt_test_measures(result)) for result in both(simulated(0, "better")))
    assert [measure.statistic for measure in pairs + scores] == [
        "alt_test_winning_rate",
        "alt_test_advantage",
        "alt_test_winning_rate_scores",
        "alt_test_advantage_scores",
    ]
    assert {measure.n_items for measure in pairs} == {480}
    assert {measure.n_items for measure in scores} == {320}
    advantage = scores[1].interval
    assert advantage.low < advantage.value < advantage.high
    assert scores[0].n_raters == 3
