"""Every page of the project in one browser: axe-core, requests, widths, print, console, plots."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pages_looked_at import (
    BUTTONS,
    FOLDED,
    PLOTS,
    THEMED,
    axe_source,
    emulated,
    grave,
    look_at,
    policy,
    printed,
    strangers,
    too_wide,
)
from pages_made import ALONE, OF_REPORT, OF_TWO, make_pages
from report_browser import as_wide_as, chromium
from selenium import webdriver

WIDTHS = (1440, 900, 390)
# the others, which share their styles and scripts, with the slow tests
AT_ONCE = ("index.html", "audit.html", "books.html", OF_TWO)
LATER = [name for name in (*OF_REPORT, *ALONE) if name not in AT_ONCE]
PAGES = [*AT_ONCE, *(pytest.param(name, marks=pytest.mark.slow) for name in LATER)]
FORMS = ("rating of pairs", "rating of clips")  # which nobody prints
PRINTED = [
    *AT_ONCE,
    *(pytest.param(name, marks=pytest.mark.slow) for name in LATER if name not in FORMS),
]
UNFOLD = "document.querySelectorAll('details').forEach((box) => { box.open = true; })"
# Whatever can be opened or played on a page is; a rater begins.
USE = """
const rater = document.getElementById('rater');
if (rater) { rater.value = 'Ann'; document.getElementById('who').requestSubmit(); }
document.querySelectorAll('video').forEach((video) => { video.play().catch(() => {}); });
const frame = document.querySelector('.strip button');
if (frame) frame.click();
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Look:
    """What was seen of a page on one visit."""

    faults: dict[str, list[Any]]  # of axe-core, by how the page was shown
    wide: dict[int, list[str]]  # what stands out, by width of the window
    buttons: list[str]  # on paper
    folded: tuple[int, list[str]]  # boxes, and those whose content is not on paper
    sheets: int
    plots: tuple[int, list[str], int]
    policy: str
    strangers: list[str]
    console: list[Any]


Looks = Callable[[str], Look]


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    with chromium() as driver:
        # axe-core takes half a minute of a page with every statistic
        driver.set_script_timeout(300)
        yield driver


@pytest.fixture(scope="module")
def look(browser: webdriver.Chrome, tmp_path_factory: pytest.TempPathFactory) -> Looks:
    axe = axe_source()
    pages = make_pages(tmp_path_factory.mktemp("pages") / "all #1 % é")
    seen: dict[str, Look] = {}

    def of(name: str) -> Look:
        if name not in seen:
            seen[name] = visited(browser, pages[name], axe)
        return seen[name]

    return of


def visited(browser: webdriver.Chrome, page: Path, axe: str) -> Look:
    """One visit: as it opens, then on paper, then narrow, then with all that can be opened open."""
    faults = {}
    as_wide_as(browser, WIDTHS[0])
    look_at(browser, page)
    faults["light"] = grave(browser, axe)
    with emulated(browser, medium="print"):
        buttons, folded = browser.execute_script(BUTTONS), browser.execute_script(FOLDED)
    sheets = printed(browser)
    browser.execute_script(UNFOLD)
    wide = {width: too_wide(browser, width) for width in WIDTHS}
    plots = browser.execute_script(PLOTS)
    browser.execute_script(USE)
    with emulated(browser, theme="dark"):
        faults["dark, in use"] = grave(browser, axe, THEMED)
    return Look(
        faults={how: found for how, found in faults.items() if found},
        wide={width: found for width, found in wide.items() if found},
        buttons=buttons, folded=folded, sheets=sheets, plots=plots, policy=policy(browser),
        strangers=strangers(browser), console=browser.get_log("browser"),
    )  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious_in_either_theme(look: Looks, name: str) -> None:
    assert look(name).faults == {}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_for_nothing_elsewhere_and_may_not(look: Looks, name: str) -> None:
    assert look(name).strangers == []
    assert look(name).policy.startswith("default-src 'none';")
    assert "http" not in look(name).policy
    assert look(name).console == []


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_the_window(look: Looks, name: str) -> None:
    assert look(name).wide == {}


@pytest.mark.parametrize("name", PRINTED)
def test_on_paper_what_is_folded_stands_and_buttons_do_not(look: Looks, name: str) -> None:
    seen = look(name)
    assert seen.buttons == []
    assert seen.folded[1] == []
    assert 1 <= seen.sheets <= 20  # of three prompts


@pytest.mark.parametrize("name", PAGES)
def test_plots_have_names_and_numbers_that_can_be_selected(look: Looks, name: str) -> None:
    n, faults, canvases = look(name).plots
    assert faults == []
    assert canvases == 0
    assert n > 0 or name not in ("audit.html", "videorm.html", OF_TWO, "study")


def test_what_is_looked_for_is_found(browser: webdriver.Chrome, tmp_path: Path) -> None:
    """A page with one of each fault: these looks can fail."""
    page = tmp_path / "bad.html"
    page.write_text(
        "<!doctype html><html lang=en><title>bad</title><body style='background:#fff'>"
        "<img src='http://127.0.0.1:9/x.png'><p style='color:#ccc'>pale</p><button>Go</button>"
        "<div style='width:2000px'>wide</div><figure><svg width=9 height=9></svg></figure>"
        "<details><summary>more</summary><p>folded</p></details>"
    )
    as_wide_as(browser, 900)
    look_at(browser, page)
    found = {rule for rule, *_ in grave(browser, axe_source())}
    assert {"image-alt", "color-contrast"} <= found
    assert strangers(browser) == ["http://127.0.0.1:9/x.png"]
    assert too_wide(browser, 390)
    assert browser.execute_script(PLOTS)[1] == [
        "null: no name",
        "null: no role",
        "null: no number that can be selected",
    ]
    with emulated(browser, medium="print"):
        assert browser.execute_script(BUTTONS) == ["<button>Go</button>"]
        assert len(browser.execute_script(FOLDED)[1]) == 1


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_pages(tmp_path_factory.mktemp("whole"), every_statistic=True)


@pytest.mark.slow
@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 390)])
@pytest.mark.parametrize("name", [*AT_ONCE, *LATER])
def test_axe_finds_nothing_serious_where_all_is_open_on_a_desk_and_a_phone(
    browser: webdriver.Chrome, whole: dict[str, Path], name: str, theme: str, width: int
) -> None:
    with emulated(browser, theme=theme):
        as_wide_as(browser, width)
        look_at(browser, whole[name])
        browser.execute_script(UNFOLD)
        assert grave(browser, axe_source()) == []
