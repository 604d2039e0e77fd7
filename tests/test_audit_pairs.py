"""Pair accuracy, its tie rules, its baselines, and the ceiling of the raters themselves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from panels import panel

from pipeline.audit.measures.of_pairs import chance_table, left_out_tables
from pipeline.audit.pair_panel import pairs_of_ratings
from pipeline.audit.statistics.ceiling import mean_over_raters, others_mean
from pipeline.audit.statistics.pairs import (
    PAIRS,
    accuracy,
    agreement_with_ties,
    judge_tie_share,
    pair_table,
    signs,
    target_tie_share,
    within_prompt_pairs,
)

NAN = np.nan


def test_pairs_stay_within_a_prompt():
    first, second = within_prompt_pairs(["b", "a", "b", "c", "b", "a"])
    pairs = {tuple(sorted(pair)) for pair in zip(first.tolist(), second.tolist())}
    assert pairs == {(1, 5), (0, 2), (0, 4), (2, 4)}
    assert len(first) == 4


def test_no_pairs():
    for prompts in ([], ["a", "b"]):
        first, second = within_prompt_pairs(prompts)
        assert len(first) == len(second) == 0


def test_a_tie_is_at_most_a_billionth():
    assert signs([0.3 - (0.1 + 0.2), 1e-9, 1.4e-9, -1e-9, 2e-9, -2e-9, 5.0]).tolist() == [
        0, 0, 0, 0, 1, -1, 1,
    ]  # fmt: skip


@pytest.fixture
def table():
    # Six pairs of one prompt: right, right, wrong, judge tie, both tie, target tie only; a seventh
    # pair that the judge did not see.
    judge = [1, -2, 1, 0, 0, 1, NAN]
    target = [1, -1, -1, 1, 0, 0, 1]
    return pair_table(judge, target, [0] * 7, 1)


def test_the_table_by_hand(table):
    assert table.tolist() == [[2, 1, 4, 1, 6]]


def test_the_tie_rules_by_hand(table):
    assert accuracy(table, "ties_half")[0] == 2.5 / 4
    assert accuracy(table, "ties_wrong")[0] == 2 / 4
    assert accuracy(table, "ties_excluded")[0] == 2 / 3
    assert agreement_with_ties(table)[0] == 3 / 6
    assert judge_tie_share(table)[0] == 2 / 6
    assert target_tie_share(table)[0] == pytest.approx(2 / 6)


def test_another_rule_is_refused(table):
    with pytest.raises(ValueError, match="ties_half, ties_wrong, ties_excluded"):
        accuracy(table, "ties_right")


def test_a_prompt_without_pairs_is_a_row_of_zeros():
    table = pair_table([1.0], [1.0], [2], 4)
    assert table[:, PAIRS].tolist() == [0, 0, 1, 0]
    assert np.isnan(accuracy(table[:1])[0])


def test_the_baselines(table):
    every_tie = pair_table(np.zeros(6), [1, -1, -1, 1, 0, 0], [0] * 6, 1)
    assert accuracy(every_tie, "ties_half")[0] == 0.5
    assert accuracy(every_tie, "ties_wrong")[0] == 0
    assert np.isnan(accuracy(every_tie, "ties_excluded")[0])
    assert agreement_with_ties(every_tie)[0] == pytest.approx(target_tie_share(every_tie)[0])
    guess = chance_table(table)
    assert [accuracy(guess, f"ties_{r}")[0] for r in ("half", "wrong", "excluded")] == [0.5] * 3
    assert agreement_with_ties(guess)[0] == pytest.approx((1 - 2 / 6) / 2)


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_sides_order_and_units_change_nothing(seed):
    generator = np.random.default_rng(seed)
    judge, target = generator.integers(-2, 3, (2, 30)).astype(float)
    prompts = generator.integers(4, size=30)
    expected = pair_table(judge, target, prompts, 4)
    side = generator.choice([-1.0, 1.0], 30)
    order = generator.permutation(30)
    mixed = pair_table((3.7 * judge * side)[order], (target * side)[order], prompts[order], 4)
    assert (mixed == expected).all()


def test_the_mean_of_the_others_by_hand():
    human = np.array([[1, 2, 6], [4, NAN, 2], [NAN, 5, NAN]])
    expected = [[4, 3.5, 1.5], [2, NAN, 4], [NAN, NAN, NAN]]
    np.testing.assert_array_equal(others_mean(human), expected)


def loo(scores, human, prompts):
    """Pair tables, one per rater left out, of scores of clips."""
    pairs = pairs_of_ratings(panel(human, prompts))
    return left_out_tables(pairs, scores[pairs.first] - scores[pairs.second])


def test_the_ceiling_by_hand():
    # One prompt, three clips, raters A (1, 2, 3), B (1, 3, 2), C (3, 2, 1).
    # A against (B + C)/2 = (2, 2.5, 1.5): pairs 12 right, 13 wrong, 23 wrong: 1/3.
    # B against (A + C)/2 = (2, 2, 2): nothing but ties: undefined, left out.
    # C against (A + B)/2 = (1, 2.5, 2.5): 12 wrong, 13 wrong, 23 tied: 0.  Mean 1/6.
    human = np.array([[1, 1, 3], [2, 3, 2], [3, 2, 1.0]])
    prompts = np.zeros(3, dtype=int)
    once = np.ones((1, 1))
    people = mean_over_raters(loo(human, human, prompts), accuracy)
    assert people(once)[0] == pytest.approx(1 / 6)
    # A judge (1, 2, 3) against the same: 1/3, undefined, 12 and 13 right: 1. Mean 2/3.
    judge = np.array([[1.0], [2], [3]])
    own = mean_over_raters(loo(judge, human, prompts), accuracy)
    assert own(once)[0] == pytest.approx(2 / 3)


def test_a_judge_like_a_rater_reaches_the_ceiling_and_not_more():
    """Against the mean of all, a rater meets himself and looks better than he is."""
    generator = np.random.default_rng(0)
    n_prompts, clips = 1500, 4
    quality = generator.normal(0, 1, n_prompts * clips)
    noisy = quality[:, None] + generator.normal(0, 1, (len(quality), 4))
    human, judge = noisy[:, :3], noisy[:, 3:]  # four of a kind
    prompts = np.repeat(np.arange(n_prompts), clips)
    pairs, once = within_prompt_pairs(prompts), np.ones((1, n_prompts))
    people, own = (
        mean_over_raters(loo(x, human, prompts), accuracy)(once)[0] for x in (human, judge)
    )
    # 9,000 pairs a rater in clusters of 6: the standard error of the difference is below 0.006
    assert own == pytest.approx(people, abs=0.02)
    first, second = pairs
    target = human.mean(axis=1)
    flattered = pair_table(
        human[first, 0] - human[second, 0],
        target[first] - target[second],
        prompts[first],
        n_prompts,
    )
    assert accuracy(flattered.sum(axis=0, keepdims=True))[0] > people + 0.05


def test_raters_with_few_clips_each_count_once():
    # Two raters saw prompt 0, two others prompt 1; in a draw of prompt 0 alone only the first two
    # are defined. Rater pairs agree on prompt 0 and disagree on prompt 1.
    human = np.array([[1, 2, NAN, NAN], [3, 4, NAN, NAN], [NAN, NAN, 1, 5], [NAN, NAN, 4, 2.0]])
    prompts = np.array([0, 0, 1, 1])
    people = mean_over_raters(loo(human, human, prompts), accuracy)
    assert people(np.array([[1.0, 1], [2, 0], [0, 2]])).tolist() == [0.5, 1.0, 0.0]


def test_one_rater_has_no_ceiling():
    human = np.array([[1.0], [2.0]])
    prompts = np.array([0, 0])
    tables = loo(human, human, prompts)
    assert np.isnan(mean_over_raters(tables, accuracy)(np.ones((1, 1)))[0])
