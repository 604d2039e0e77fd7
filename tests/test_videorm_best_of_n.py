"""Best-of-n: exact over all subsets, against hand-counted cases and against every subset in turn."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.videorm.evaluation.best_of_n import (
    Gold,
    best_of_n_rows,
    expected_quality,
    kl,
    mean_overall,
    sizes,
)


def brute_force(reward: list[float], quality: list[float], n: int) -> float:
    """The mean over all subsets; of equally rewarded best clips the mean quality."""
    picks = []
    for chosen in itertools.combinations(range(len(reward)), n):
        best = max(reward[i] for i in chosen)
        picks.append(np.mean([quality[i] for i in chosen if reward[i] == best]))
    return float(np.mean(picks))


def test_hand_counted_without_ties():
    reward, quality = [1, 2, 3, 4], [10, 0, 20, 5]
    # n = 2, six pairs: the second-lowest is the best of 1, the next of 2, the highest of 3
    assert expected_quality(reward, quality, 2) == pytest.approx((0 * 1 + 20 * 2 + 5 * 3) / 6)
    # n = 3, four triples: the third is the best of 1, the highest of 3
    assert expected_quality(reward, quality, 3) == pytest.approx((20 + 3 * 5) / 4)
    assert expected_quality(reward, quality, 1) == pytest.approx(35 / 4)  # any clip
    assert expected_quality(reward, quality, 4) == 5  # the highest reward, whatever its quality


def test_equal_rewards_share():
    # pairs of three: {0, 1} tie and give the mean of 0 and 4; the other two give 10
    assert expected_quality([1, 1, 2], [0, 4, 10], 2) == pytest.approx((2 + 10 + 10) / 3)
    # a reward that knows nothing picks at random, whatever n
    for n in (1, 2, 3):
        assert expected_quality([7, 7, 7], [0, 4, 11], n) == pytest.approx(5)
    # less than the noise of a sum of 32-bit floats is equal
    assert expected_quality([1, 1 + 5e-7, 2], [0, 4, 10], 2) == pytest.approx(22 / 3)


@given(st.data())
def test_equals_every_subset_in_turn(data):
    size = data.draw(st.integers(1, 7))
    reward = data.draw(st.lists(st.integers(-2, 2), min_size=size, max_size=size))
    quality = data.draw(st.lists(st.integers(1, 5), min_size=size, max_size=size))
    for n in range(1, size + 1):
        assert expected_quality(reward, quality, n) == pytest.approx(
            brute_force(reward, quality, n)
        )


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8))
def test_the_oracle_never_loses_by_more_candidates(quality):
    curve = [expected_quality(quality, quality, n) for n in range(1, len(quality) + 1)]
    assert all(b >= a - 1e-12 for a, b in itertools.pairwise(curve))
    assert curve[-1] == max(quality)


@pytest.mark.parametrize("n", [0, 4])
def test_n_beyond_the_candidates_is_refused(n):
    with pytest.raises(ValueError, match=f"expected 1 to 3, got {n}"):
        expected_quality([1, 2, 3], [1, 2, 3], n)


def test_divergence_from_the_base():
    assert kl(1) == 0
    assert kl(4) == pytest.approx(math.log(4) - 0.75)  # 0.6363 nats


def test_powers_of_two_up_to_what_half_of_the_prompts_have():
    assert sizes({"p": "abcd", "q": "abcd", "r": "a"}) == [1, 2, 4]
    assert sizes({"p": "abcde", "q": "abc", "r": "a"}) == [1, 2]  # median 3
    assert sizes({}) == []


CLIPS = {"p": ["p1", "p2", "p3", "p4"], "q": ["q1", "q2"], "r": ["r1", "r2", "r3", "r4"]}
QUALITY = {"p1": 1, "p2": 2, "p3": 3, "p4": 4, "q1": 5, "q2": 1, "r1": 2, "r2": 2, "r3": 2}


def rows():
    # r4 has no quality, so r has three clips
    reward = {v: float(i) for i, v in enumerate(v for videos in CLIPS.values() for v in videos)}
    gold = Gold(name="raters", dimension="video_quality", quality=QUALITY)
    return {(r["arm"], r["n"]): r for r in best_of_n_rows(CLIPS, gold, {"videorm": reward}, 0)}


def test_prompts_with_too_few_clips_are_left_out_and_counted():
    found = rows()
    assert set(found) == {(arm, n) for arm in ("videorm", "random", "oracle") for n in (1, 2)}
    # n = 1: (2.5 + 3 + 2) / 3, for everybody
    for arm in ("videorm", "random", "oracle"):
        assert found[arm, 1]["value"] == pytest.approx(2.5)
    # n = 2: p (2 + 2 * 3 + 3 * 4) / 6 = 10/3; q the second clip: 1; r: 2
    assert found["videorm", 2]["value"] == pytest.approx((10 / 3 + 1 + 2) / 3)
    assert found["random", 2]["value"] == pytest.approx(2.5)
    assert found["oracle", 2]["value"] == pytest.approx((10 / 3 + 5 + 2) / 3)
    row = found["videorm", 2]
    assert (row["n_clips"], row["n_prompts"], row["n_prompts_left_out"]) == (9, 3, 0)
    assert row["gold"] == "raters"
    assert row["low"] <= row["value"] <= row["high"]


def test_a_clip_without_a_reward_of_somebody_counts_for_nobody():
    gold = Gold(name="annotator", dimension="d", quality={"p1": 1.0, "p2": 2.0, "p3": 9.0})
    rewards = {"videorm": {"p1": 1.0, "p2": 0.0, "p3": 5.0}, "other": {"p1": 0.0, "p2": 1.0}}
    found = best_of_n_rows({"p": ["p1", "p2", "p3"], "q": ["q1"]}, gold, rewards, 0)
    value = {(r["arm"], r["n"]): r for r in found}
    assert value["videorm", 2]["value"] == 1.0
    assert value["other", 2]["value"] == 2.0
    assert value["other", 2]["n_prompts_left_out"] == 1  # q has no quality at all
    assert value["other", 2]["low"] is None  # one prompt tells nothing about the spread


def test_overall_is_missing_where_a_dimension_is_missing():
    parts = [{"a": 1.0, "b": 2.0}, {"a": 3.0}]
    assert mean_overall(parts, [1.0, 1.0]) == {"a": 2.0}
    assert mean_overall(parts, [3.0, 1.0]) == {"a": 1.5}
    assert mean_overall([], []) == {}
