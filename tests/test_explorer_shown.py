"""What the explorer writes of a score, counts as a failure, and does to clips that play in step."""

from collections.abc import Iterator

import pytest
from report_browser import chromium, opened
from selenium import webdriver
from test_explorer_match import COLUMNS, INDEX, asked, write_run

from pipeline.report.pages import EXPLORE, write_script


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    folder = tmp_path_factory.mktemp("shown")
    write_run(folder, INDEX)
    write_script(folder, "scores-0.js", "scores-0", COLUMNS)
    with chromium() as driver:
        opened(driver, (folder / EXPLORE.file).as_uri())
        yield driver


@pytest.mark.parametrize(
    ("value", "span", "text"),
    [
        (3, 4, "3"),
        (-3021.554, 5000.0, "−3021.55"),
        (2.13e-5, 6e-5, "2.13e−5"),  # a hundredth of the span is 6e-7
        (0.2512, 0.09, "0.2512"),
        (2.13e-5, 0, "2.1e−5"),
        (-0.004, 0, "−0.004"),
        (1e-17, 0, "0.00"),
        (2.5, 0, "2.50"),
    ],
)
def test_a_score_has_the_digits_that_tell_it_from_others(
    page: webdriver.Chrome, value: float, span: float, text: str
) -> None:
    assert page.execute_script("return vp.score(...arguments)", value, span) == text


def test_what_a_judge_does_not_judge_is_no_failure(page: webdriver.Chrome) -> None:
    reasons = [
        {"stage": "annotate", "reason": "not_applicable", "clips": 7, "prompts": 0},
        {"stage": "annotate", "reason": "refusal", "clips": 1, "prompts": 0},
    ]
    index = {**INDEX, "reasons": reasons, "clip_reasons": {"0": [0], "1": [0, 1]}}
    script = """const other = x.layout({...arguments[1], prompt_reasons: {}});
        return [x.troubles(other, 0).failed, x.presets(other, null).map(({title}) => title)];"""
    assert asked(page, script, index) == [1, ["refusal (annotate)"]]


CLIPS = """const clip = (duration) => Object.assign(new EventTarget(), {
    duration, currentTime: 0, paused: true, ended: false, readyState: 4, begun: 0, dataset: {},
    pause() { this.paused = true; },
    play() { this.paused = false; this.begun += 1; return Promise.resolve(); } });
  const long = clip(10), short = clip(5), steps = vp.inStep([long, short]);
  const at = (time, kind = "timeupdate") => { long.currentTime = time; long.dispatchEvent(new Event(kind)); };
  steps.play();"""


def test_a_clip_that_ended_just_before_the_leader_comes_there_does_not_begin_again(
    page: webdriver.Chrome,
) -> None:
    script = """Object.assign(short, { currentTime: 5, ended: true, paused: true });
        at(4.95); at(5.2);
        const waited = short.begun;
        Object.assign(short, { ended: false }); // as its browser says once it is sought
        at(1); at(1.1);
        return [waited, short.begun, short.currentTime];"""
    assert page.execute_script(CLIPS + script) == [1, 2, 1]


def test_the_others_wait_for_a_leader_that_stalls(page: webdriver.Chrome) -> None:
    script = """at(2, "waiting");
        const waited = short.paused;
        at(2.1);
        return [waited, short.paused, steps.paused()];"""
    assert page.execute_script(CLIPS + script) == [True, False, False]


def test_dimensions_stand_in_one_order_whatever_a_clip_lacks(page: webdriver.Chrome) -> None:
    script = """const score = (annotator, dimension) => (
          { annotator, dimension, mean: 2, spread: null, n: 1, low: 1, high: 5, draws: [] });
        const scores = [["consensus", "quality"], ["judge", "following"], ["judge", "quality"]];
        const clip = { generator: "g", ratings: [], scores: scores.map((names) => score(...names)) };
        const table = x.scoreTable(clip, {}, new Map());
        return [...table.querySelectorAll(".group")].map((row) => row.textContent);"""
    assert asked(page, script) == ["following", "quality"]
