"""The report in headless Chromium, opened from disk as a person would."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from report_browser import as_wide_as, chromium, opened, requested, texts, waits
from report_run import DIMENSIONS, HOSTILE_RATIONALE, JUDGE, TEXTS, make_run
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from pipeline.report import ReportOptions, write_report


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    with chromium() as driver:
        yield driver


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("browser") / "a run #1 % é"  # characters that addresses escape
    root.mkdir()
    record = make_run(root)
    write_report(root, ReportOptions(prompts_per_file=2), record)
    moved = root.parent / "moved"
    shutil.copytree(root / "report", moved)  # self-contained: it works without the run
    shutil.rmtree(root)
    return moved


@pytest.fixture
def page(browser: webdriver.Chrome, report: Path) -> webdriver.Chrome:
    opened(browser, (report / "index.html").as_uri())
    WebDriverWait(browser, 10).until(
        lambda d: len(d.find_elements(By.CSS_SELECTOR, ".prompt")) == 3
    )
    return browser


def test_it_opens_from_disk_without_errors_or_network(page: webdriver.Chrome) -> None:
    waits(page, "return document.querySelector('video').readyState >= 2")
    assert page.get_log("browser") == []
    urls = requested(page)
    assert any(url.endswith("data/prompts-1.js") for url in urls)
    assert [url for url in urls if not url.startswith(("file://", "data:"))] == []
    assert "mini" in page.title


def test_hostile_text_is_shown_as_text_and_does_nothing(page: webdriver.Chrome) -> None:
    assert sorted(texts(page, ".prompt h3")) == sorted(TEXTS)
    assert HOSTILE_RATIONALE in texts(page, ".said")
    assert page.find_elements(By.CSS_SELECTOR, "img[src='x'], .said b, .said script, h4 i") == []
    assert (
        page.find_elements(By.CSS_SELECTOR, "#judges b, #judges i, .compared b, script:not([src])")
        == []
    )
    assert page.title != "owned"


def test_the_judges_section_tells_health_order_jury_and_drift(page: webdriver.Chrome) -> None:
    tables = {text.split("(")[0].strip(): text for text in texts(page, "#judges .scroll")}
    health = tables["Health of each judge"]
    assert JUDGE in health
    assert "3.6 %" in health  # 1 of 28 verdicts
    assert "$0.0025" in health
    by_generator = tables[f"{JUDGE} by generator"]
    assert "alpha" in by_generator
    assert "beta <i>" in by_generator
    assert "33.3 %" in tables["Order of the clips shown"]
    assert "jury: effective number of judges1.230" in tables[
        "Do the judges err on the same pairs? Correlation of their errors against people"]  # fmt: skip
    drift = tables["Scores of the sentinels now against before"]
    assert "changed−0.70 [−0.90, −0.50]< 0.001" in drift
    assert "cannot tell" in drift
    assert "too few replies to tell <script>document.title='owned'</script>" in drift
    # people are asked who is right: the jury's rows are not in the table of annotators
    assert not any("&" in text for text in texts(page, "#agreement .scroll tbody"))


def test_comparisons_are_told_in_the_order_shown(page: webdriver.Chrome) -> None:
    shown = next(t for t in texts(page, ".compared") if t.startswith("4 comparisons"))
    assert f"{JUDGE}prompt following1, 21 > 2flips" in shown
    assert f"{JUDGE}prompt following2, 12 > 1flips" in shown
    assert HOSTILE_RATIONALE in shown
    refused = next(t for t in texts(page, ".compared") if t.startswith("3 comparisons, 1 missing"))
    assert f"{JUDGE}prompt following2, 12 > 1same" in refused
    assert "refusal the judge refused: <script>" in refused
    labels = texts(page, ".pairs:not(.compared)")
    assert any("2 > 1 by 1.00" in text for text in labels)  # of scores
    assert any("2 > 1 by 100 % of the votes" in text for text in labels)  # of comparisons


def test_clips_play_in_step_and_a_broken_one_shows_its_failure(page: webdriver.Chrome) -> None:
    waits(page, "return [...document.querySelectorAll('.prompt video')].slice(0, 2)"
                ".every(v => v.videoWidth > 0 && !v.paused && v.muted && v.loop)")  # fmt: skip
    first = page.find_element(By.CSS_SELECTOR, ".prompt .play")
    page.execute_script("arguments[0].click()", first)
    waits(page, "return document.querySelector('.prompt video').paused")
    assert any("undecodable" in text for text in texts(page, ".failures li"))


def test_filters_narrow_the_list_and_stand_in_the_address(page: webdriver.Chrome) -> None:
    page.find_element(By.ID, "filter-text").send_keys("RED left")
    waits(page, "return document.querySelectorAll('.prompt').length === 1")
    assert texts(page, ".prompt h3") == ["Two red balls roll to the left"]
    assert "q=RED" in page.current_url
    page.refresh()  # the address alone brings the same list back
    waits(page, "return document.querySelectorAll('.prompt').length === 1")
    page.find_element(By.ID, "filter-text").clear()
    page.find_element(By.ID, "filter-text").send_keys("nothing of the sort")
    waits(page, "return document.querySelectorAll('.prompt').length === 0")
    assert "0 match" in texts(page, "#filter-status")[0]


def test_the_generator_filter_lists_every_generator(page: webdriver.Chrome) -> None:
    select = Select(page.find_element(By.ID, "filter-generator"))
    assert [o.text for o in select.options] == ["all generators", "alpha", "beta <i>"]
    select.select_by_visible_text("beta <i>")
    waits(page, "return document.querySelectorAll('.prompt').length === 3")


def test_plots_are_svg_with_selectable_numbers(page: webdriver.Chrome) -> None:
    count = "document.querySelectorAll('{}').length"
    drawn, charts = count.format(".chart svg"), count.format(".chart")
    waits(page, f"return {drawn} === {charts} && {charts} > 10")
    assert page.find_elements(By.CSS_SELECTOR, "#videorm .whisker")
    assert "84.0 % [79.0, 88.0]" in texts(page, "#videorm svg .value")
    assert "70.0 % [60.0, 80.0]" in texts(page, "#agreement svg .value")
    assert page.find_elements(By.CSS_SELECTOR, "#scores svg pattern")  # raters are hatched


def test_what_the_reward_model_picks_and_how_sure_it_may_be_is_told(page: webdriver.Chrome) -> None:
    rows = "[...document.querySelectorAll('#videorm tbody tr')]"
    joined = "[...row.cells].map((cell) => cell.textContent).join(' ')"
    cells = page.execute_script(f"return {rows}.map((row) => {joined})")
    assert "VideoRM 61.0 % [56.0, 65.0]" in cells
    assert "VideoRM, its own threshold 58.0 % [53.0, 62.0]" in cells
    assert "every pair a tie 33.0 % [28.0, 37.0]" in cells
    assert any(row.startswith("generators it never trained on 57.0 %") for row in cells)
    assert any(row.startswith("beta <i> 66.0 %") for row in cells)
    assert "best possible 4.50 [4.45, 4.54]" in cells  # picked out of the most
    assert any("0.400 → 0.400" in row and "25.0 %, 37.5 %" in row for row in cells)
    assert any("NOT as expected" in row and "<b>bold</b>" in row for row in cells)
    assert any("stays within ±0.25" in row and "NOT shown" in row for row in cells)
    assert sum(row.startswith("frame shuffle ") for row in cells) == 3
    assert "prompts: the model was trained on none of the 60" in texts(page, "#videorm .note")
    labels = [
        svg.get_attribute("aria-label")
        for svg in page.find_elements(By.CSS_SELECTOR, "#videorm .chart svg")
    ]
    assert {"Best of n, all", f"Reliability, {DIMENSIONS[1]}"} <= set(labels)


def test_books_failures_and_simulated_banner_are_told(page: webdriver.Chrome) -> None:
    assert "Simulated." in texts(page, ".banner")[0]
    books = texts(page, "#books tbody tr")
    assert any(row.startswith("annotate") and row.endswith("yes") for row in books)
    assert any("no decoder could read the clip <b>moov</b>" in row for row in books)
    assert "beta <i>220" in books  # clips, near duplicates, left out
    assert texts(page, "#books p.notice") == [
        "1 near duplicate stands in another split than the clip it repeats."
    ]


def test_the_theme_is_chosen_by_a_button(page: webdriver.Chrome) -> None:
    button = page.find_element(By.ID, "theme")
    ground = "return getComputedStyle(document.body).backgroundColor"
    colours = {}
    for _ in range(3):
        button.click()
        colours[button.text] = page.execute_script(ground)
    assert colours["Theme: light"] != colours["Theme: dark"]
    assert button.text == "Theme: auto"


@pytest.mark.parametrize("width", [390, 900, 1280])
@pytest.mark.parametrize("name", ["index.html", "audit.html"])
def test_no_page_is_wider_than_the_window(
    browser: webdriver.Chrome, report: Path, name: str, width: int
) -> None:
    as_wide_as(browser, width)
    browser.get((report / name).as_uri())
    waits(browser, "return document.querySelectorAll('.chart svg').length > 0")
    wide = browser.execute_script("return document.documentElement.scrollWidth")
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert wide <= width
