"""Consensus, pairs, ties and sides, on cases small enough to work out by hand."""

import itertools
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.preference.consensus import Mark, scores_of_prompt
from pipeline.preference.options import ConsensusOptions, PreferenceOptions
from pipeline.preference.pairing import label_of, pairs_of_prompt
from schemas import CONSENSUS, OVERALL, Prompt

DIMENSIONS = ("prompt_following", "video_quality")
PROMPT = Prompt(prompt_id="p", text="a red kite", source="test")


def marks(scores: dict[str, dict[str, list[float]]], dimension="video_quality") -> list[Mark]:
    """{annotator: {video: [score of each draw]}} as marks."""
    return [
        Mark(video, f"generator of {video}", dimension, annotator, draw, score)
        for annotator, videos in scores.items()
        for video, draws in videos.items()
        for draw, score in enumerate(draws)
    ]


def score_of(given_marks, dimensions=("video_quality",), consensus=None, preferences=None):
    scores = scores_of_prompt(
        "p",
        given_marks,
        dimensions,
        consensus or ConsensusOptions(),
        preferences or PreferenceOptions(),
    )
    return {(s.annotator_id, s.dimension, s.video_id): s for s in scores}


def test_draws_are_averaged_and_their_spread_is_kept():
    score = score_of(marks({"judge": {"v": [3, 4, 5]}}))["judge", "video_quality", "v"]
    assert (score.mean, score.spread, score.n) == (4.0, 1.0, 3)  # sample sd of 3, 4, 5 is 1
    single = score_of(marks({"judge": {"v": [3]}}))["judge", "video_quality", "v"]
    assert (single.mean, single.spread, single.n) == (3.0, None, 1)


def test_the_consensus_weighs_annotators_not_draws():
    # one judge drew three times, the other once: (4 + 2) / 2, not (4 + 4 + 4 + 2) / 4
    found = score_of(marks({"one": {"v": [4, 4, 4]}, "two": {"v": [2]}}))
    consensus = found[CONSENSUS, "video_quality", "v"]
    assert (consensus.mean, consensus.n) == (3.0, 4)
    assert consensus.spread == pytest.approx(2**0.5)  # sample sd of 4 and 2


def test_the_median_ignores_one_wild_annotator():
    wild = marks({"one": {"v": [4]}, "two": {"v": [4]}, "three": {"v": [1]}})
    found = score_of(wild, consensus=ConsensusOptions(method="median"))
    assert found[CONSENSUS, "video_quality", "v"].mean == 4


def test_a_clip_that_one_annotator_failed_on_has_no_consensus():
    found = score_of(marks({"one": {"v": [4], "w": [5]}, "two": {"v": [2]}}))
    assert (CONSENSUS, "video_quality", "v") in found
    assert (CONSENSUS, "video_quality", "w") not in found


def test_an_annotator_with_nothing_to_say_on_a_prompt_does_not_block_it():
    both = marks({"one": {"v": [4], "w": [5]}}) + marks({"two": {"v": [1]}}, "prompt_following")
    found = score_of(both, DIMENSIONS)
    assert found[CONSENSUS, "video_quality", "w"].mean == 5


def test_only_named_annotators_count():
    found = score_of(
        marks({"one": {"v": [4]}, "two": {"v": [2]}}),
        consensus=ConsensusOptions(annotators=["two"]),
    )
    assert found[CONSENSUS, "video_quality", "v"].mean == 2
    assert found["one", "video_quality", "v"].mean == 4


def test_overall_is_the_mean_and_missing_where_a_dimension_is():
    both = marks({"one": {"v": [4], "w": [1]}}, "prompt_following") + marks(
        {"one": {"v": [2]}}, "video_quality"
    )
    found = score_of(both, DIMENSIONS)
    assert found[CONSENSUS, OVERALL, "v"].mean == 3
    assert (CONSENSUS, OVERALL, "w") not in found
    weighed = score_of(
        both,
        DIMENSIONS,
        preferences=PreferenceOptions(weights={"prompt_following": 3, "video_quality": 1}),
    )
    assert weighed[CONSENSUS, OVERALL, "v"].mean == 3.5  # (3 * 4 + 1 * 2) / 4


def pairs(values: dict[str, float], **options):
    found = scores_of_prompt(
        "p",
        marks({"j": {v: [s] for v, s in values.items()}}),
        ("video_quality",),
        ConsensusOptions(),
        PreferenceOptions(),
    )
    return list(
        pairs_of_prompt(PROMPT, found, ("video_quality",), "train", PreferenceOptions(**options))
    )


def test_four_clips_give_six_pairs_per_dimension_and_overall():
    found = pairs({"a": 1, "b": 2, "c": 3, "d": 3})
    assert len(found) == 12
    assert sum(p.label == "tie" for p in found) == 2  # c and d, once per dimension and overall


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 5), min_size=2, max_size=5))
def test_labels_name_the_higher_score_whatever_the_side(values):
    for pair in pairs(values):
        a, b = values[pair.video_a], values[pair.video_b]
        assert pair.margin == a - b
        assert pair.label == ("tie" if a == b else "a" if a > b else "b")


def test_sides_do_not_follow_the_scores():
    # 400 prompts of two clips, the first always better: side a is a fair coin, sd sqrt(400)/2 = 10
    first = 0
    for i in range(400):
        (pair, *_) = pairs({f"x{i}": 5, f"y{i}": 1})
        first += pair.label == "a"
    assert 160 <= first <= 240


def test_float_noise_makes_no_winner():
    # 0.1 + 0.2 and 0.3 differ by 6e-17: a tie after rounding to 1e-9
    assert {p.label for p in pairs({"v": 0.1 + 0.2, "w": 0.3})} == {"tie"}


def test_tie_margin_includes_its_end():
    assert [label_of(m, 0.5) for m in (0.5, 0.51, -0.5, -0.51)] == ["tie", "a", "tie", "b"]


@given(st.lists(st.floats(1, 5), min_size=2, max_size=6))
def test_order_of_annotations_changes_nothing(values):
    given_marks = [
        Mark(f"v{i}", "g", "video_quality", "j", d, v)
        for i, v in enumerate(values)
        for d in range(2)
    ]
    one = scores_of_prompt(
        "p", given_marks, ("video_quality",), ConsensusOptions(), PreferenceOptions()
    )
    other = scores_of_prompt(
        "p", reversed(given_marks), ("video_quality",), ConsensusOptions(), PreferenceOptions()
    )
    assert one == other
    means = [s.mean for s in one if s.annotator_id == "j" and s.dimension == "video_quality"]
    assert statistics.fmean(means) == pytest.approx(statistics.fmean(values))
    assert len(list(itertools.combinations(values, 2))) == len(
        list(
            p
            for p in pairs_of_prompt(PROMPT, one, ("video_quality",), "test", PreferenceOptions())
            if p.dimension == OVERALL
        )
    )
