"""VideoRM's page in Python: the sentences it begins with, and the clips that its pairs name."""

import json
from pathlib import Path
from typing import Any

import pytest
from report_run import DIMENSIONS, HOSTILE_RATIONALE, TEXTS, data, make_run, metrics

from pipeline.report import ReportOptions, write_report
from pipeline.report.media import Media
from pipeline.report.tables import read_json
from pipeline.report.videorm_findings import findings, main_arm, percent, points
from pipeline.report.videorm_page import write_videorm_data
from schemas.layout import Layout

Numbers = tuple[float | None, float | None, float | None]


def row(arm: str, numbers: Numbers, dimension: str = "all", **fields: Any) -> dict[str, Any]:
    value, low, high = numbers
    whole = {"against": "raters", "split": "test", "n_pairs": 2384, "n_prompts": 216}
    return {**whole, "arm": arm, "dimension": dimension, "value": value, "low": low, "high": high,
            **fields}  # fmt: skip


def gap(minus: str, numbers: Numbers, dimension: str = "all", **fields: Any) -> dict[str, Any]:
    return row("videorm", numbers, dimension, minus=minus, **fields)


ACCURACY = [
    row("videorm", (0.7534, 0.7345, 0.7714)),
    row("per_frame", (0.6657, 0.6447, 0.6869)),
    row("human_ceiling", (0.7544, 0.7433, 0.7652)),
]


def said_of(*differences: dict[str, Any], accuracy: list[dict[str, Any]] | None = None) -> Any:
    (found,) = findings({"accuracy": accuracy or ACCURACY, "differences": list(differences)})
    return found


def test_the_first_sentence_says_whether_by_how_much_how_sure_and_against_whom() -> None:
    found = said_of(gap("per_frame", (0.0877, 0.0652, 0.1099)))
    assert found["verdict"] == "better"
    assert found["headline"] == (
        "VideoRM is better than its per-frame control against the raters (each left out in turn, held"
        " against the mean of the others): it orders 75.3 % [73.5, 77.1] of 2,384 pairs of 216 prompts as"
        " they do, the control 66.6 % [64.5, 68.7]; the difference on the same pairs is +8.8 points"
        " [+6.5, +11.0]."
    )


@pytest.mark.parametrize(
    ("numbers", "verdict", "words"),
    [
        ((0.02, 0.001, 0.04), "better", "VideoRM is better than its per-frame control"),
        # an end at zero is no side of it
        ((0.02, 0.0, 0.04), "open", "VideoRM is not shown to differ from its per-frame control"),
        ((0.02, -0.01, 0.04), "open", "VideoRM is not shown to differ"),
        ((-0.03, -0.05, -0.01), "worse", "VideoRM is worse than its per-frame control"),
        ((0.2, None, None), "unknown", "no interval, so nothing is shown"),
    ],
)
def test_a_difference_is_called_one_only_on_one_side_of_zero(
    numbers: Numbers, verdict: str, words: str
) -> None:
    found = said_of(gap("per_frame", numbers))
    assert found["verdict"] == verdict
    assert words in found["headline"]
    assert ("holds zero" in found["headline"]) == (verdict == "open")


def test_how_far_below_the_ceiling_it_is_and_whether_that_is_known() -> None:
    below = gap("human_ceiling", (-0.031, -0.05, -0.012))
    (sentence,) = said_of(gap("per_frame", (0.1, 0.08, 0.12)), below)["more"]
    assert sentence == (
        "One rater, held against the others, reaches 75.4 % [74.3, 76.5]: the human ceiling."
        " VideoRM is 3.1 points below it [−5.0, −1.2]."
    )
    near = gap("human_ceiling", (-0.001, -0.019, 0.016))
    assert said_of(near)["more"][0].endswith(
        "VideoRM is 0.1 points below it [−1.9, +1.6], an interval that holds zero."
    )
    # metrics.json of before that difference was kept: 75.34 - 75.44 = -0.10 points
    assert said_of()["more"][0].endswith(
        "VideoRM is 0.1 points below it (no interval of the difference was kept)."
    )


def test_dimensions_and_the_annotator_are_told_apart() -> None:
    rows = [*ACCURACY[:2], row("annotator", (0.83, 0.82, 0.84))]
    found = said_of(
        gap("per_frame", (0.0877, 0.0652, 0.1099)),
        gap("per_frame", (-0.006, -0.038, 0.026), "prompt_following", n_pairs=1193),
        gap("per_frame", (0.182, 0.148, 0.216), "video_quality", n_pairs=1191),
        gap("annotator", (-0.0766, -0.095, -0.061)),
        accuracy=rows,
    )
    assert found["more"] == [
        "By dimension: prompt following −0.6 points [−3.8, +2.6] (n = 1,193), an interval that holds"
        " zero; video quality +18.2 points [+14.8, +21.6] (n = 1,191).",
        "The annotator, whose labels it was trained on, reaches 83.0 % [82.0, 84.0]: VideoRM is 7.7"
        " points below the annotator [−9.5, −6.1].",
    ]


def test_without_a_control_and_of_few_prompts_that_is_said() -> None:
    (alone,) = findings({"accuracy": [row("videorm", (0.7, None, None), n_prompts=4)]})
    assert alone["verdict"] == "unknown"
    assert "no per-frame control was trained beside it" in alone["headline"]
    assert "VideoRM orders 70.0 % of 2,384 pairs" in alone["headline"]
    assert alone["more"] == ["Of 4 prompts: intervals over so few are too narrow."]


def test_a_difference_that_was_not_measured_is_no_error_and_no_number() -> None:
    found = said_of(gap("per_frame", (None, None, None)), gap("human_ceiling", (None, None, None)))
    assert found["verdict"] == "unknown"
    assert found["headline"].endswith("its difference from the per-frame control was not measured.")
    assert found["more"][0].endswith(
        "0.1 points below it (no interval of the difference was kept)."
    )
    none = said_of(gap("human_ceiling", (0.0001, -0.01, 0.01)))
    assert none["more"][0].endswith(
        "VideoRM is level with it [−1.0, +1.0], an interval that holds zero."
    )


def test_a_number_that_is_none_reaches_the_page_as_undefined(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text('{"accuracy": [{"value": NaN, "low": -Infinity}]}')
    assert read_json(tmp_path / "metrics.json") == {"accuracy": [{"value": None, "low": None}]}


def test_so_few_prompts_show_no_difference() -> None:
    rows = [{**one, "n_prompts": 1, "n_pairs": 1} for one in ACCURACY[:2]]
    found = said_of(gap("per_frame", (0.5, 0.5, 0.5)), accuracy=rows)
    assert found["verdict"] == "few"
    assert "too few prompts to tell the two apart" in found["headline"]
    assert "of 1 pair of 1 prompt as they do" in found["headline"]


def test_the_control_itself_is_not_told_to_lack_a_control() -> None:
    (found,) = findings({"accuracy": ACCURACY[1:], "arms": {"per_frame": {}}})
    assert "sees every frame by itself" in found["headline"]
    assert "no per-frame control" not in found["headline"]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ("machine", "whose labels it was trained on, reaches"),
        ("human", "whose labels it was not trained on, reaches"),
        ("both", "whose labels it was trained on beside people's, reaches"),
    ],
)
def test_what_the_model_was_trained_on_is_told_as_it_was(labels: str, words: str) -> None:
    rows = [*ACCURACY[:2], row("annotator", (0.83, 0.82, 0.84))]
    (found,) = findings({"accuracy": rows, "labels": labels})
    assert words in " ".join(found["more"])


def test_people_come_before_labels_and_numbers_have_one_zero() -> None:
    rows = [row("videorm", (0.7, 0.6, 0.8), against=w) for w in ("annotator", "votes", "raters")]
    assert [f["against"] for f in findings({"accuracy": rows})] == ["raters", "votes", "annotator"]
    assert findings({"accuracy": [row("videorm", (None, None, None))]}) == []
    assert findings({}) == []
    assert points(gap("x", (-0.0001, -0.01, 0.0004))) == "0.0 points [−1.0, 0.0]"
    assert percent(row("x", (None, None, None))) == "undefined"


def test_the_page_is_about_the_arm_that_the_differences_are_of() -> None:
    assert main_arm({"arms": {"shift": {}, "per_frame": {}}}) == "shift"
    assert main_arm(metrics()) == "videorm"
    assert main_arm({}) == "videorm"


def test_the_clips_that_pairs_name_are_there_with_what_was_said_of_them(tmp_path: Path) -> None:
    record = make_run(tmp_path)
    record["config"]["videorm"] = {"data": {"labels": "human"}}
    write_report(tmp_path, ReportOptions(), record)
    found = data(tmp_path, "videorm.js")
    assert found["labels"] == "human"
    assert [f["verdict"] for f in found["findings"]] == ["better", "better"]
    (pair,) = found["worst_pairs"][1]["pairs"]
    assert found["prompts"] == {pair["prompt_id"]: TEXTS[1]}  # the other prompt is not of this run
    a, b = (found["clips"][pair[side]["video_id"]] for side in ("a", "b"))
    assert len(found["clips"]) == 2
    # by generator in the prompt, as the explorer counts: alpha is the first clip, and here the worse
    assert (a["number"], b["number"]) == (2, 1)
    given = {s["annotator"]: s["mean"] for s in a["scores"] if s["dimension"] == DIMENSIONS[0]}
    assert given["signal"] == 4
    assert (tmp_path / "report" / a["media"]).is_file()
    assert len(a["frames"]["items"]) == 4
    assert all(len(score["draws"]) <= 1 for score in a["scores"])
    assert [r["scores"] for r in a["ratings"] if r["dimension"] == DIMENSIONS[0]] == [[4, 5, 4]]
    # a judge compared the two in both orders
    (compared,) = found["comparisons"].values()
    assert {one["rationale"] for one in compared} == {HOSTILE_RATIONALE}
    assert {tuple(one["shown"]) for one in compared} == {(a["id"], b["id"]), (b["id"], a["id"])}


def test_older_metrics_are_drawn_and_none_is_told(tmp_path: Path) -> None:
    make_run(tmp_path)
    media = Media(layout=Layout(tmp_path), folder=tmp_path / "report")
    write_videorm_data(media, metrics())  # before its worst pairs were kept
    found = data(tmp_path, "videorm.js")
    assert (found["clips"], found["prompts"], found["comparisons"]) == ({}, {}, {})
    assert json.dumps(found["findings"]) == json.dumps(findings(metrics()))
    write_videorm_data(media, None)
    assert data(tmp_path, "videorm.js") is None
