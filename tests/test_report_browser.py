"""The explorer in headless Chromium, opened from disk as a person would."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from report_browser import as_wide_as, chromium, opened, requested, texts, waits
from report_run import HOSTILE, HOSTILE_RATIONALE, JUDGE, TEXTS, make_run
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from pipeline.report import ReportOptions, write_report

SHOWN = "return document.querySelector('.prompt h3')?.textContent"
CLIPS = "document.querySelectorAll('.opened .clip').length"
PRESETS = "document.querySelectorAll('.preset').length > 3"  # of scores, too
LISTED = "document.querySelector('.rows a[aria-current] .row-text')?.textContent"
SETTLED = f"{SHOWN} === {LISTED} && {PRESETS}"  # what is listed as opened is opened
GO = """const [address, done] = arguments;
document.activeElement.blur();
if (location.hash === address) done();
else {
  addEventListener("hashchange", () => setTimeout(done), { once: true });
  location.hash = address;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    with chromium() as driver:
        yield driver


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("browser") / "a run #1 % é"  # characters that addresses escape
    root.mkdir()
    record = make_run(root)
    write_report(root, ReportOptions(prompts_per_file=2), record, root.parent / "moved")
    shutil.rmtree(root)  # what was written elsewhere works without the run
    return root.parent / "moved"


@pytest.fixture
def page(browser: webdriver.Chrome, report: Path) -> webdriver.Chrome:
    return at(browser, report)


def at(
    browser: webdriver.Chrome, report: Path, address: str = "", *, anew: bool = False
) -> webdriver.Chrome:
    """The explorer at an address, with its prompt and its presets drawn; read ``anew`` if asked."""
    page = (report / "index.html").as_uri()
    if anew or browser.current_url.split("#")[0] != page:
        opened(browser, f"{page}{address}")
    else:
        browser.execute_async_script(GO, address)
    waits(browser, SETTLED)
    return browser


def press(page: webdriver.Chrome, *keys: str) -> None:
    page.switch_to.active_element.send_keys(*keys)


def listed(page: webdriver.Chrome) -> list[str]:
    return texts(page, ".row-text")


def shows(page: webdriver.Chrome, text: str) -> None:
    """Waits until the opened prompt is the one with this text."""
    waits(page, f"{SHOWN} === {text!r}")


def says(page: webdriver.Chrome, selector: str, words: str) -> None:
    """Waits until an element's text holds some words."""
    waits(page, f"return document.querySelector({selector!r})?.textContent.includes({words!r})")


def lists(page: webdriver.Chrome, n: int) -> None:
    """Waits until so many prompts are listed."""
    waits(page, f"return document.querySelectorAll('.row-text').length === {n}")


def test_it_opens_from_disk_without_errors_or_network(
    browser: webdriver.Chrome, report: Path
) -> None:
    page = at(browser, report, anew=True)
    waits(page, "return document.querySelector('video').readyState >= 2")
    assert page.get_log("browser") == []
    urls = requested(page)
    assert any(url.endswith("data/prompts-0.js") for url in urls)
    assert not any(url.endswith("data/prompts-1.js") for url in urls)  # nobody asked for its prompt
    assert [url for url in urls if not url.startswith(("file://", "data:"))] == []
    assert "mini" in page.title
    assert "Simulated." in texts(page, ".banner")[0]
    assert "6 clips" in texts(page, ".tally")[0]
    assert texts(page, ".status") == ["3 prompts"]


def test_hostile_text_is_shown_as_text_and_does_nothing(
    browser: webdriver.Chrome, report: Path
) -> None:
    page = at(browser, report, "#q=kite")
    assert listed(page) == [HOSTILE]
    shows(page, HOSTILE)
    assert HOSTILE_RATIONALE in texts(page, ".said")
    hostile = "img[src='x'], .said b, .said script, h4 i, .rows i, option i, .compared b, script:not([src])"
    assert page.find_elements(By.CSS_SELECTOR, hostile) == []
    assert page.title != "owned"


def test_scores_tell_every_draw_and_every_rater(browser: webdriver.Chrome, report: Path) -> None:
    page = at(browser, report, "#q=balls")
    rows = texts(page, "#clip-1 .scores tr")
    # clip 2 of the run is scored 3, twice by the judge; of three raters the second gives one more
    assert "raters simulatedn 33 4 33.33" in rows
    assert f"{JUDGE}3 33" in rows
    assert "signal3" in rows
    strips = page.find_elements(By.CSS_SELECTOR, "#clip-1 .raters svg")
    assert strips[0].get_attribute("aria-label") == "raters: 3.33 on 1 to 5; each: 3, 4, 3"
    assert len(strips[0].find_elements(By.CSS_SELECTOR, ".triangle")) == 3
    assert strips[0].find_elements(By.CSS_SELECTOR, ".faint")  # how the raters scored all clips


def test_pairs_and_comparisons_are_told_in_the_order_shown(
    browser: webdriver.Chrome, report: Path
) -> None:
    page = at(browser, report, "#q=kite")
    shown = texts(page, ".compared")[0]
    assert shown.startswith("4 comparisons")
    assert f"{JUDGE}prompt following1, 21 > 2flips" in shown
    assert f"{JUDGE}prompt following2, 12 > 1flips" in shown
    assert HOSTILE_RATIONALE in shown
    pairs = texts(page, ".pairs:not(.compared)")[0]
    assert "label 2 > 1 by 1.00" in pairs  # of scores
    assert "raters 2 > 1 by 1.00, n 3" in pairs
    at(browser, report, "#q=balls")
    refused = texts(page, ".compared")[0]
    assert refused.startswith("3 comparisons, 1 missing")
    assert f"{JUDGE}prompt following2, 12 > 1same" in refused
    assert "refusal the judge refused: <script>" in refused
    assert "2 > 1 by 100 % of the votes" in texts(page, ".pairs:not(.compared)")[0]


def test_clips_play_in_step_and_the_keyboard_holds_and_steps_them(page: webdriver.Chrome) -> None:
    both = "[...document.querySelectorAll('.opened video')]"
    plays = "v => v.videoWidth > 0 && !v.paused && v.muted"
    waits(page, f"return {both}.length === 2 && {both}.every({plays})")
    press(page, "p")
    waits(page, f"return {both}.every(v => v.paused)")
    page.execute_script(
        "const scrub = document.querySelector('.transport input'); scrub.value = 0.5;"
        "scrub.dispatchEvent(new Event('input'))"
    )
    press(page, Keys.ARROW_RIGHT)  # 0.5 s is the fifth frame of eight a second
    times = page.execute_script(f"return {both}.map(v => v.currentTime)")
    assert times == pytest.approx([0.625, 0.625], abs=0.005)
    page.find_element(By.XPATH, "//button[text()='0.25×']").click()
    assert page.execute_script(f"return {both}.map(v => v.playbackRate)") == [0.25, 0.25]
    page.find_element(By.XPATH, "//button[text()='1×']").click()


def test_nothing_plays_unasked_where_motion_is_unwanted(
    browser: webdriver.Chrome, report: Path
) -> None:
    still = {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", still)
    try:
        page = at(browser, report, anew=True)
        every = "return [...document.querySelectorAll('video')].every(v => {})"
        waits(page, every.format("v.readyState >= 2"))
        assert page.execute_script(every.format("v.paused"))
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_filters_narrow_the_list_and_stand_in_the_address(page: webdriver.Chrome) -> None:
    press(page, "/")
    press(page, "RED left")
    lists(page, 1)
    shows(page, "Two red balls roll to the left")
    assert "q=RED+left" in page.current_url
    assert texts(page, ".status") == ["1 of 3 prompts match"]
    page.refresh()  # the address alone brings the same list back
    lists(page, 1)
    assert page.find_element(By.ID, "filter-q").get_attribute("value") == "RED left"
    page.find_element(By.ID, "filter-q").send_keys(" nothing of the sort")
    lists(page, 0)
    assert texts(page, ".status") == ["0 of 3 prompts match"]
    says(page, ".detail", "No prompt matches")
    page.find_element(By.CSS_SELECTOR, ".chip").click()
    lists(page, 3)
    assert "#" not in page.current_url


def test_a_clip_has_to_meet_all_conditions_alone(page: webdriver.Chrome) -> None:
    select = Select(page.find_element(By.ID, "filter-generator"))
    assert [o.text for o in select.options] == ["all generators", "alpha", "beta <i>"]
    select.select_by_visible_text("beta <i>")
    page.find_element(By.ID, "filter-max").send_keys("2")
    # prompt following: 1 2, 3 4, 5 -: the second of the first prompt is beta's
    lists(page, 1)
    assert listed(page) == [TEXTS[0]]
    waits(page, "return document.querySelector('#clip-2.met')")
    assert not page.find_elements(By.CSS_SELECTOR, "#clip-1.met")


def test_a_preset_finds_the_broken_clip_and_its_failure_is_told(page: webdriver.Chrome) -> None:
    found = {text.split("1 ")[0].strip(): n for n, text in enumerate(texts(page, ".preset"))}
    page.find_elements(By.CSS_SELECTOR, ".preset")[found["undecodable (frames)"]].click()
    shows(page, TEXTS[2])
    assert "reason=frames.undecodable" in page.current_url
    assert [text.split("1 ")[0].strip() for text in texts(page, ".preset[aria-pressed=true]")] == [
        "undecodable (frames)"
    ]
    failures = texts(page, ".failures li")
    assert "undecodable no decoder could read the clip <b>moov</b> (frames)" in failures
    page.back()
    lists(page, 3)


def test_the_keyboard_goes_through_prompts_and_the_way_back_is_kept(page: webdriver.Chrome) -> None:
    first, second = listed(page)[:2]
    shows(page, first)
    press(page, "j")
    shows(page, second)
    assert texts(page, ".rows a[aria-current]")[0].startswith(second)
    page.back()
    shows(page, first)
    page.forward()
    shows(page, second)
    press(page, "k")
    shows(page, first)
    press(page, "/")
    press(page, "j?")  # letters of the search, not keys
    lists(page, 0)
    assert not page.find_elements(By.CSS_SELECTOR, "dialog[open]")
    press(page, Keys.ESCAPE)
    press(page, "?")
    waits(page, "return document.getElementById('keys').open")
    press(page, Keys.ESCAPE)
    waits(page, "return !document.getElementById('keys').open")


def test_frames_open_in_a_dialog_and_the_arrows_go_through_them(page: webdriver.Chrome) -> None:
    press(page, "2")
    press(page, "f")
    said = "return document.querySelector('#viewer .bar').textContent"
    assert "beta <i>" in page.execute_script(said)
    assert "frame 0 of 12" in page.execute_script(said)
    press(page, Keys.ARROW_RIGHT)
    assert "frame 4 of 12, 0.50 s" in page.execute_script(said)
    press(page, Keys.ARROW_UP)  # the same frame of the other clip
    assert "1 · alpha" in page.execute_script(said)
    assert "frame 4 of 12" in page.execute_script(said)
    press(page, Keys.ESCAPE)
    waits(page, "return !document.getElementById('viewer').open")


def test_two_clips_open_alone_and_all_come_back(page: webdriver.Chrome) -> None:
    page.execute_script("document.querySelector('.pairs a[data-pair]').click()")
    waits(page, "return document.querySelector('.clips.alone')")
    assert "pair=1-2" in page.current_url
    press(page, "a")
    waits(page, "return !document.querySelector('.clips.alone')")
    assert "pair" not in page.current_url


def test_the_address_of_a_prompt_can_be_copied(page: webdriver.Chrome) -> None:
    """Into the clipboard, or, where a page from disk may not write there, from a field that is selected."""
    page.execute_script("scrollTo(0, 0)")
    page.find_element(By.CSS_SELECTOR, ".copy").click()
    waits(page, "return document.querySelector('.copy').textContent !== 'Copy link'")
    field = page.find_element(By.CSS_SELECTOR, ".meta input")
    if page.find_element(By.CSS_SELECTOR, ".copy").text != "Copied":
        prompt = page.find_element(By.CSS_SELECTOR, ".prompt").get_attribute("id")
        assert str(field.get_attribute("value")).endswith(f"#{prompt}".replace("-", "="))
        assert page.execute_script("return getSelection().toString()") == field.get_attribute(
            "value"
        )


def test_an_address_opens_its_prompt_and_says_where_it_cannot(
    browser: webdriver.Chrome, report: Path
) -> None:
    page = at(browser, report)
    hrefs = [a.get_attribute("href") for a in page.find_elements(By.CSS_SELECTOR, ".rows a")]
    ids = [str(href).split("prompt=")[1] for href in hrefs]
    last = listed(page)[2]
    at(browser, report, f"#prompt={ids[2]}")
    shows(page, last)
    page.execute_async_script(GO, f"#prompt={ids[2]}&q=kite")
    says(page, ".detail", "This prompt does not match")
    page.execute_async_script(GO, "#prompt=nobody")
    says(page, ".detail", "There is no prompt nobody in this report.")


def test_a_data_script_that_is_missing_is_named(
    browser: webdriver.Chrome, report: Path, tmp_path: Path
) -> None:
    part = tmp_path / "part"
    shutil.copytree(report, part)
    (part / "data" / "prompts-1.js").unlink()
    for name in ("media", "frames"):
        shutil.rmtree(part / name)
    page = at(browser, part, anew=True)
    says(page, ".overlay", "Neither clip nor frames: the clip is not beside this page, or")
    says(page, ".strip", "no file")
    press(page, "jj")
    says(page, ".detail", "data/prompts-1.js is missing")
    press(page, "k")
    waits(page, f"return {CLIPS} === 2")
    (part / "data" / "scores-1.js").unlink()
    (part / "data" / "prompts-0.js").touch()
    opened(browser, (part / "index.html").as_uri())
    says(page, ".presets-box", "data/scores-1.js is missing")
    waits(page, f"return {CLIPS} === 2")  # the clips are shown without them
    (part / "data" / "index.js").unlink()
    opened(browser, (part / "index.html").as_uri())
    assert "data/index.js is missing" in texts(page, "#content")[0]


def test_the_theme_is_chosen_by_a_button(page: webdriver.Chrome) -> None:
    button = page.find_element(By.ID, "theme")
    ground = "return getComputedStyle(document.body).backgroundColor"
    colours = {}
    for _ in range(3):
        button.click()
        colours[button.text] = page.execute_script(ground)
    assert colours["Theme: light"] != colours["Theme: dark"]
    assert button.text == "Theme: auto"


@pytest.mark.parametrize("width", [390, 900, 1440])
def test_it_is_no_wider_than_the_window(
    browser: webdriver.Chrome, report: Path, width: int
) -> None:
    as_wide_as(browser, width)
    try:
        page = at(browser, report, "#q=kite")
        assert page.execute_script("return document.documentElement.scrollWidth") <= width
        left = page.execute_script("return document.querySelector('.detail').offsetLeft")
        assert (left > 200) == (width > 390)  # beside the list, or below it
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
