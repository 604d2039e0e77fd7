"""The rating page in headless Chromium: rated by keyboard, downloaded, read, reloaded; no request made."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from report_browser import chromium, requested
from report_run import HOSTILE, make_run
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from pipeline.dataset.parquet import parts, read_rows
from pipeline.formats.facts import ClipFacts
from pipeline.formats.finder import ClipFinder
from pipeline.formats.people import PeopleRead
from pipeline.formats.readers import reader_of
from pipeline.rating.ask import Ask, ask_people
from schemas import Video
from schemas.ids import sha256_hex
from schemas.layout import Layout

RUBRICS = [
    {"name": "videoprefer/prompt_following", "version": 1, "text": None},
    {"name": "videoprefer/video_quality", "version": 1, "text": None},
]
DIMENSIONS = ["prompt_following", "video_quality"]


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    with chromium() as driver:
        yield driver


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("rate") / "run"
    record = make_run(root, stages=False) | {"rubrics": RUBRICS}
    Layout(root).run.write_text(json.dumps(record))
    for mode in ("pairs", "clips"):
        ask_people(Ask(run=root, output=root.parent / mode, mode=mode))
    return root


@pytest.fixture
def downloads(browser: webdriver.Chrome, tmp_path: Path) -> Path:
    where = {"behavior": "allow", "downloadPath": str(tmp_path)}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", where)
    return tmp_path


def open_page(browser: webdriver.Chrome, run: Path, mode: str, rater: str) -> None:
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get((run.parent / mode / "rate.html").as_uri())
    browser.find_element(By.ID, "rater").send_keys(rater, Keys.ENTER)
    waits(browser, "return !document.getElementById('item').hidden")


def press(browser: webdriver.Chrome, *keys: str) -> None:
    for key in keys:
        ActionChains(browser).send_keys(key).perform()


def waits(driver: webdriver.Chrome, script: str) -> Any:
    return WebDriverWait(driver, 10).until(lambda d: d.execute_script(script))


def text(driver: webdriver.Chrome, element: str) -> str:
    return driver.find_element(By.ID, element).text


def checked(driver: webdriver.Chrome) -> list[str]:
    script = "return [...document.querySelectorAll('#questions input:checked')].map(i => i.value)"
    return driver.execute_script(script)


def downloaded(driver: webdriver.Chrome, folder: Path, button: str) -> Path:
    driver.find_element(By.ID, button).click()
    deadline = time.monotonic() + 10
    while not (found := list(folder.glob("*.csv"))):
        assert time.monotonic() < deadline, "nothing was downloaded"
        time.sleep(0.05)
    return found[0]


def videos(run: Path) -> list[Video]:
    return list(read_rows(Video, parts(Layout(run).table("videos"))))


def read_back(path: Path, run: Path) -> PeopleRead:
    """What an audit of the run makes of a table."""
    finder = ClipFinder(
        ClipFacts(video_id=v.video_id, prompt_id=v.prompt_id, generator=v.generator)
        for v in videos(run)
    )
    return reader_of(path).read(path, finder, None)


def test_pairs_are_rated_by_keyboard_and_read_as_votes(
    browser: webdriver.Chrome, run: Path, downloads: Path
) -> None:
    open_page(browser, run, "pairs", "Ann Lee")
    waits(browser, "return [...document.querySelectorAll('video')].length === 2 &&"
                   "[...document.querySelectorAll('video')].every(v => v.readyState >= 2)")  # fmt: skip
    prompts = [text(browser, "prompt")]
    press(browser, "a", "t", Keys.ENTER)
    prompts.append(text(browser, "prompt"))
    press(browser, "g")
    assert checked(browser) == ["both_good"]
    press(browser, Keys.ENTER)  # one question is open: it stays and says so
    assert "Video quality has no answer" in text(browser, "missing")
    press(browser, "d", Keys.ENTER)
    assert "You answered 2 of 2." in text(browser, "summary")
    assert HOSTILE in prompts
    assert browser.title == "Rate videos"  # the hostile prompt did nothing
    path = downloaded(browser, downloads, "take")
    assert path.name.startswith("votes-")
    assert path.name.endswith("-Ann-Lee.csv")
    read = read_back(path, run)
    assert read.left_out == {}
    by_prompt = {v.prompt_id: v.prompt for v in videos(run)}
    assert sorted((by_prompt[v.prompt_id], v.rater, v.dimension, v.choice) for v in read.votes) == (
        sorted(
            (prompt, "Ann Lee", dimension, choice)
            for prompt, choices in zip(prompts, (("a", "tie"), ("both_good", "both_bad")))
            for dimension, choice in zip(DIMENSIONS, choices)
        )
    )
    assert browser.get_log("browser") == []
    outside = [u for u in requested(browser) if not u.startswith(("file://", "blob:", "data:"))]
    assert outside == []


def test_clips_are_scored_and_read_as_ratings(
    browser: webdriver.Chrome, run: Path, downloads: Path
) -> None:
    open_page(browser, run, "clips", "r2")
    anchors = browser.find_elements(By.CSS_SELECTOR, "#questions .anchor")
    assert len(anchors) == 10
    assert "Every subject with its number" in anchors[4].text
    for n in range(5):
        press(browser, str(n + 1), "3", Keys.ENTER)
    rows = read_back(downloaded(browser, downloads, "download"), run).ratings
    assert sorted(r.score for r in rows if r.dimension == "prompt_following") == [1, 2, 3, 4, 5]
    assert [r.score for r in rows if r.dimension == "video_quality"] == [3] * 5
    assert len({r.video_id for r in rows}) == 5
    assert {r.rater for r in rows} == {"r2"}


def test_progress_outlives_a_reload_and_answers_can_be_changed(
    browser: webdriver.Chrome, run: Path, downloads: Path
) -> None:
    open_page(browser, run, "clips", "r3")
    first = text(browser, "prompt")
    press(browser, "5", "5", Keys.ENTER, "4")
    second = text(browser, "prompt")
    open_page(browser, run, "clips", "r3")
    assert (text(browser, "prompt"), checked(browser)) == (second, ["4"])
    assert text(browser, "where") == "2 of 5 · 1 done"
    press(browser, Keys.BACKSPACE)
    assert (text(browser, "prompt"), checked(browser)) == (first, ["5", "5"])
    other = browser.find_element(By.CSS_SELECTOR, "input[name='video_quality'][value='2']")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", other)
    other.click()
    press(browser, Keys.ENTER, "s")  # the half answer of a skipped item is none
    rows = read_back(downloaded(browser, downloads, "download"), run).ratings
    assert [(r.dimension, r.score) for r in rows] == [
        ("prompt_following", 5),
        ("video_quality", 2),
    ]
    open_page(browser, run, "clips", "somebody else")
    assert text(browser, "where") == "1 of 5 · 0 done"


def test_skipped_items_can_be_looked_at_again(browser: webdriver.Chrome, run: Path) -> None:
    open_page(browser, run, "pairs", "r4")
    press(browser, "s", "b", "b", Keys.ENTER)
    assert "You answered 1 of 2; 1 was skipped." in text(browser, "summary")
    browser.find_element(By.ID, "again").click()
    press(browser, "a", "a", Keys.ENTER, Keys.ENTER)
    assert "You answered 2 of 2." in text(browser, "summary")


def test_keys_can_be_turned_off(browser: webdriver.Chrome, run: Path) -> None:
    browser.get((run.parent / "pairs" / "rate.html").as_uri())
    browser.find_element(By.ID, "use-keys").click()  # WCAG 2.2, 2.1.4
    browser.find_element(By.ID, "rater").send_keys("r7", Keys.ENTER)
    press(browser, "a", "s")
    assert (checked(browser), text(browser, "where")) == ([], "1 of 2 · 0 done")
    browser.find_element(By.CSS_SELECTOR, "#questions input").send_keys(Keys.SPACE)
    assert checked(browser) == ["a"]


@pytest.mark.parametrize("name", ["", "  ", "a/b", "=1+1", "x" * 65])
def test_a_name_is_needed_that_tables_can_hold(
    browser: webdriver.Chrome, run: Path, name: str
) -> None:
    browser.get((run.parent / "pairs" / "rate.html").as_uri())
    script = (
        "const r = document.getElementById('rater'); r.value = arguments[0]; r.form.requestSubmit()"
    )
    browser.execute_script(script, name)
    assert browser.find_element(By.ID, "start").is_displayed()
    assert text(browser, "rater-error")
    assert browser.switch_to.active_element.get_attribute("id") == "rater"


def test_order_and_sides_are_drawn_by_the_raters_name(browser: webdriver.Chrome, run: Path) -> None:
    browser.get((run.parent / "pairs" / "rate.html").as_uri())
    turned = browser.execute_script(
        "let n = 0; for (let k = 0; k < 2000; k++) n += isTurned('rater ' + k, DATA.items[0]); return n"
    )
    assert abs(turned - 1000) < 112  # five standard deviations of a fair coin: 5 * sqrt(500)
    firsts = browser.execute_script(
        "let n = 0; for (let k = 0; k < 2000; k++)"
        " n += orderFor('rater ' + k)[0] === DATA.items[0]; return n"
    )
    assert abs(firsts - 1000) < 112
    both = browser.execute_script(  # the two coins of a rater are not one coin
        "let n = 0; for (let k = 0; k < 2000; k++) n += isTurned('rater ' + k, DATA.items[0])"
        " === isTurned('rater ' + k, DATA.items[1]); return n"
    )
    assert abs(both - 1000) < 112


def test_the_side_shown_as_a_is_video_a_of_the_table(
    browser: webdriver.Chrome, run: Path, downloads: Path
) -> None:
    browser.get((run.parent / "pairs" / "rate.html").as_uri())
    rater = browser.execute_script(  # one who sees the first item turned
        "for (let k = 0; ; k++) if (isTurned('r ' + k, orderFor('r ' + k)[0])) return 'r ' + k"
    )
    open_page(browser, run, "pairs", rater)
    sizes = browser.execute_script(
        "return shownTo(rater, order[0])"
        ".map(n => atob(document.getElementById('clip-' + n).textContent).length)"
    )
    press(browser, "a", "a")
    vote = read_back(downloaded(browser, downloads, "download"), run).votes[0]
    assert vote.choice == "a"
    listed = (run.parent / "pairs" / "items.csv").read_text()
    assert f"{vote.video_b}," in listed.split(vote.video_a)[0]  # b stands before a in the list
    files = {p.stem: p.stat().st_size for p in (run.parent / "pairs" / "clips").iterdir()}
    assert sizes == [files[sha256_hex(v.encode())[:16]] for v in (vote.video_a, vote.video_b)]


def test_without_storage_it_works_and_warns(browser: webdriver.Chrome, run: Path) -> None:
    source = "Object.defineProperty(window, 'localStorage', {get() { throw new Error('denied') }})"
    added = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": source})
    try:
        open_page(browser, run, "pairs", "r5")
        assert "keeps nothing for this page" in text(browser, "trouble")
        press(browser, "a", "b", Keys.ENTER, Keys.BACKSPACE)
        assert checked(browser) == ["a", "b"]
        browser.execute_script("isDirty = false")  # or leaving the page is asked about
    finally:
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


def test_the_policy_lets_no_request_out(browser: webdriver.Chrome, run: Path) -> None:
    open_page(browser, run, "pairs", "r6")
    refused = browser.execute_async_script(
        "const done = arguments[0]; fetch('http://127.0.0.1:9/').then(() => done('sent'),"
        " e => done(String(e)));"
    )
    assert "TypeError" in refused
    said = [entry["message"] for entry in browser.get_log("browser")]
    assert any("Content Security Policy" in message for message in said)
    assert [u for u in requested(browser) if u.startswith("http")] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 420, 1280])
@pytest.mark.parametrize("mode", ["pairs", "clips"])
def test_no_page_is_wider_than_the_window_and_text_can_be_read(
    browser: webdriver.Chrome, run: Path, mode: str, width: int, scheme: str
) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    wish = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", wish)
    try:
        open_page(browser, run, mode, "wide")
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        assert min(browser.execute_script(CONTRASTS)) >= 4.5  # WCAG 2.2, 1.4.3
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


# Contrast of every piece of text with what is behind it, by WCAG's relative luminance.
CONTRASTS = """
const numbers = (c) => c.match(/[\\d.]+/g).map(Number);
const light = (c) => {
  const [r, g, b] = numbers(c).map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = (e) => {
  for (; e; e = e.parentElement) {
    const c = getComputedStyle(e).backgroundColor;
    if (numbers(c)[3] !== 0) return c;
  }
  return 'rgb(255, 255, 255)';
};
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const found = [];
while (walk.nextNode()) {
  const e = walk.currentNode.parentElement;
  if (!walk.currentNode.textContent.trim() || !e.checkVisibility()) continue;
  if (e.closest('script, button:disabled')) continue;
  const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
  found.push((a + 0.05) / (b + 0.05));
}
return found;
"""
