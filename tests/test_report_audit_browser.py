"""The audit page in headless Chromium: every statistic, every n, hostile text, narrow and wide."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from report_audit import ANNOTATORS, DIFFERS, HOSTILE_NAME, RATERS, full_audit
from report_browser import as_wide_as, chromium, opened, requested, texts, waits
from report_run import make_run
from selenium import webdriver
from selenium.webdriver.common.by import By

from pipeline.report import ReportOptions, write_report
from pipeline.report.audit_page import write_audit_page

DRAWN = "return document.querySelectorAll('.chart svg').length > 10"


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    with chromium() as driver:
        yield driver


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_audit_page(tmp_path_factory.mktemp("audit") / "an audit #1 %", *full_audit())


@pytest.fixture
def page(browser: webdriver.Chrome, alone: Path) -> webdriver.Chrome:
    opened(browser, alone.as_uri())
    waits(browser, DRAWN)
    return browser


def test_it_opens_from_disk_without_errors_or_network(page: webdriver.Chrome) -> None:
    assert page.get_log("browser") == []
    assert [u for u in requested(page) if not u.startswith(("file://", "data:"))] == []
    assert page.title != "owned"
    assert "Report" not in texts(page, "#nav a")  # there is none beside it


def test_every_statistic_is_shown(page: webdriver.Chrome) -> None:
    """What is drawn for a row is what is drawn for its statistic's name."""
    missing = page.execute_script("""
        const text = document.getElementById('content').textContent;
        const folded = text.toLowerCase();
        return vp.unique(vp.data.audit.rows.map((row) => row.statistic)).filter((name) =>
          !['confusion_share'].includes(name)
          && !folded.includes(vp.statisticName(name).toLowerCase())
          && !folded.includes(vp.shortName(name).toLowerCase()));""")
    assert missing == []
    matrix = texts(page, ".confusion")[0]
    assert "share of all 5,571 pairs of scores" in matrix
    assert matrix.count("14.0 %[13.0, 15.0]") == 5


def test_every_figure_stands_with_its_n_and_an_interval_or_why_there_is_none(
    page: webdriver.Chrome,
) -> None:
    bare = page.execute_script("""
        const cells = [...document.querySelectorAll('.pivot td')].filter((td) => td.querySelector('.figure'));
        const column = (td) => td.closest('table').tHead.rows[0].cells[td.cellIndex].textContent;
        const whole = (td) => /\\d/.test((td.querySelector('.n') || {}).textContent || '')
          && (/\\[.+, .+\\]|exact|no interval/.test(td.querySelector('.interval').textContent)
            || column(td) === 'p of the gap, adjusted');
        return [cells.length, cells.filter((td) => !whole(td)).map((td) => td.textContent)];""")
    assert bare[0] > 1500
    assert bare[1] == []
    undefined = texts(page, ".pivot .why")
    assert undefined
    assert all(text.startswith("undefined: ") for text in undefined)
    # plots: the title of each mark says all of it
    marks = texts(page, ".panels.wide g > title")
    assert "margin of the annotator 0.07 to 0.31: 80.0 % [74.0, 86.0], n = 83 pairs" in marks
    assert "score of the annotator 1: undefined: no clip, n = 0 clips" in marks


def test_hostile_text_is_shown_as_text_and_does_nothing(page: webdriver.Chrome) -> None:
    assert f"Score 0.213. {HOSTILE_NAME}" in texts(page, ".said")
    assert f"A kite 0 over a lake {HOSTILE_NAME}" in texts(page, ".disagreement h4")
    assert any(HOSTILE_NAME in text for text in texts(page, "#reading li"))
    selector = "img[src='x'], #content b, #content script, script:not([src])"
    assert page.find_elements(By.CSS_SELECTOR, selector) == []


def test_only_the_slice_that_differs_is_marked(page: webdriver.Chrome) -> None:
    sections = texts(page, "section")
    ours = next(text for text in sections if text.startswith("prompt following"))
    n = 12 * len(ANNOTATORS)
    assert f"1 of {n} slices (annotators counted apart) differs from all other pairs" in ours
    other = next(text for text in sections if text.startswith("video quality"))
    assert f"None of {n} slices (annotators counted apart) differ from" in other
    marked = texts(page, "tr:has(.badge.bad)")
    assert len(marked) == 2  # on its own, and in the table of all
    assert all("complexity: complex▼ lower" in text for text in marked)
    assert marked[0].startswith(DIFFERS[0])


def test_the_raters_stand_one_by_one_and_beside_the_annotators(page: webdriver.Chrome) -> None:
    raters = next(text for text in texts(page, "section") if text.startswith("The raters"))
    assert "Offset: how much higher a rater scores than the others do" in raters
    assert all(name in raters for name in RATERS)
    assert "rater human0" not in "".join(texts(page, "#dimension-0 tbody th"))
    board = texts(page, "#dimension-0 .legend")[0]
    assert board.startswith("ratersjudge <b>")


def test_disagreements_without_clips_show_what_both_sides_said(page: webdriver.Chrome) -> None:
    card = texts(page, ".disagreement")[0]
    for words in ("raters prefer this", "annotator prefers this", "v-a", "B is sharper.", "shown first",
                  "Raters prefer their clip by 3.33 (2.6 sd), n = 3 raters: human0 +4, human1 +2, human2 +4",
                  "judge <b> prefers the other by 0.128 (2.1 sd)."):  # fmt: skip
        assert words in card
    assert page.find_elements(By.CSS_SELECTOR, ".disagreement video") == []


def test_the_scope_and_what_is_required_are_told(page: webdriver.Chrome) -> None:
    rules = texts(page, ".rules")[0]
    for words in ("generated clips and real footage", "Human target", "Tie threshold",
                  "2,000 resamples of whole prompts, seed 0", "videoprefer: 0.1.0"):  # fmt: skip
        assert words in rules
    assert "at least 0.5 is required" in texts(page, ".unmet")[0]


@pytest.mark.parametrize("width", [400, 800, 1280])
def test_it_is_no_wider_than_the_window_folded_or_not(page: webdriver.Chrome, width: int) -> None:
    as_wide_as(page, width)
    wide = "return document.documentElement.scrollWidth"
    folded = page.execute_script(wide)
    page.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    waits(
        page, "return [...document.querySelectorAll('.chart')].every((c) => c.querySelector('svg'))"
    )
    opened_up = page.execute_script(wide)
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert max(folded, opened_up) <= width


def test_what_is_folded_away_is_printed_and_fits_on_paper(page: webdriver.Chrome) -> None:
    count = "return document.querySelectorAll('details[open]').length"
    assert page.execute_script(count) == 0
    page.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    assert page.execute_script(count) > 10
    as_wide_as(page, 1030)  # a sheet of paper on its side
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    wide = page.execute_script("return document.documentElement.scrollWidth")
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert wide <= 1030
    page.execute_script("window.dispatchEvent(new Event('afterprint'))")
    assert page.execute_script(count) == 0


def test_of_a_run_the_page_links_the_report_and_plays_the_clips(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    write_report(tmp_path, ReportOptions(prompts=1), make_run(tmp_path))
    opened(browser, (tmp_path / "report" / "audit.html").as_uri())
    waits(browser, "return document.querySelectorAll('#nav a').length > 1")
    assert texts(browser, "#nav a")[0] == "Explore"
    assert any("jury: all judges wrong" in text for text in texts(browser, "section"))
    all_of_them = next(t for t in texts(browser, "table") if t.startswith("All statistics"))
    assert "jury" not in all_of_them
    for words in (
        "Pair accuracy, ties half",
        "some new statistic",
        "undefined: every prompt is tied",
    ):
        assert words in all_of_them
    assert "signal prefers the clip that the raters prefer" in texts(browser, ".headlines p")[0]
    browser.execute_script("document.querySelector('.disagreement').scrollIntoView()")
    waits(browser, "return [...document.querySelectorAll('.disagreement video')].length === 2"
                   " && [...document.querySelectorAll('.disagreement video')]"
                   ".every((v) => v.videoWidth > 0 && !v.paused)")  # fmt: skip
    assert len(browser.find_elements(By.CSS_SELECTOR, ".disagreement .strip img")) == 8
    assert browser.get_log("browser") == []


def test_a_run_that_nobody_rated_says_so(browser: webdriver.Chrome, tmp_path: Path) -> None:
    write_report(tmp_path, ReportOptions(prompts=1), make_run(tmp_path, stages=False))
    opened(browser, (tmp_path / "report" / "audit.html").as_uri())
    waits(browser, "return document.querySelector('#content > .notice') !== null")
    assert texts(browser, ".notice")[-1].startswith("No human ratings were given")
    assert browser.get_log("browser") == []
