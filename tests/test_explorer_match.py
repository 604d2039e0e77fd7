"""What the explorer's page computes from its columns, against numbers worked out by hand and numpy."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_browser import chromium, opened, waits
from selenium import webdriver
from selenium.webdriver.common.by import By

from pipeline.report.pages import EXPLORE, write_pages, write_script

# Three prompts of 3, 2 and 2 clips: pairs 0..2 are the first prompt's, 3 the second's, 4 the third's.
INDEX = {
    "total": 3,
    "per_file": 2,
    "dimensions": [
        {
            "name": "quality",
            "file": "scores-0",
            "scores": ["consensus", "raters"],
            "spread": ["judge"],
            "margins": ["labels", "judge", "v:2", "raters"],
        }
    ],
    "generators": ["alpha", "beta", "gamma"],
    "splits": ["train", "validation", "test"],
    "ids": ["p0", "p1", "p2"],
    "texts": ["A red kite", "Two RED balls", "a green square"],
    "split": [0, 2, -1],
    "starts": [0, 3, 5, 7],
    "generator": [0, 1, 2, 0, 1, 0, 1],
    "reasons": [
        {"stage": "annotate", "reason": "refusal", "clips": 1, "prompts": 0},
        {"stage": "compare", "reason": "refusal", "clips": 0, "prompts": 1},
        {"stage": "clip check", "reason": "frozen", "clips": 1, "prompts": 0},
    ],
    "clip_reasons": {"1": [0], "3": [2]},
    "prompt_reasons": {"2": [1]},
}
COLUMNS = {
    "dimension": "quality",
    "scores": {
        "consensus": [5, 1, 3, 4, 4, None, 2],
        "raters": [4, 2, 3, 1, 4, 2, 2],
    },
    "spread": {"judge": [0, 0.5, None, 1.5, 0, None, None]},
    "margins": {
        "labels": [2, 0, -1, 1, None],
        "judge": [0, 0, 0, 3, None],
        "v:2": [1, 1, 1, 1, 1],
        "raters": [-1, 1, 2, -3, 5],
    },
}
# Deviations about zero of what is known: labels sqrt((4 + 0 + 1 + 1) / 4) = sqrt(1.5), raters
# sqrt((1 + 1 + 4 + 9 + 25) / 5) = sqrt(8); their product is sqrt(12).
UNIT = math.sqrt(12)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    folder = tmp_path_factory.mktemp("columns")
    write_run(folder, INDEX)
    write_script(folder, "scores-0.js", "scores-0", COLUMNS)
    write_script(folder, "prompts-0.js", "prompts-0", [])
    with chromium() as driver:
        opened(driver, (folder / EXPLORE.file).as_uri())
        yield driver


def write_run(folder: Path, index: dict[str, Any]) -> None:
    """The explorer of a run of which next to nothing but an index is known."""
    write_pages(folder, [EXPLORE])
    write_script(folder, "run.js", "run", {"manifest": {"run_id": "r"}, "human_dimensions": {}})
    write_script(folder, "agreement.js", "audit", None)
    write_script(folder, "index.js", "index", index)


def asked(page: webdriver.Chrome, script: str, *arguments: Any) -> Any:
    """What a script finds with ``x``, the explorer's functions, and ``layout`` of the index above."""
    before = "const x = vp.explore, layout = x.layout(vp.data.index), columns = arguments[0];"
    return page.execute_script(before + script, COLUMNS, *arguments)


def found(page: webdriver.Chrome, **state: str) -> list[int]:
    script = """const state = {...x.NOTHING, ...arguments[1]};
        return x.match(layout, new Map([["quality", columns]]), state).prompts;"""
    prompts: list[int] = asked(page, script, state)
    return prompts


def test_the_size_of_a_disagreement_is_in_deviations_and_the_largest_pair_counts(
    page: webdriver.Chrome,
) -> None:
    script = """const mask = arguments[2] && Uint8Array.from(arguments[2]);
        const {size, pairs} = x.disagreement(layout, [columns], arguments[1], mask);
        return [[...size], [...pairs]];"""
    size, pairs = asked(page, script, ["labels", "raters"], None)
    # p0: 2 against -1 and -1 against 2, both 2; its tie against 1 is none. p1: 1 against -3. p2: no label.
    assert pairs == [2, 1, 0]
    assert size == pytest.approx([2 / UNIT, 3 / UNIT, 0])
    size, pairs = asked(page, script, ["raters", "labels"], [0, 0, 1, 0, 0, 0, 0])
    assert pairs == [1, 0, 0]  # only the pair (1, 2) of p0 has its third clip and is opposite
    assert size == pytest.approx([2 / UNIT, 0, 0])


def test_disagreements_are_as_numpy_finds_them(page: webdriver.Chrome) -> None:
    rng = np.random.default_rng(7)
    for _ in range(5):
        a, b = rng.normal(0, 3, (2, 5)).round(2)
        b[rng.integers(5)] = np.nan
        products = a * b / np.sqrt(np.mean(a**2) * np.nanmean(b**2))
        opposite = np.nan_to_num(np.where(products < 0, -products, 0.0))
        expected = [opposite[:3].max(), opposite[3], opposite[4]]
        columns = {"a": a.tolist(), "b": [None if v != v else v for v in b.tolist()]}
        script = "return [...x.disagreement(layout, [{margins: arguments[1]}], ['a', 'b']).size];"
        assert asked(page, script, columns) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("state", "prompts"),
    [
        ({}, [0, 1, 2]),
        ({"q": "red"}, [0, 1]),
        ({"q": "  RED two "}, [1]),  # all of the words, any case, any order
        ({"q": "P2"}, [2]),  # an id
        ({"generator": "gamma"}, [0]),
        ({"generator": "of another run"}, []),
        ({"split": "test"}, [1]),
        ({"max": "2"}, [0, 2]),  # by the consensus: clips 1 and 6
        ({"min": "2", "max": "3"}, [0, 2]),
        ({"max": "1", "source": "raters"}, [1]),
        ({"generator": "alpha", "max": "2"}, []),  # of p0 alpha has a 5, of p2 none: one clip, both
        ({"generator": "beta", "max": "2"}, [0, 2]),
        ({"reason": "annotate.refusal"}, [0]),
        ({"reason": "compare.refusal"}, [2]),  # the prompt's own
        ({"reason": "compare.refusal", "min": "3"}, []),
        ({"reason": "compare.refusal", "max": "2"}, [2]),
        ({"reason": "clip check.frozen", "generator": "beta"}, []),  # the frozen one is alpha's
        ({"part": "labels:raters"}, [1, 0]),  # the largest first
        ({"part": "labels:raters", "order": "run"}, [0, 1]),
        ({"part": "labels:raters", "generator": "gamma"}, [0]),
        ({"part": "draws:judge"}, [1, 0]),
        ({"part": "v:2:raters"}, [1, 0]),  # a name with a colon
        ({"part": "ties:judge"}, [0]),
        ({"part": "labels:nobody"}, []),
        ({"order": "lowest"}, [0, 2, 1]),  # 1, 2, 4
        ({"order": "highest"}, [0, 1, 2]),  # 5, 4, 2
        ({"order": "closest"}, [0, 1, 2]),  # labels 0, 1, none
        ({"order": "widest", "source": "raters"}, [2, 1, 0]),  # 5, 3, 2
    ],
)
def test_prompts_match_and_stand_in_order(
    page: webdriver.Chrome, state: dict[str, str], prompts: list[int]
) -> None:
    assert found(page, **state) == prompts


def test_an_address_holds_a_state_and_what_is_no_value_in_it_counts_for_nothing(
    page: webdriver.Chrome,
) -> None:
    state = {"q": "a & b #1", "generator": "x=y", "min": "-1.5", "prompt": "p0", "pair": "1-3"}
    script = "const hash = x.address({...x.NOTHING, ...arguments[1]}); return [hash, x.readAddress(hash)];"
    address, read = asked(page, script, state)
    assert address.startswith("#q=a+%26+b+%231&generator=x%3Dy&min=-1.5")
    assert {name: value for name, value in read.items() if value} == state
    wrong = "#min=low&max=&order=sideways&pair=2-2&page=0&unknown=1&prompt=p0"
    read = asked(page, "return x.readAddress(arguments[1]);", wrong)
    assert {name: value for name, value in read.items() if value} == {"prompt": "p0"}


def test_presets_are_counted_and_each_finds_what_it_counts(page: webdriver.Chrome) -> None:
    presets = asked(page, "return x.presets(layout, [columns]);")
    told = {p["title"]: (p["count"], p.get("prompts")) for p in presets}
    assert told == {
        "Labels against raters": ("3 pairs", 2),
        "Draws of judge differ": ("2 clips", 2),
        "Lowest scores, quality ≤ 1": ("1 clip", 1),  # 5 % of six known scores: the lowest
        "refusal (annotate)": ("1 clip", None),
        "refusal (compare)": ("1 prompt", None),
        "Clip check: frozen": ("1 clip", None),
    }
    for preset in presets:
        assert len(found(page, **preset["changes"])) == preset.get("prompts", 1)


def test_a_headline_keeps_its_numbers_and_what_was_counted(page: webdriver.Chrome) -> None:
    text = ("On x, j prefers it in 78.8 % [69.4, 86.8] of pairs (left out in turn; 429 pairs × raters, "
            "3 raters; the nearest); guessing reaches 50.0 %.")  # fmt: skip
    said = asked(page, "return x.shortened(arguments[1]);", text).replace("\u00a0", " ")
    assert said == ("On x, j prefers it in 78.8 % [69.4, 86.8] of pairs (n = 429 pairs × raters, "
                    "3 raters); guessing reaches 50.0 %.")  # fmt: skip
    assert (
        asked(page, "return x.shortened('No share (of this) here');") == "No share (of this) here"
    )


def test_a_histogram_counts_half_points_of_a_short_scale(page: webdriver.Chrome) -> None:
    values = [1, 1, 1.4, 3, None, 5]  # 1.4 is nearest to 1.5
    shares = asked(page, "return x.histogram(arguments[1], 1, 5);", values)
    assert shares == [1, 0.5, 0, 0, 0.5, 0, 0, 0, 0.5]


def test_shorter_clips_wait_for_the_longest_and_all_begin_again(page: webdriver.Chrome) -> None:
    """With stand-ins for videos of 1 s and 2 s, whose clocks the test sets."""
    script = """
    const clip = (duration) => Object.assign(new EventTarget(), {
      duration, currentTime: 0, readyState: 4, paused: true, dataset: { fps: "8" },
      play() { this.paused = false; return Promise.resolve(); }, pause() { this.paused = true; } });
    const short = clip(1), long = clip(2), steps = vp.inStep([short, long]), seen = [];
    const note = () => seen.push([short.currentTime, short.paused, long.currentTime, long.paused]);
    const done = arguments[arguments.length - 1];
    steps.play().then(() => {
      note();
      long.currentTime = 0.5; long.dispatchEvent(new Event("timeupdate")); note();
      long.currentTime = 1.5; long.dispatchEvent(new Event("timeupdate")); note();
      long.currentTime = 2; long.dispatchEvent(new Event("ended")); note();
      long.currentTime = 1.01; steps.step(1); note();
      steps.step(-1); note();
      done([seen, steps.paused()]);
    });"""
    seen, paused = page.execute_async_script(script)
    assert seen[0] == [0, False, 0, False]
    assert seen[1] == [0.5, False, 0.5, False]  # half a second apart: put right
    assert seen[2] == [1, True, 1.5, False]  # the short one has ended and waits
    assert seen[3] == [0, False, 0, False]
    # 1.01 s is the eighth frame at 8 a second; the next begins at 1.125 s, where the short one has ended
    assert seen[4] == [1, True, pytest.approx(1.125, abs=0.002), True]
    assert seen[5] == [pytest.approx(1, abs=0.002), True, pytest.approx(1, abs=0.002), True]
    assert paused


def test_a_long_list_is_paged_and_the_keyboard_crosses_its_pages(
    page: webdriver.Chrome, tmp_path: Path
) -> None:
    """120 prompts none of whose clips exists, without scores: 50 of them on a page."""
    ids, texts = [f"id-{n}" for n in range(120)], [f"prompt {n}" for n in range(120)]
    named = ("dimensions", "generators", "generator", "reasons")
    nothing = {name: [] for name in named} | {"clip_reasons": {}, "prompt_reasons": {}}
    shape = {"split": [-1] * 120, "starts": [0] * 121, "total": 900, "per_file": 60}
    write_run(tmp_path, {**INDEX, **nothing, **shape, "ids": ids, "texts": texts})
    lists = ("clips", "pairs", "comparisons", "votes", "failures")
    for part in range(2):
        entries = [
            {"id": key, "text": text, "source": "s", "licence": None, "simulated": False}
            | {name: [] for name in lists}
            for key, text in zip(ids[60 * part :][:60], texts[60 * part :][:60], strict=True)
        ]
        write_script(tmp_path, f"prompts-{part}.js", f"prompts-{part}", entries)
    opened(page, (tmp_path / EXPLORE.file).as_uri())
    shown = """const text = (selector) => document.querySelector(selector)?.textContent;
        const rows = document.querySelectorAll(".rows a").length;
        return [text(".prompt h3"), rows, text("[aria-current] .row-text"), text(".status")].join()"""

    def shows(number: int, rows: int) -> None:
        told = f"prompt {number},{rows},prompt {number},120 prompts; 900 in the run"
        waits(page, f"{shown} === '{told}'")

    shows(0, 50)
    keys = page.find_element(By.TAG_NAME, "body").send_keys
    keys("]")
    shows(50, 50)
    assert page.current_url.endswith("#prompt=id-50&page=2")
    keys("k")
    shows(49, 50)
    assert page.current_url.endswith("#prompt=id-49")
    keys("]]")
    shows(100, 20)
    keys("]")  # there is no further page
    page.back()
    shows(50, 50)
    assert not page.find_elements(By.CSS_SELECTOR, ".preset, #filter-dimension, #filter-generator")
    assert page.get_log("browser") == []
