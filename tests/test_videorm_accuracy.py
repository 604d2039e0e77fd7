"""Pair accuracy against annotator and raters, on a board small enough to count by hand."""

import numpy as np
import pytest

from pipeline.videorm.accuracy import accuracy_rows, annotator_board, difference_rows, rater_board
from pipeline.videorm.data import Group
from schemas import HumanRating

VIDEOS = ("u1", "u2", "v1", "v2")
DIMENSIONS = ("prompt_following", "video_quality")


def group(prompt_id: str, rows, pairs) -> Group:
    """pairs: (dimension, a, b, label)."""
    d, a, b, label = (np.array(column, np.int64) for column in zip(*pairs, strict=True))
    return Group(
        prompt_id=prompt_id,
        prompt=prompt_id,
        rows=np.array(rows),
        dimension=d,
        a=a,
        b=b,
        label=label,
        weight=np.ones(len(d), np.float32),
    )


GROUPS = (
    group("u", [0, 1], [(0, 0, 1, 1), (1, 0, 1, 0)]),
    group("v", [2, 3], [(0, 0, 1, -1), (1, 0, 1, 1)]),
)
REWARDS = {
    # u: prompt_following right. v: prompt_following wrong, video_quality a tie within 1e-6
    "videorm": {"u1": [2, 0], "u2": [1, 5], "v1": [3, 1.0], "v2": [1, 1.0 + 5e-7]},
    # u: wrong; v: prompt_following wrong, video_quality right
    "per_frame": {"u1": [0, 0], "u2": [1, 0], "v1": [3, 2], "v2": [1, 1]},
}


def rows_by_key(rows):
    return {(r["arm"], r["dimension"]): r for r in rows}


def test_annotator_ties_are_dropped_and_a_models_ties_count_half():
    board = annotator_board(GROUPS, VIDEOS, DIMENSIONS, REWARDS)
    rows = rows_by_key(accuracy_rows(board, seed=0))
    # prompt_following: u right, v wrong = 1/2; video_quality: u is dropped, v a model's tie = 1/2
    assert rows["videorm", "prompt_following"]["value"] == 0.5
    assert rows["videorm", "video_quality"]["value"] == 0.5
    assert rows["videorm", "video_quality"]["n_pairs"] == 1
    assert rows["videorm", "video_quality"]["n_prompts"] == 1
    # all: (1 + 0 + 1/2) / 3; per frame (0 + 0 + 1) / 3
    assert rows["videorm", "all"]["value"] == pytest.approx(0.5)
    assert rows["per_frame", "all"]["value"] == pytest.approx(1 / 3)
    assert rows["videorm", "all"]["n_pairs"] == 3
    assert (rows["chance", "all"]["value"], rows["chance", "all"]["low"]) == (0.5, None)


def test_differences_are_paired_by_prompt():
    board = annotator_board(GROUPS, VIDEOS, DIMENSIONS, REWARDS)
    (row,) = [
        r for r in difference_rows(board, "videorm", "per_frame", 0) if r["dimension"] == "all"
    ]
    assert row["value"] == pytest.approx(0.5 - 1 / 3)
    # only prompt u drawn: 1 - 0 = 1; only prompt v: 1/4 - 1/2 = -1/4; both are draws of two prompts
    assert row["low"] == pytest.approx(-0.25)
    assert row["high"] == pytest.approx(1.0)
    same = difference_rows(board, "videorm", "videorm", 0)
    assert all((r["value"], r["low"], r["high"]) == (0, 0, 0) for r in same)


def ratings(scores) -> list[HumanRating]:
    """scores: {video: [score of each rater]}, on one dimension."""
    return [
        HumanRating(
            video_id=v,
            rater=f"r{i}",
            dimension=d,
            prompt_id=v[0],
            generator="g",
            score=s,
            source="test",
        )
        for v, values in scores.items()
        for i, s in enumerate(values)
        for d in ("alignment", "look")
    ]


def test_models_and_people_meet_the_mean_of_the_other_raters():
    people = ratings({"u1": [3, 1, 2], "u2": [1, 2, 2]})
    board = rater_board(
        people,
        ["u"],
        ["prompt_following"],
        {"prompt_following": ["alignment"]},
        {"videorm": {"u1": [1], "u2": [0]}},
        {("u1", "prompt_following"): 0, ("u2", "prompt_following"): 1},
    )
    rows = rows_by_key(accuracy_rows(board, seed=0))
    # u1 - u2 by rater: +2, -1, 0. Without r0 the others' mean difference is -0.5, without r1 +1,
    # without r2 +0.5. The model says +: wrong, right, right = 2/3; the annotator says -: 1/3.
    assert rows["videorm", "all"]["value"] == pytest.approx(2 / 3)
    assert rows["annotator", "all"]["value"] == pytest.approx(1 / 3)
    # people: r0 says + against -, wrong; r1 says - against +, wrong; r2 ties = 1/2: .5 / 3
    assert rows["human_ceiling", "all"]["value"] == pytest.approx(0.5 / 3)
    assert rows["human_ceiling", "all"]["n_pairs"] == 1


def test_several_human_dimensions_are_averaged_and_one_rater_is_no_target():
    one = ratings({"u1": [3], "u2": [1]})
    answers = {"prompt_following": ["alignment", "look"]}
    arguments = (["u"], ["prompt_following"], answers, {"videorm": {"u1": [1], "u2": [0]}}, {})
    assert rater_board(one, *arguments) is None
    two = ratings({"u1": [3, 2], "u2": [1, 1]})
    scores = {("u1", "prompt_following"): 2.0, ("u2", "prompt_following"): 1.0}
    board = rater_board(two, *arguments[:-1], scores)
    assert rows_by_key(accuracy_rows(board, 0))["human_ceiling", "all"]["value"] == 1.0


def test_a_dimension_nobody_rated_is_missing_and_raters_may_differ_by_dimension():
    people = ratings({"u1": [3, 2], "u2": [1, 1]})
    people = [r for r in people if (r.rater, r.dimension) != ("r0", "look")] + [
        HumanRating(
            video_id=v,
            rater="r2",
            dimension="look",
            prompt_id="u",
            generator="g",
            score=s,
            source="test",
        )
        for v, s in (("u1", 1), ("u2", 2))
    ]
    answers = {"prompt_following": ["alignment"], "video_quality": ["look"], "sharpness": ["none"]}
    names = ["prompt_following", "video_quality", "sharpness"]
    rewards = {"videorm": {"u1": [1, 1, 1], "u2": [0, 0, 0]}}
    scores = {(v, d): s for v, s in (("u1", 2.0), ("u2", 1.0)) for d in names}
    board = rater_board(people, ["u"], names, answers, rewards, scores)
    rows = rows_by_key(accuracy_rows(board, 0))
    assert ("videorm", "sharpness") not in rows
    # alignment: r0 +2, r1 +1: both others say +. look: r1 +1, r2 -1: without r1 -, without r2 +
    assert rows["videorm", "prompt_following"]["value"] == 1
    assert rows["videorm", "video_quality"]["value"] == 0.5
    # by rater left out: r0 1/1, r1 (1 + 0) / 2, r2 1/1; the mean of the three
    assert rows["videorm", "all"]["value"] == pytest.approx((1 + 0.5 + 1) / 3)
