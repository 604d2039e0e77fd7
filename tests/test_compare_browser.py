"""Two runs side by side in headless Chromium, opened from disk: one load per theme."""

import shutil
from collections.abc import Iterator

import pytest
from compare_runs import pictured_runs
from report_browser import as_wide_as, chromium, opened, requested, texts, waits
from report_run import HOSTILE, HOSTILE_RATIONALE, JUDGE
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from pipeline.report.compare.write import write_comparison

SECTIONS = [
    "runs",
    "labels",
    "generators",
    "people",
    "scores",
    "cost",
    "health",
    "failures",
    "flips",
    "reading",
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("compared")
    old, new = pictured_runs(folder)
    written = write_comparison(old, new, folder / "a page #1 % é")
    for run in (old, new):
        shutil.rmtree(run)  # the page needs neither
    return written.page.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    with chromium() as driver:
        yield driver


@pytest.fixture(scope="module")
def page(browser: webdriver.Chrome, address: str) -> webdriver.Chrome:
    opened(browser, address)
    waits(browser, "return document.querySelectorAll('.disagreement').length === 2")
    return browser


def test_it_opens_from_disk_without_errors_or_network(page: webdriver.Chrome) -> None:
    page.execute_script("document.querySelector('.disagreement').scrollIntoView()")
    waits(page, "return document.querySelector('video').readyState >= 2")
    assert page.get_log("browser") == []
    assert [url for url in requested(page) if not url.startswith(("file://", "data:"))] == []
    found = page.execute_script("return [...document.querySelectorAll('section')].map((s) => s.id)")
    assert found == SECTIONS


def test_hostile_text_is_shown_as_text_and_does_nothing(page: webdriver.Chrome) -> None:
    assert HOSTILE in texts(page, ".disagreement h4")
    assert any(HOSTILE_RATIONALE in text for text in texts(page, ".said"))
    assert "june <b> → july & é" in texts(page, ".eyebrow")
    assert any(text.startswith(f"{JUDGE} 2") for text in texts(page, "#runs .judge"))
    selectors = "img[src='x'], #content b, #content i, #content script, script:not([src])"
    assert page.find_elements(By.CSS_SELECTOR, selectors) == []
    assert "owned" not in page.title


def test_the_numbers_are_those_of_the_tables(page: webdriver.Chrome) -> None:
    assert texts(page, ".headlines p")[0].startswith("prompt following: 1 of 2 common pairs")
    moved = [int(text) for text in texts(page, "#labels .moves .figure")]
    following, quality = moved[:9], moved[9:]
    # which clip is the first is drawn by id: a pair turned round stands in one of two corners
    assert (sum(following), following[2] + following[6]) == (2, 1)
    assert (sum(quality), quality[4], quality[3] + quality[5]) == (
        2,
        1,
        1,
    )  # a tie, and no longer one
    assert "$1.50" in texts(page, "#cost td")


def test_flips_are_filtered_and_play_in_step(page: webdriver.Chrome) -> None:
    assert texts(page, "#flips .status") == ["2 of 2 flips shown, the surest first."]
    assert len(page.find_elements(By.CSS_SELECTOR, ".disagreement video")) == 4
    # the other was a tie in the old run
    assert texts(page, ".disagreement h5 .badge.accent") == ["old prefers this"]
    Select(page.find_element(By.CSS_SELECTOR, "#flips select")).select_by_visible_text(
        "video quality"
    )
    assert texts(page, "#flips .status") == ["1 of 1 flip shown, the surest first."]
    assert [box.is_displayed() for box in page.find_elements(By.CSS_SELECTOR, ".disagreement")] == [
        False,
        True,
    ]


LINES_IN_WORDS = """
return [...document.querySelectorAll('#generators figure svg :is(.grid, .reference)')].filter((line) =>
  line.tagName === 'line' || !/^(M[^MV]+v18)+$/.test(line.getAttribute('d'))).length;
"""  # words stand above the marks: only a piece of 18 px around each mark is free of them


def test_no_line_of_a_narrow_plot_runs_through_its_numbers(page: webdriver.Chrome) -> None:
    as_wide_as(page, 390)
    waits(page, "return document.querySelector('#generators figure svg').clientWidth < 400")
    assert page.execute_script(LINES_IN_WORDS) == 0
    as_wide_as(page, 1400)


def test_whom_a_run_prefers_is_told_by_name_and_by_how_much(page: webdriver.Chrome) -> None:
    said = texts(page, ".disagreement .margins")
    assert all("the left" not in text and "the right" not in text for text in said)
    headline = page.find_element(By.CSS_SELECTOR, ".headlines p").get_property("textContent")
    assert "50.0\u00a0%\u00a0[0.0,\u00a0100.0]" in headline


@pytest.mark.parametrize("width", [390, 900])
def test_nothing_is_wider_than_the_window(page: webdriver.Chrome, width: int) -> None:
    as_wide_as(page, width)
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    as_wide_as(page, 1400)


def test_it_is_drawn_in_the_dark_too(page: webdriver.Chrome, address: str) -> None:
    scheme = [{"name": "prefers-color-scheme", "value": "dark"}]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
    opened(page, address)
    waits(page, "return document.querySelectorAll('#labels .chart svg').length === 1")
    ground = page.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert sum(int(n) for n in ground[ground.index("(") + 1 : -1].split(",")[:3]) < 150
    assert page.get_log("browser") == []
