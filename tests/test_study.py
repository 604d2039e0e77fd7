"""Points of a study, the rule that recommends one, and the numbers behind it, worked by hand."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.ledger import Spent
from pipeline.audit.targets import Said, our_targets
from pipeline.config import Config
from pipeline.dataset.parquet import write_rows
from pipeline.presets import filled
from pipeline.study.charts import curves
from pipeline.study.cost import Cost
from pipeline.study.grid import Point, Setting, points_of
from pipeline.study.labels import labels_of
from pipeline.study.measured import HumanPairs, ceiling, mean_of, measured, minus
from pipeline.study.names import KNOWN
from pipeline.study.options import StudyOptions
from pipeline.study.place import Placed
from pipeline.study.recommend import best_of, recommend, settled
from pipeline.study.result import Difference, Result, Row, Study
from pipeline.study.shapes import nice, side_by_side
from schemas import Annotation, Failure, HumanRating, Reason
from schemas.layout import Layout
from schemas.options import SetupError

JUDGE = {"kind": "openai", "model": "judge", "base_url": "http://localhost:1/v1"}


def config(*annotators: dict[str, Any], **more: Any) -> Config:
    return Config.model_validate(
        {
            "sources": [{"kind": "simulated", "prompts": 4}],
            "annotators": list(annotators or [JUDGE]),
            **more,
        }
    )


def settings(points: list[Point]) -> list[tuple[int, float | None, int]]:
    return [(p.setting.frames, p.setting.temperature, p.setting.draws) for p in points]


# points


def test_without_a_word_the_paper_s_axes_are_tried_one_at_a_time():
    points, notes = points_of(config(), StudyOptions())
    assert settings(points) == [
        (4, 0.3, 1), (6, 0.3, 1), (8, 0.3, 1), (8, 0.5, 1), (8, 0.7, 1), (8, 0.9, 1), (10, 0.3, 1),
    ]  # fmt: skip
    assert [point.own for point in points].count(True) == 1
    assert notes == ["no axis is given: frames and temperature are those of VideoPrefer's ablation"]


def test_a_grid_is_every_combination_and_one_at_a_time_has_the_own_point():
    options = StudyOptions(temperature=[0.5, 0.9], draws=[1, 3], design="grid")
    assert settings(points_of(config(), options)[0]) == [
        (8, 0.5, 1), (8, 0.5, 3), (8, 0.9, 1), (8, 0.9, 3),
    ]  # fmt: skip
    options = StudyOptions(temperature=[0.5, 0.9], draws=[3])
    assert settings(points_of(config(), options)[0]) == [
        (8, 0.3, 1), (8, 0.3, 3), (8, 0.5, 1), (8, 0.9, 1),
    ]  # fmt: skip


def test_a_measurement_is_not_multiplied_by_what_changes_nothing_it_says(tmp_path):
    (tmp_path / "old.csv").write_text("video_id,annotator,score\nclip0,old,3\n")
    recorded = {"kind": "recorded", "path": str(tmp_path / "old.csv")}
    options = StudyOptions(frames=[4, 8], temperature=[0.3, 0.9], draws=[1, 3], design="grid")
    points, notes = points_of(config(JUDGE, {"kind": "signal"}, recorded), options)
    by_judge = [point.judge.annotator_id for point in points]
    assert [by_judge.count(name) for name in ("judge", "signal", "old")] == [8, 2, 1]
    assert notes == [
        "signal (kind signal) has one point for all values of temperature, draws: they change nothing "
        "it says",
        "old (kind recorded) has one point for all values of frames, temperature, draws: they change "
        "nothing it says",
    ]
    with pytest.raises(SetupError, match="one point only"):
        points_of(config({"kind": "signal"}), StudyOptions(temperature=[0.3, 0.9]))


def test_judges_are_named_or_described_and_rubrics_are_an_axis():
    other = {**JUDGE, "model": "other", "temperature": 0.7}
    options = StudyOptions.model_validate({"annotators": ["judge", other]})
    points, _ = points_of(config(JUDGE, {"kind": "signal"}), options)
    assert [(p.judge.annotator_id, p.setting.temperature) for p in points] == [
        ("judge", 0.3), ("other", 0.7),
    ]  # fmt: skip
    sets = [["videoprefer/video_quality"], ["videoprefer/prompt_following"]]
    options = StudyOptions(rubrics=sets, design="grid")
    points, _ = points_of(config(), options)
    assert [list(p.setting.rubrics) for p in points] == sets
    assert labels_of(points) == ["rubrics 1", "rubrics 2"]


def test_a_preset_s_judging_is_that_of_a_study_s_own_judges_too():
    tree = {
        "preset": "videoprefer-paper",
        "annotators": [JUDGE],
        "study": {"annotators": ["judge", JUDGE]},
    }
    judges = filled(tree)["study"]["annotators"]
    assert judges[0] == "judge"
    assert (
        judges[1]
        == filled({"preset": "videoprefer-paper", "annotators": [JUDGE]})["annotators"][0]
        != JUDGE
    )


def test_names_of_points_are_folders_and_differ_with_every_setting():
    axes = StudyOptions(frames=[4, 8], temperature=[0.3, 0.5, None], draws=[1, 2], design="grid")
    strange = {**JUDGE, "model": "../org/model:8b"}
    points, _ = points_of(config(strange, JUDGE), axes)
    names = [point.name for point in points]
    assert len(set(names)) == len(names) == 24
    assert all("/" not in name and not name.startswith(".") for name in names)
    assert len(set(labels_of(points))) == 24


# the rule


def result(
    name: str, value: float | None, gap: float | None, se: float | None, **more: Any
) -> Result:
    """A point with so many frames as its name says, and a cost of its own."""
    cost = {"n_clips": 10, "requests": 10, "input_tokens": 100, "output_tokens": 0, "usd": 1.0}
    setting = Setting(frames=int(name), temperature=0.3, draws=1, rubrics=("r",))
    judge = config().annotators[0].model_copy(update={"name": "judge"})
    return Result(
        point=Point(judge=judge, setting=setting, own=False),
        label=f"{name} frames",
        rows=[Row(dimension="d", value=value, low=0, high=1, n_items=9, n_raters=2)],
        scored=more.pop("scored", 10),
        rated=10,
        cost=Cost(**{**cost, **more}),
        difference=Difference(value=gap, low=gap, high=gap, se=se, n_items=9),
        within=gap is not None and se is not None and gap + se >= 0,
        best=gap == 0 and not se,
    )


def test_the_cheapest_within_one_standard_error_of_the_best():
    points = [
        result("2", 0.70, -0.10, 0.04, usd=0.1),  # cheaper, and too bad
        result("4", 0.78, -0.02, 0.03, usd=0.5),
        result("6", 0.79, -0.01, 0.03, usd=0.6),
        result("8", 0.80, 0.0, 0.0, usd=1.0),
        result("9", 0.78, -0.02, 0.01, usd=0.2),  # as bad as 4 frames, but surely so
    ]
    found = recommend(points, 0.9)
    assert found is not None
    assert (found.point, found.best) == (points[1].point.name, points[3].point.name)
    assert found.within == [p.point.name for p in points[1:4]]
    assert found.cheapest_by == "usd"
    assert "$0.0500 per clip against $0.1000" in found.reasons[-1]


def test_without_prices_cost_goes_by_tokens_and_without_tokens_by_frames():
    unknown = [
        result("4", 0.8, 0.0, 0.0, usd=None, input_tokens=300),
        result("8", 0.8, 0.0, 0.0, usd=0.0, input_tokens=200),
    ]
    found = recommend(unknown, 0.9)
    assert found is not None
    assert (found.point, found.cheapest_by) == (unknown[1].point.name, "tokens")
    assert "prices are unknown or zero" in found.reasons[-1]
    free = [result(name, 0.8, 0.0, 0.0, usd=0.0, input_tokens=0) for name in ("8", "4")]
    found = recommend(free, 0.9)
    assert found is not None
    assert (found.point, found.cheapest_by) == (free[1].point.name, "frames")


def test_of_points_that_cost_the_same_the_one_that_agrees_best_is_taken():
    """Replies of one point are a token longer by chance: that is no reason to take the worse one."""
    points = [
        result("4", 0.79, -0.01, 0.02, usd=0.500),
        result("6", 0.80, 0.0, 0.0, usd=0.503),
        result("8", 0.80, 0.0, 0.01, usd=0.51),
    ]
    found = recommend(points, 0.9)
    assert found is not None
    assert found.point == found.best == points[1].point.name
    assert "of the 2 that are equal in this" in found.reasons[-1]
    free = [
        dataclasses.replace(result("8", value, gap, se, usd=0.0, input_tokens=0), label=name)
        for name, value, gap, se in (("one", 0.79, -0.01, 0.02), ("other", 0.80, 0.0, 0.0))
    ]
    judge = free[1].point.judge.model_copy(update={"name": "other"})
    free[1] = dataclasses.replace(free[1], point=dataclasses.replace(free[1].point, judge=judge))
    assert recommend(free, 0.9).point == free[1].point.name  # type: ignore[union-attr]


def test_a_point_that_left_out_clips_is_not_recommended_for_being_cheap():
    points = [result("4", 0.8, 0.0, 0.01, usd=0.1, scored=5), result("8", 0.8, 0.0, 0.0)]
    found = recommend(points, 0.9)
    assert found is not None
    assert found.point == points[1].point.name
    assert "scored less than 90% of the clips" in found.reasons[-1]
    assert recommend(points, 0.5).point == points[0].point.name  # type: ignore[union-attr]


def test_the_best_is_one_that_scored_the_clips_where_there_is_one():
    assert best_of([0.8, 0.9, None], [1.0, 0.5, 1.0], 0.9) == 0
    assert best_of([0.8, 0.9, None], [0.5, 0.5, 1.0], 0.9) == 1
    assert best_of([0.8, 0.8], [1.0, 1.0], 0.9) == 0
    assert best_of([None], [1.0], 0.9) is None


def test_the_best_is_beaten_by_nobody_on_the_clips_that_both_scored():
    """The first has the highest value, of the easy clips; on these the second does better."""
    gaps = {0: [0.0, 0.02, 0.05], 1: [-0.02, 0.0, None]}
    assert settled(0, [True, True, False], gaps.__getitem__) == 1
    assert settled(0, [True, False, False], gaps.__getitem__) == 0
    round_about = {0: [0.0, 0.1, -0.1], 1: [-0.1, 0.0, 0.1], 2: [0.1, -0.1, 0.0]}
    assert settled(0, [True] * 3, round_about.__getitem__) == 0


def test_nothing_is_recommended_where_nothing_has_a_value_and_an_interval():
    assert recommend([result("4", None, None, None)], 0.9) is None
    assert recommend([result("4", 0.8, 0.0, None)], 0.9) is None


# the numbers


def rating(prompt: int, place: int, rater: str, score: float) -> HumanRating:
    return HumanRating(
        video_id=f"v{prompt}{place}",
        rater=rater,
        dimension="d",
        prompt_id=f"p{prompt}",
        generator="g",
        score=score,
        source="test",
    )


def people(ratings: list[HumanRating]) -> HumanPairs:
    said = Said(scores=[], choices=[], ratings=ratings, votes=[], generators={})
    (target,) = our_targets(said, {"d": ["d"]})
    return HumanPairs.of(target, ["p0", "p1", "p2"])


@pytest.fixture
def two_raters() -> HumanPairs:
    """Two prompts of three; in the second the raters contradict each other on one pair."""
    scores = {"ann": [(1, 2, 3), (1, 2, 3)], "ben": [(1, 2, 3), (2, 1, 3)]}
    return people(
        [
            rating(prompt, place, rater, score)
            for rater, prompts in scores.items()
            for prompt, clips in enumerate(prompts)
            for place, score in enumerate(clips)
        ]
    )


def test_a_statistic_by_hand(two_raters):
    """The judge has p0 right and p1 as ann has it: against ben one of six pairs is wrong, against ann
    none: the mean over who is left out is (1 + 5/6) / 2. The ceiling is 5/6 for both. Against both
    together that pair is tied, so it does not count: 1."""
    scores = {"v00": 1, "v01": 2, "v02": 3, "v10": 1, "v11": 2, "v12": 3}
    judge = two_raters.pairs.differences(scores)
    once = np.ones((1, 3))
    loo = measured(two_raters, judge, "pair_accuracy_ties_half_loo")
    assert loo.of_counts(once)[0] == pytest.approx((1 + 5 / 6) / 2)
    assert loo.n_items == 12
    top = ceiling(two_raters, "pair_accuracy_ties_half_loo")
    assert top is not None
    assert top.of_counts(once)[0] == pytest.approx(5 / 6)
    both = measured(two_raters, judge, "pair_accuracy_ties_half")
    assert (both.of_counts(once)[0], both.n_items) == (1, 5)
    assert ceiling(two_raters, "pair_accuracy_ties_half") is None
    # with ties the pair that people tie is one the judge does not: 5 of 6
    ties = measured(two_raters, judge, "pair_agreement_with_ties")
    assert (ties.of_counts(once)[0], ties.n_items) == (pytest.approx(5 / 6), 6)
    # the second prompt drawn twice, the first not at all: of six pairs against ben two are wrong
    again = loo.of_counts(np.array([[0.0, 2.0, 0.0]]))
    assert again[0] == pytest.approx((1 + 4 / 6) / 2)


def test_a_missing_score_takes_its_pairs_out(two_raters):
    judge = two_raters.pairs.differences({"v00": 1, "v01": 2, "v10": 1, "v11": 2, "v12": 3})
    assert measured(two_raters, judge, "pair_accuracy_ties_half_loo").n_items == 2 * (1 + 3)


def test_pairs_of_one_prompt_tell_nothing_of_the_spread(two_raters):
    """Nor does the mean with a dimension that has many: half of it would be taken for certain."""
    whole = {"v00": 1, "v01": 2, "v02": 3, "v10": 1, "v11": 2, "v12": 3}
    one = {name: score for name, score in whole.items() if name.startswith("v0")}
    many, few = (
        measured(two_raters, two_raters.pairs.differences(x), "pair_accuracy_ties_half_loo")
        for x in (whole, one)
    )
    assert (many.n_prompts, few.n_prompts) == (2, 1)
    assert many.spreads
    assert not mean_of([many, few]).spreads
    assert not minus(many, few).spreads


@given(st.lists(st.integers(1, 5), min_size=6, max_size=6), st.sampled_from(KNOWN))
def test_a_difference_from_oneself_is_nothing_in_every_draw(scores, statistic):
    ratings = [rating(p, k, r, 1 + (k + p) % 3) for p in (0, 1) for k in range(3) for r in "ab"]
    held = people(ratings)
    own = dict(zip([f"v{p}{k}" for p in (0, 1) for k in range(3)], scores, strict=True))
    one = measured(held, held.pairs.differences(own), statistic)
    draws = np.array([[1.0, 1, 1], [2, 0, 1], [0, 3, 0], [0, 0, 3]])
    gap = minus(mean_of([one, one]), one).of_counts(draws)
    assert np.isnan(gap[3])  # a draw without a pair
    assert np.all(np.isnan(gap[:3]) | (gap[:3] == 0))


def test_cost_counts_failures_that_were_paid_and_each_reply_once(tmp_path):
    """Two draws share a request, whose cost stands on the first; a refusal cost something, a clip that
    could not be read did not."""
    said = {
        "dimension": "d", "annotator_id": "judge", "prompt_id": "p", "generator": "g", "score": 3.0,
        "scale_low": 1.0, "scale_high": 5.0, "n_frames": 8, "reply_key": "k1",
    }  # fmt: skip
    paid = {"input_tokens": 100, "output_tokens": 20, "cost_usd": 0.25}
    free = {"input_tokens": None, "output_tokens": None, "cost_usd": 0.0}
    annotations = [
        Annotation(video_id="v", draw=draw, **said, **cost)
        for draw, cost in enumerate((paid, free))
    ]
    lost = [
        Failure(stage="annotate", key="w/d/judge/0", reason=Reason.REFUSAL, message="no", reply_key="k2",
                **paid),
        Failure(stage="video", key="x", reason=Reason.UNDECODABLE, message="no", **free),
    ]  # fmt: skip
    (point, *_), _ = points_of(config(), StudyOptions())
    placed = Placed(point=point, config=config(), layout=Layout(tmp_path))
    write_rows(Annotation, annotations, placed.layout.table("annotations") / "part-0.parquet")
    write_rows(Failure, lost, placed.layout.table("failures") / "part-0.parquet")
    cost = Cost.of(placed, 2)
    assert (cost.requests, cost.tokens, cost.usd, cost.usd_per_clip) == (2, 240, 0.5, 0.25)
    down = Failure(
        stage="annotate", key="x/d/judge/0", reason=Reason.UNAVAILABLE, message="no", **free
    )
    write_rows(Failure, [*lost, down], placed.layout.table("failures") / "part-0.parquet")
    cost = Cost.of(placed, 4)  # of four rows three were answered: what was not is not cheap
    assert (cost.usd, cost.answered, cost.usd_per_clip) == (0.5, 0.75, 0.5 / 3)


# pictures


def test_round_numbers_and_points_of_one_cost_next_to_each_other():
    assert nice(0, 1, 5) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert nice(0.71, 0.86, 5) == pytest.approx([0.75, 0.8, 0.85])
    assert side_by_side([10.0, 30.0, 10.0]) == [3.0, 30.0, 17.0]


def test_many_lines_stand_in_several_charts():
    """Of 4 x 3 x 2 settings along frames: a chart for each of two draws, three temperatures in each; the
    signal annotator, which has neither, stands alone."""
    options = StudyOptions(
        frames=[4, 6, 8, 10], temperature=[0.3, 0.6, 0.9], draws=[1, 2], design="grid"
    )
    points, _ = points_of(config(JUDGE, {"kind": "signal"}), options)
    labels = labels_of(points)
    one = result("4", 0.8, 0.0, 0.1)
    told = Study(
        name="s", layout=Layout(Path("out")), stopped="", simulated=False, statistic="accuracy",
        design="grid", dimension="d", dimensions=["d"],
        axes={"annotators": ["judge", "signal"], "frames": [4, 6, 8, 10],
              "temperature": [0.3, 0.6, 0.9], "draws": [1, 2]},
        n_points=28, n_clips=4, n_prompts=2, n_raters=2, level=0.95, resamples=100,
        results=[dataclasses.replace(one, point=p, label=n) for p, n in zip(points, labels)],
        places=[], ceiling=[], recommendation=None, notes=[], paid=Spent(),
    )  # fmt: skip
    seen = {
        axis: [
            (c.where, [line.label for line in c.lines]) for c in curves(told) if c.x_title == axis
        ]
        for axis in ("frames per clip", "temperature")
    }
    warm = ["temperature 0.3", "temperature 0.6", "temperature 0.9"]
    assert seen["frames per clip"] == [
        ("judge, 1 draw", warm), ("judge, 2 draws", warm), ("signal", [""]),
    ]  # fmt: skip
    frames = [f"judge, {n} frames" for n in (4, 6, 8, 10)]
    assert seen["temperature"] == [("1 draw", frames), ("2 draws", frames)]
    ends = [mark.x for chart in curves(told) for line in chart.lines for mark in line.marks]
    assert min(ends) > 58
    assert max(ends) < 560


def test_results_are_plain_values():
    one = result("4", 0.8, 0.0, 0.0)
    assert dataclasses.replace(one, scored=0, rated=0).coverage == 0
    assert one.coverage == 1
