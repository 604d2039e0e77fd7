"""Ratings and votes as pairs: both give the same panel where they say the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audit.choices import margins_of, rationales_of
from pipeline.audit.pair_panel import pairs_of_ratings, pairs_of_votes
from pipeline.audit.panel import human_panel
from pipeline.formats.choice import Choice
from schemas import HumanRating, HumanVote


def rating(video, rater, value, prompt="p1"):
    return HumanRating(
        video_id=video, rater=rater, dimension="quality", prompt_id=prompt,
        generator=f"g-{video[-1]}", score=float(value), source="people.csv",
    )  # fmt: skip


def vote(a, b, choice, rater="r1", prompt="p1", dimension="quality"):
    return HumanVote(
        prompt_id=prompt, video_a=a, video_b=b, rater=rater, dimension=dimension,
        choice=choice, source="people.csv",
    )  # fmt: skip


def voted(votes, dimensions=("quality",)):
    generators = {v: f"g-{v[-1]}" for one in votes for v in (one.video_a, one.video_b)}
    return pairs_of_votes(votes, list(dimensions), generators)


def test_votes_are_counted_for_the_lower_id_whoever_was_shown_first():
    panel = voted([
        vote("v1", "v2", "a"),  # for v1
        vote("v2", "v1", "b", "r2"),  # for v1, too
        vote("v3", "v2", "a", "r2"),  # for v3, the higher id
        vote("v1", "v3", "both_bad"),
    ])  # fmt: skip
    assert panel.pairs == [("v1", "v2"), ("v1", "v3"), ("v2", "v3")]
    assert panel.raters == ("r1", "r2")
    assert panel.generators == ("g-1", "g-2", "g-3")
    expected = [[1, 1], [0, np.nan], [np.nan, -1]]
    np.testing.assert_array_equal(panel.human, expected)
    np.testing.assert_array_equal(panel.target, [1, 0, -1])
    # what the others said, where the one left out said something, too
    np.testing.assert_array_equal(panel.others, [[1, 1], [np.nan, np.nan], [np.nan, np.nan]])
    assert panel.n_raters == 2


def test_a_majority_decides_and_a_second_vote_of_one_rater_is_averaged():
    panel = voted([
        vote("v1", "v2", "a"), vote("v1", "v2", "b", "r2"), vote("v1", "v2", "b", "r3"),
        vote("v2", "v1", "a"),  # r1 again, the other way: 1 and -1 make 0
    ])  # fmt: skip
    np.testing.assert_array_equal(panel.human, [[0, -1, -1]])
    np.testing.assert_allclose(panel.target, [-2 / 3])


def test_several_dimensions_are_averaged_and_a_rater_who_left_one_out_has_no_vote():
    panel = voted(
        [
            vote("v1", "v2", "a", dimension="sharp"),
            vote("v1", "v2", "tie", dimension="smooth"),
            vote("v1", "v2", "b", "r2", dimension="sharp"),
            vote("v1", "v3", "b", "r2", dimension="sharp"),
        ],
        ("sharp", "smooth"),
    )
    assert panel.pairs == [("v1", "v2")]
    np.testing.assert_array_equal(panel.human, [[0.5, np.nan]])


def test_nobody_voted():
    panel = pairs_of_votes([], ["quality"], {})
    assert (panel.n_pairs, panel.n_prompts, panel.n_raters) == (0, 0, 0)


@given(st.data())
def test_scores_and_the_votes_that_follow_from_them_order_the_pairs_alike(data):
    videos = ["v1", "v2", "v3"]
    scores = {v: data.draw(st.integers(1, 3)) for v in videos}
    rated = pairs_of_ratings(
        human_panel([rating(v, "r1", s) for v, s in scores.items()], ["quality"])
    )
    shown = data.draw(st.permutations(videos))
    votes = [
        vote(a, b, "tie" if scores[a] == scores[b] else "a" if scores[a] > scores[b] else "b")
        for i, a in enumerate(shown)
        for b in shown[i + 1 :]
    ]
    by_vote = voted(data.draw(st.permutations(votes)))
    assert by_vote.pairs == rated.pairs
    np.testing.assert_array_equal(by_vote.human, np.sign(rated.human))
    np.testing.assert_array_equal(by_vote.target, np.sign(rated.target))


def test_a_choice_comes_before_two_scores_and_is_turned_to_the_pair():
    panel = voted([vote("v1", "v2", "a"), vote("v2", "v3", "a"), vote("v1", "v3", "a")])
    gaps = panel.differences({"v1": 3.0, "v2": 1.0}, {("v1", "v2"): -1.0, ("v2", "v3"): 0.5})
    # v1-v2 by choice, v1-v3 unknown (v3 has no score), v2-v3 by choice
    np.testing.assert_array_equal(gaps, [-1.0, np.nan, 0.5])
    judged = panel.judged(gaps)
    assert judged.pairs == [("v1", "v2"), ("v2", "v3")]
    np.testing.assert_array_equal(judged.judge, [-1.0, 0.5])


def choice(a, b, said, draw=0, **more):
    return Choice(
        prompt_id="p1", video_a=a, video_b=b, dimension="quality", annotator_id="judge",
        choice=said, draw=draw, **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("choices", "margin"),
    [
        ([choice("v1", "v2", "a")], 1.0),
        ([choice("v2", "v1", "a")], -1.0),
        ([choice("v1", "v2", "a"), choice("v2", "v1", "b")], 1.0),  # the same clip in both orders
        ([choice("v1", "v2", "a"), choice("v2", "v1", "a")], 0.0),  # the first one each time
        ([choice("v1", "v2", "a"), choice("v2", "v1", None)], 1.0),  # one order had no verdict
        ([choice("v1", "v2", "a"), choice("v1", "v2", "both_good", 1)], 0.5),  # two draws
    ],
)
def test_what_choices_make_of_a_pair(choices, margin):
    assert margins_of(choices) == {("judge", "quality"): {("v1", "v2"): margin}}
    assert margins_of(choices[::-1]) == margins_of(choices)


def test_no_verdict_is_no_margin_and_the_first_draw_speaks():
    assert margins_of([choice("v1", "v2", None)]) == {}
    words = [
        choice("v2", "v1", "a", 1, rationale="later"),
        choice("v2", "v1", "a", rationale="first"),
    ]
    assert rationales_of(words, "judge", "quality") == {("v1", "v2"): ("first", "v2")}
    assert rationales_of(words, "other", "quality") == {}
