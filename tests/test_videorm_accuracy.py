"""Pair accuracy against annotator and people, on boards small enough to count by hand."""

import numpy as np
import pytest

from pipeline.videorm.evaluation.accuracy import (
    Board,
    accuracy_rows,
    difference_rows,
    intervals,
    make_board,
    of_tables,
)
from pipeline.videorm.evaluation.accuracy import (
    row as row_of,
)
from pipeline.videorm.evaluation.slices import slice_rows
from pipeline.videorm.evaluation.targets import (
    Said,
    annotator_choices,
    annotator_scores,
    panels,
)
from pipeline.videorm.evaluation.three_way import three_way_rows
from schemas import HumanRating, HumanVote, Preference
from schemas.ids import pair_id

DIMENSIONS = ("prompt_following", "video_quality")
PF, VQ = DIMENSIONS


def preference(a: str, b: str, dimension: str, margin: float, **fields) -> Preference:
    """Clips are named PROMPT + a digit, which stands for their generator."""
    given = {
        "pair_id": pair_id(a, b, dimension),
        "prompt_id": a[0],
        "prompt": a[0],
        "dimension": dimension,
        "video_a": a,
        "video_b": b,
        "generator_a": f"g{a[1]}",
        "generator_b": f"g{b[1]}",
        "score_a": 3.0 + margin,
        "score_b": 3.0,
        "margin": margin,
        "label": "tie" if margin == 0 else "a" if margin > 0 else "b",
        "weight": 1.0,
        "split": "test",
        "annotator_id": "consensus",
        "n_a": 1,
        "n_b": 1,
    }
    return Preference(**given | fields)


PREFERENCES = (
    preference("u1", "u2", PF, 1),
    preference("u1", "u2", VQ, 0),
    preference("v1", "v2", PF, -1),
    preference("v1", "v2", VQ, 1),
)
REWARDS = {
    # u: prompt_following right. v: prompt_following wrong, video_quality a tie within 1e-6
    "videorm": {"u1": [2, 0], "u2": [1, 5], "v1": [3, 1.0], "v2": [1, 1.0 + 5e-7]},
    # u: wrong; v: prompt_following wrong, video_quality right
    "per_frame": {"u1": [0, 0], "u2": [1, 0], "v1": [3, 2], "v2": [1, 1]},
}


def scores_of(rewards, dimensions=DIMENSIONS):
    return {
        d: {arm: {v: float(r[k]) for v, r in by.items()} for arm, by in rewards.items()}
        for k, d in enumerate(dimensions)
    }


def annotator_board(preferences=PREFERENCES, rewards=REWARDS, prompts=("u", "v"), split="test"):
    found = panels(Said(preferences=preferences), DIMENSIONS, {})["annotator"]
    return make_board("annotator", split, prompts, found, scores_of(rewards))


def rows_by_key(rows):
    return {(r["arm"], r["dimension"]): r for r in rows}


def test_annotator_ties_are_dropped_and_a_models_ties_count_half():
    rows = rows_by_key(accuracy_rows(annotator_board(), seed=0))
    # prompt_following: u right, v wrong = 1/2; video_quality: u is dropped, v a model's tie = 1/2
    assert rows["videorm", PF]["value"] == 0.5
    assert rows["videorm", VQ]["value"] == 0.5
    assert rows["videorm", VQ]["n_pairs"] == 1
    assert rows["videorm", VQ]["n_prompts"] == 1
    # all: (1 + 0 + 1/2) / 3; per frame (0 + 0 + 1) / 3
    assert rows["videorm", "all"]["value"] == pytest.approx(0.5)
    assert rows["per_frame", "all"]["value"] == pytest.approx(1 / 3)
    assert rows["videorm", "all"]["n_pairs"] == 3
    assert (rows["chance", "all"]["value"], rows["chance", "all"]["low"]) == (0.5, None)
    assert {row["ties"] for row in rows.values()} == {"dropped"}
    assert ("human_ceiling", "all") not in rows  # one annotator leaves nobody to be held against


def test_differences_are_paired_by_prompt():
    board = annotator_board()
    (row,) = [
        r for r in difference_rows(board, "videorm", ["per_frame"], 0) if r["dimension"] == "all"
    ]
    assert row["value"] == pytest.approx(0.5 - 1 / 3)
    # only prompt u drawn: 1 - 0 = 1; only prompt v: 1/4 - 1/2 = -1/4; both are draws of two prompts
    assert row["low"] == pytest.approx(-0.25)
    assert row["high"] == pytest.approx(1.0)
    same = difference_rows(board, "videorm", ["videorm"], 0)
    assert [r["value"] for r in same] == [0] * len(same)
    assert {(r["low"], r["high"]) for r in same if r["n_prompts"] > 1} == {(0, 0)}
    assert {(r["low"], r["high"]) for r in same if r["n_prompts"] == 1} <= {(None, None)}


def test_a_clip_that_one_scorer_could_not_score_counts_for_nobody():
    fewer = {**REWARDS, "clip_score": {v: [1, 1] for v in ("u1", "u2", "v1")}}
    rows = rows_by_key(accuracy_rows(annotator_board(rewards=fewer), seed=0))
    assert {r["n_pairs"] for (_, d), r in rows.items() if d == "all"} == {1}
    assert rows["videorm", "all"]["value"] == 1


def test_prompts_of_another_split_do_not_count():
    rows = rows_by_key(accuracy_rows(annotator_board(prompts=("u",)), seed=0))
    assert (rows["videorm", "all"]["value"], rows["videorm", "all"]["n_pairs"]) == (1, 1)
    assert annotator_board(prompts=("w",)) is None


# people


def ratings(scores) -> list[HumanRating]:
    """scores: {video: [score of each rater]}, on two dimensions alike."""
    return [
        HumanRating(
            video_id=v,
            rater=f"r{i}",
            dimension=d,
            prompt_id=v[0],
            generator=f"g{v[1]}",
            score=s,
            source="test",
        )
        for v, values in scores.items()
        for i, s in enumerate(values)
        for d in ("alignment", "look")
    ]


def people_board(said: Said, answers, rewards, dimensions=(PF,), who="raters"):
    found = panels(said, dimensions, answers).get(who)
    if found is None:
        return None
    scores = scores_of(rewards, dimensions)
    for d in found:
        scores[d]["annotator"] = annotator_scores(said.preferences, d)
    choices = {d: {"annotator": annotator_choices(said.preferences, d)} for d in found}
    return make_board(who, "test", ["u"], found, scores, choices)


def test_models_and_people_meet_the_mean_of_the_other_raters():
    said = Said(
        preferences=[preference("u1", "u2", PF, -1)],
        ratings=ratings({"u1": [3, 1, 2], "u2": [1, 2, 2]}),
    )
    board = people_board(said, {PF: ["alignment"]}, {"videorm": {"u1": [1], "u2": [0]}})
    rows = rows_by_key(accuracy_rows(board, seed=0))
    # u1 - u2 by rater: +2, -1, 0. Without r0 the others' mean difference is -0.5, without r1 +1,
    # without r2 +0.5. The model says +: wrong, right, right = 2/3; the annotator says -: 1/3.
    assert rows["videorm", "all"]["value"] == pytest.approx(2 / 3)
    assert rows["annotator", "all"]["value"] == pytest.approx(1 / 3)
    # people: r0 says + against -, wrong; r1 says - against +, wrong; r2 ties = 1/2: .5 / 3
    assert rows["human_ceiling", "all"]["value"] == pytest.approx(0.5 / 3)
    assert rows["human_ceiling", "all"]["n_pairs"] == 1


def test_several_human_dimensions_are_averaged_and_one_rater_is_no_target():
    answers = {PF: ["alignment", "look"]}
    arm = {"videorm": {"u1": [1], "u2": [0]}}
    own = [preference("u1", "u2", PF, 1)]
    one = Said(preferences=own, ratings=ratings({"u1": [3], "u2": [1]}))
    assert people_board(one, answers, arm) is None
    two = Said(preferences=own, ratings=ratings({"u1": [3, 2], "u2": [1, 1]}))
    rows = rows_by_key(accuracy_rows(people_board(two, answers, arm), 0))
    assert rows["human_ceiling", "all"]["value"] == 1.0


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
    answers = {PF: ["alignment"], VQ: ["look"], "sharpness": ["none"]}
    names = (PF, VQ, "sharpness")
    said = Said(preferences=[preference("u1", "u2", d, 1) for d in names], ratings=people)
    board = people_board(said, answers, {"videorm": {"u1": [1, 1, 1], "u2": [0, 0, 0]}}, names)
    rows = rows_by_key(accuracy_rows(board, 0))
    assert ("videorm", "sharpness") not in rows
    # alignment: r0 +2, r1 +1: both others say +. look: r1 +1, r2 -1: without r1 -, without r2 +
    assert rows["videorm", PF]["value"] == 1
    assert rows["videorm", VQ]["value"] == 0.5
    # by rater left out: r0 1/1, r1 (1 + 0) / 2, r2 1/1; the mean of the three
    assert rows["videorm", "all"]["value"] == pytest.approx((1 + 0.5 + 1) / 3)


def test_votes_are_a_target_where_nobody_scored_clips():
    def vote(rater: str, choice: str) -> HumanVote:
        return HumanVote(
            prompt_id="u",
            video_a="u2",
            video_b="u1",
            rater=rater,
            dimension=PF,
            choice=choice,
            source="test",
        )

    votes = [vote("r0", "b"), vote("r1", "b"), vote("r2", "tie")]
    # the annotator compared the two: 1/4 of its verdicts for u1, so u2 by a half
    compared = preference("u2", "u1", PF, 0.5, basis="comparisons", score_a=0.75, score_b=0.25)
    said = Said(preferences=[compared], votes=votes)
    board = people_board(said, {}, {"videorm": {"u1": [1], "u2": [0]}}, who="votes")
    rows = rows_by_key(accuracy_rows(board, 0))
    # for u1: +1, +1, 0. Without r0 +1/2, without r1 +1/2, without r2 +1: u1 every time
    assert rows["videorm", PF]["value"] == 1
    assert rows["annotator", PF]["value"] == 0
    assert rows["human_ceiling", PF]["value"] == pytest.approx((1 + 1 + 0.5) / 3)


# ties


def three(preferences, differences, split="test", dimension=PF):
    """A board of one dimension; clips u1, u2 and so on with these differences of rewards."""
    rewards: dict[str, list[float]] = {}
    for row, d in zip(preferences, differences, strict=True):
        rewards |= {row.video_a: [d, d], row.video_b: [0, 0]}
    prompts = sorted({row.prompt_id for row in preferences})
    return annotator_board(preferences, {"videorm": rewards}, prompts, split)


def test_the_tie_threshold_is_fitted_on_validation_and_frozen():
    made = {"u": 1, "v": 0, "w": -1, "x": 0}
    preferences = [preference(f"{p}1", f"{p}2", PF, m) for p, m in made.items()]
    validation = three(preferences, [2.0, 0.3, -1.0, -0.4], "validation")
    # ties at 0.3 and 0.4, decided from 1.0 up: threshold 0.4 is right about all four
    test = three(preferences, [0.5, 0.4, -0.35, 0.45])
    rows = {
        (r["arm"], r["threshold_from"]): r
        for r in three_way_rows(test, validation, {"videorm": {PF: 1.0}}, 0)
        if r["dimension"] == PF
    }
    # at 0.4: 0.5 a right, 0.4 tie right, -0.35 tie but b, 0.45 a but tie: 2 of 4
    own = rows["videorm", "validation"]
    assert (own["value"], own["threshold"]) == (0.5, 0.4)
    assert (own["n_pairs"], own["ties"]) == (4, "three_way")
    # at log k = 1 all four are ties, which two are
    assert (rows["videorm", "log_k"]["value"], rows["videorm", "log_k"]["threshold"]) == (0.5, 1.0)
    assert rows["all_tie", None]["value"] == 0.5
    # half of the validation pairs are ties, more than a third: guessing calls every pair one
    assert rows["chance", "validation"]["value"] == 0.5


def test_guessing_where_ties_are_rare_is_right_on_half_of_the_rest():
    made = {"u": 1, "v": 1, "w": -1, "x": 0}
    preferences = [preference(f"{p}1", f"{p}2", PF, m) for p, m in made.items()]
    board = three(preferences, [1.0, 1.0, -1.0, 1.0])
    rows = {(r["arm"], r["dimension"]): r for r in three_way_rows(board, board, {}, 0)}
    assert rows["chance", PF]["value"] == pytest.approx((1 - 1 / 4) / 2)
    assert rows["all_tie", "all"]["value"] == pytest.approx(1 / 4)
    assert rows["videorm", "all"]["threshold"] is None  # one per dimension


def test_without_validation_only_the_models_own_threshold_is_there():
    board = three([preference("u1", "u2", PF, 1)], [1.0])
    sources = {r["threshold_from"] for r in three_way_rows(board, None, {}, 0)}
    assert sources == {None}
    sources = {r["threshold_from"] for r in three_way_rows(board, None, {"videorm": {PF: 1}}, 0)}
    assert sources == {None, "log_k"}


def test_against_raters_everybody_gets_a_threshold_for_each_target():
    people = ratings({"u1": [3, 1, 2], "u2": [1, 2, 2]})
    said = Said(preferences=[preference("u1", "u2", PF, -1)], ratings=people)
    board = people_board(said, {PF: ["alignment"]}, {"videorm": {"u1": [1], "u2": [0]}})
    rows = {(r["arm"], r["dimension"]): r for r in three_way_rows(board, board, {}, 0)}
    # no target is tied (-0.5, +1, +0.5), so no threshold helps: as without ties, but a tie is wrong
    assert rows["videorm", PF]["value"] == pytest.approx(2 / 3)
    assert rows["human_ceiling", PF]["value"] == 0
    assert rows["all_tie", PF]["value"] == 0


# slices


def test_slices_by_generator_and_by_what_was_held_out():
    preferences = [
        preference("u1", "u2", PF, 1),
        preference("u1", "u3", PF, 1),
        preference("v2", "v3", PF, 1),
    ]
    rewards = {"videorm": {"u1": [1, 0], "u2": [0, 0], "u3": [2, 0], "v2": [1, 0], "v3": [0, 0]}}
    board = annotator_board(preferences, rewards)
    rows = {r["slice"]: r for r in slice_rows(board, 0, held_out=("g3",)) if r["dimension"] == PF}
    # g1: u1-u2 right, u1-u3 wrong; g2: both right; g3: u1-u3 wrong, v2-v3 right
    assert {w: (r["value"], r["n_pairs"], r["n_prompts"]) for w, r in rows.items()} == {
        "generator=g1": (0.5, 2, 1),
        "generator=g2": (1.0, 2, 2),
        "generator=g3": (0.5, 2, 2),
        "generators=held_out": (0.5, 2, 2),
        "generators=seen": (1.0, 1, 1),
    }
    assert not any("held_out" in r["slice"] for r in slice_rows(board, 0))


def test_a_slice_of_nothing_but_ties_has_no_row():
    board = annotator_board([preference("u1", "u2", PF, 0), preference("u2", "u3", PF, 1)],
                            {"videorm": {"u1": [1, 0], "u2": [0, 0], "u3": [2, 0]}})  # fmt: skip
    assert {r["slice"] for r in slice_rows(board, 0)} == {"generator=g2", "generator=g3"}


def test_scores_of_an_annotator_that_compared_are_shares_of_its_verdicts():
    rows = [
        preference("u1", "u2", PF, 1.0, basis="comparisons", score_a=1.0, score_b=0.0),
        preference("u3", "u1", PF, 0.5, basis="comparisons", score_a=0.75, score_b=0.25),
    ]
    assert annotator_scores(rows, PF) == {"u1": 0.625, "u2": 0.0, "u3": 0.75}
    # by sorted ids: u1 before u3, so the margin turns
    assert annotator_choices(rows, PF) == {("u1", "u2"): 1.0, ("u1", "u3"): -0.5}
    assert annotator_choices([preference("u1", "u2", PF, 1)], PF) == {}


def test_an_annotator_that_judged_few_of_the_pairs_takes_none_away():
    """People rated two prompts, the annotator one: both count, and the annotator is left out."""
    from types import SimpleNamespace

    from pipeline.videorm.evaluation.evaluate import boards

    people = ratings({"u1": [3, 3], "u2": [1, 1], "v1": [2, 2], "v2": [1, 1]})
    said = Said(preferences=[preference("u1", "u2", PF, 1)], ratings=people)
    groups = {"test": [SimpleNamespace(prompt_id="u"), SimpleNamespace(prompt_id="v")]}
    corpus = SimpleNamespace(groups=groups, dimensions=(PF,))
    rewards = {"videorm": {"u1": [1], "u2": [0], "v1": [0], "v2": [1]}}
    by = {b.against: b for b in boards(said, corpus, rewards, {PF: ["look"]}, "test")}
    rows = rows_by_key(accuracy_rows(by["raters"], 0))
    assert (rows["videorm", PF]["value"], rows["videorm", PF]["n_pairs"]) == (0.5, 2)
    assert ("annotator", PF) not in rows
    assert rows_by_key(accuracy_rows(by["annotator"], 0))["videorm", PF]["n_pairs"] == 1


def test_pairs_of_one_prompt_alone_have_no_interval():
    # the second prompt's pair is tied, so every resample that has the first says the same
    table = np.array([[2.0, 0, 3, 0, 3], [0, 0, 0, 1, 1]])
    board = Board(against="annotator", split="test", n_prompts=2, held={})
    (interval,) = intervals(2, [of_tables({"annotator": table})], 0)
    found = row_of(board, {"annotator": table}, "all", interval)
    assert interval.low == interval.high == pytest.approx(2 / 3)
    assert (found["value"], found["n_prompts"]) == (pytest.approx(2 / 3), 1)
    assert (found["low"], found["high"]) == (None, None)
