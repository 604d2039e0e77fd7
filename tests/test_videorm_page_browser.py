"""VideoRM's page in headless Chromium, opened from disk as a person would."""

import shutil
from collections.abc import Iterator

import pytest
from report_browser import as_wide_as, chromium, opened, requested, texts, waits
from report_run import DIMENSIONS, HOSTILE_RATIONALE, TEXTS, make_run
from selenium import webdriver
from selenium.webdriver.common.by import By

from pipeline.report import ReportOptions, write_report

ALL_DRAWN = (
    "const charts = [...document.querySelectorAll('.chart')];"
    " return charts.length > 8 && charts.every((box) => box.querySelector('svg'))"
)
OPEN_ALL = (
    "const boxes = document.querySelectorAll('details');"
    " boxes.forEach((box) => { box.open = true }); return boxes.length"
)


# labels of the plots in which two texts stand on each other, or one leaves the plot
COLLIDE = """
  const boxOf = (node) => node.getBoundingClientRect();
  const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1
    && a.top < b.bottom - 4 && b.top < a.bottom - 4;
  const cut = (own, box) => box.left < own.left - 2 || box.right > own.right + 2;
  return [...document.querySelectorAll('main .chart svg')].filter((svg) => {
    const all = [...svg.querySelectorAll('text')].map(boxOf);
    return all.some((a, i) => cut(boxOf(svg), a) || all.slice(i + 1).some((b) => meet(a, b)));
  }).map((svg) => svg.getAttribute('aria-label'));
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """The page of a miniature run, moved away from it, with everything that is folded away opened."""
    root = tmp_path_factory.mktemp("videorm") / "a run #1 % é"  # characters that addresses escape
    root.mkdir()
    record = make_run(root)
    moved = root.parent / "moved"
    write_report(root, ReportOptions(), record, moved)
    shutil.rmtree(root)
    with chromium() as driver:
        opened(driver, (moved / "videorm.html").as_uri())
        waits(driver, OPEN_ALL)
        waits(driver, ALL_DRAWN)
        yield driver


def test_it_opens_from_disk_without_errors_or_network(page: webdriver.Chrome) -> None:
    page.execute_script("document.querySelector('.disagreement').scrollIntoView()")
    waits(page, "const v = [...document.querySelectorAll('.disagreement video')];"
                " return v.length === 2 && v.every((one) => one.videoWidth > 0)")  # fmt: skip
    assert page.get_log("browser") == []
    assert [u for u in requested(page) if not u.startswith(("file://", "data:"))] == []


def test_the_first_words_answer_whether_seeing_time_helps(page: webdriver.Chrome) -> None:
    first, second = texts(page, ".headlines > p")
    assert first.replace("\u00a0", " ").startswith(
        "better than its control VideoRM is better than its per-frame control against the raters"
    )
    assert "+13.0 points [+8.0, +17.0]" in first.replace("\u00a0", " ")
    assert "the annotator's labels" in second
    (ceiling,) = [t for t in texts(page, ".support li") if "the human ceiling" in t]
    # 0.84 - 0.88, as the differences of this metrics.json have no ceiling
    assert "4.0 points below it" in ceiling.replace("\u00a0", " ")


def test_accuracy_is_drawn_with_intervals_ordered_and_marked(page: webdriver.Chrome) -> None:
    values = texts(page, "#accuracy svg .value")
    assert "84.0 % [79.0, 88.0]" in values
    assert page.find_elements(By.CSS_SELECTOR, "#accuracy .whisker")
    first = page.find_element(By.CSS_SELECTOR, "#accuracy .chart svg")
    names = [
        t.text for t in first.find_elements(By.CSS_SELECTOR, "text:not(.small) tspan:not(.value)")
    ]
    assert names == ["annotator", "human ceiling", "per-frame control"]
    # the model itself is bold, and its mark alone is filled
    assert first.find_element(By.CSS_SELECTOR, "tspan.value").text == "90.0 % [85.0, 94.0]"
    assert len(first.find_elements(By.CSS_SELECTOR, ".mark:not(.hollow)")) == 1
    assert {"chance", "ceiling"} <= set(texts(page, "#accuracy svg .small"))
    assert "n = 300 pairs of 60 prompts" in texts(page, "#accuracy figcaption")


def test_ties_generators_picks_and_calibration_are_told(page: webdriver.Chrome) -> None:
    rows = "[...document.querySelectorAll('main tbody tr')]"
    joined = "[...row.cells].map((cell) => cell.textContent).join(' ')"
    cells = page.execute_script(f"return {rows}.map((row) => {joined})")
    assert "VideoRM 61.0 % [56.0, 65.0]" in cells
    assert "VideoRM, its own threshold 58.0 % [53.0, 62.0]" in cells
    assert "every pair a tie 33.0 % [28.0, 37.0]" in cells
    assert any(row.startswith("generators it never trained on 57.0 %") for row in cells)
    assert any(row.startswith("beta <i> 66.0 %") for row in cells)
    assert "best possible 4.50 [4.45, 4.54]" in cells  # picked out of the most
    assert any("0.400 → 0.400" in row and "25.0 %, 37.5 %" in row for row in cells)
    assert "VideoRM − per-frame control the raters all test +13.0 [+8.0, +17.0] 300 60" in cells
    assert "prompts: the model was trained on none of the 60" in texts(page, "#models .note")
    drawn = {svg.get_attribute("aria-label")
             for svg in page.find_elements(By.CSS_SELECTOR, "main .chart svg")}  # fmt: skip
    assert {"Best of n, all", f"Reliability, {DIMENSIONS[1]}", "Validation accuracy"} <= drawn
    # one ring on the epoch that was kept for each of two models: in the losses and in the accuracy
    assert len(page.find_elements(By.CSS_SELECTOR, "#training .ring")) == 4


def test_probes_say_what_was_expected_and_what_is_shown_in_words(page: webdriver.Chrome) -> None:
    plot = page.find_element(By.CSS_SELECTOR, "#probes .chart svg")
    words = plot.get_attribute("textContent") or ""
    assert words.count("frame shuffle") == 3
    for said in ("falls", "stays within ±0.25", "as expected", "NOT shown", "NOT as expected"):
        assert said in words
    assert len(plot.find_elements(By.CSS_SELECTOR, ".wanted")) == 3
    assert len(plot.find_elements(By.CSS_SELECTOR, ".whisker")) == 3
    assert len(plot.find_elements(By.CSS_SELECTOR, ".mark:not(.hollow)")) == 1  # as expected
    counted = "[...document.querySelector('#probes tbody tr').cells].map((c) => c.textContent)"
    assert page.execute_script(f"return {counted}") == ["VideoRM", "1", "1", "1", "0"]
    assert any(
        "NOT as expected" in row and "<b>bold</b>" in row for row in texts(page, "#probes tbody tr")
    )


def test_a_pair_it_gets_wrong_is_shown_with_clips_and_all_that_was_said(
    page: webdriver.Chrome,
) -> None:
    known, gone = page.find_elements(By.CSS_SELECTOR, ".disagreement")
    assert known.find_element(By.TAG_NAME, "h4").text == TEXTS[1]
    assert [h.text for h in known.find_elements(By.TAG_NAME, "h5")] == [
        "beta <i> simulated raters prefer this", "alpha simulated VideoRM prefers this"]  # fmt: skip
    assert len(known.find_elements(By.CSS_SELECTOR, ".strip img")) == 8
    link = known.find_element(By.CSS_SELECTOR, ".meta a").get_attribute("href") or ""
    prompt = known.find_element(By.CSS_SELECTOR, ".meta code").text
    assert link.endswith(f"index.html#prompt={prompt}&pair=1-2")
    words = known.find_element(By.CSS_SELECTOR, ".margins").text
    assert "The raters prefer their clip by 1.00 (0.5 sd), n = 2 raters: r0 +1, r1 <b> +1." in words
    assert (
        "VideoRM prefers the other by 1.500 (1.5 sd): it gives their clip 12.5 % (temperature 1.25)."
        in words
    )
    assert "The per-frame control is right (+0.500)." in words
    given = known.find_elements(By.CSS_SELECTOR, ".scores")[0].text
    assert "VideoRM, reward −0.250" in given
    assert "signal 4" in given
    assert "raters 4.33 n = 3: 4, 5, 4" in given
    assert HOSTILE_RATIONALE in [t.text for t in known.find_elements(By.CSS_SELECTOR, ".said")]
    # of a prompt that the run has not there is the id, and no link
    assert "Prompt ffffffffffffffff" in gone.text
    assert gone.find_elements(By.CSS_SELECTOR, "a, video") == []
    table = (
        "[...document.querySelectorAll('#pairs tbody tr')].slice(0, 2).map((r) => r.textContent)"
    )
    assert page.execute_script(f"return {table}") == [
        "the ratersprompt following10 (25.0 %)1402011 of 1",
        "the annotator's labelsprompt following10 (25.0 %)140201–",
    ]


def test_hostile_text_is_shown_as_text(page: webdriver.Chrome) -> None:
    assert (
        page.find_elements(By.CSS_SELECTOR, "main b, main i, main img[src='x'], script:not([src])")
        == []
    )
    assert page.title != "owned"


@pytest.mark.parametrize("width", [390, 900, 1440])
def test_nothing_is_wider_than_the_window_and_no_words_collide(
    page: webdriver.Chrome, width: int
) -> None:
    as_wide_as(page, width)
    waits(page, "const box = document.querySelector('#accuracy .chart');"
                " return box.querySelector('svg').clientWidth === Math.floor(box.clientWidth)")  # fmt: skip
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    assert page.execute_script(COLLIDE) == []
