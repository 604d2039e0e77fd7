"""What holds of every page, asked of the page itself: axe-core's findings, widths, requests, print.

axe-core (Deque Systems, MPL-2.0) comes with a package that is needed for that one file.
"""

import base64
import importlib.resources
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from report_browser import REQUIRED, as_wide_as, opened, requested, waits
from selenium import webdriver

PACKAGE = "axe_playwright_python"
GRAVE = ("serious", "critical")
THEMED = ["color-contrast", "link-in-text-block"]  # the rules whose findings a theme can change
# Nothing is fetched for axe: style sheets are as the browser has them.
RUN = """
const done = arguments[arguments.length - 1], only = arguments[0];
const where = (node) => `${node.target}: ${node.html.slice(0, 120)} ${node.any.map((x) => x.message)}`;
axe.run(document, {preload: false, resultTypes: ['violations'], ...(only ? {runOnly: only} : {})}).then(
  (found) => done(found.violations.map(({id, impact, nodes}) =>
    [id, impact, nodes.length, nodes.slice(0, 3).map(where)])),
  (error) => done([['axe itself', 'critical', 1, [String(error)]]]));
"""
SETTLED = """
const shown = (box) => box.checkVisibility({contentVisibilityAuto: true}) && box.clientWidth;
return document.readyState === 'complete' && !document.querySelector('[aria-busy="true"]')
  && [...document.querySelectorAll('.chart')].every((box) => !shown(box) || box.querySelector('svg'));
"""
WIDE = """
const rolls = (e) => e && e !== document.body
  && (['auto', 'scroll', 'hidden', 'clip'].includes(getComputedStyle(e).overflowX) || rolls(e.parentElement));
return [document.documentElement.scrollWidth, [...document.querySelectorAll('body *')]
  .filter((e) => e.getClientRects().length && e.getBoundingClientRect().right > innerWidth + 1
    && e.checkVisibility({contentVisibilityAuto: true}) && !rolls(e.parentElement))
  .slice(0, 3).map((e) => e.outerHTML.slice(0, 150))];
"""
# What a sheet of paper has no use for; a button with a picture in it is the picture.
BUTTONS = """
return [...document.querySelectorAll('nav, button, input, select, .skip, dialog')]
  .filter((e) => e.checkVisibility() && e.getClientRects().length && !e.querySelector('img'))
  .map((e) => e.outerHTML.slice(0, 120));
"""
# But for tables that repeat a plot of the same sheet.
FOLDED = """
const folded = [...document.querySelectorAll('details:not([open])')].filter((e) => !e.closest('.on-screen'));
const gone = (e) => !e.checkVisibility({contentVisibilityAuto: true}) || !e.getBoundingClientRect().height;
const unseen = folded.filter((e) => [...e.children].some((child) =>
  child.tagName !== 'SUMMARY' && child.textContent && gone(child)));
return [folded.length, unseen.map((e) => e.outerHTML.slice(0, 150))];
"""
PLOTS = """
const drawn = [...document.querySelectorAll('svg')].filter((svg) => !svg.closest('[aria-hidden="true"]'));
const plot = (svg) => svg.closest('figure, .chart'); // else it is a gauge beside its number
const named = (svg) => svg.getAttribute('aria-label') || svg.querySelector(':scope > title');
const number = (svg) => [...svg.querySelectorAll('text')].some((text) =>
  /\\d/.test(text.textContent) && getComputedStyle(text).userSelect !== 'none');
const faults = (svg) => [!named(svg) && 'no name', svg.getAttribute('role') !== 'img' && 'no role',
  plot(svg) && !number(svg) && 'no number that can be selected',
  svg.querySelector('image, foreignObject') && 'a picture'];
const told = (svg) => faults(svg).filter(Boolean).map((fault) => `${named(svg)}: ${fault}`);
return [drawn.length, drawn.flatMap(told),
  document.querySelectorAll('canvas').length];
"""


def axe_source() -> str:
    """The text of axe.min.js; skips where it is not installed, unless browsers are required."""
    try:
        return importlib.resources.files(PACKAGE).joinpath("axe.min.js").read_text("utf-8")
    except ModuleNotFoundError:
        if REQUIRED or os.environ.get("VIDEOPREFER_REQUIRE_AXE") == "1":
            pytest.fail(f"{PACKAGE} is not installed: pip install -e .[test]")
        pytest.skip(f"{PACKAGE} is not installed")


def look_at(driver: webdriver.Chrome, page: Path) -> None:
    """Open a page with empty logs and wait until it stands."""
    opened(driver, page.as_uri())
    waits(driver, SETTLED)


def grave(driver: webdriver.Chrome, axe: str, only: list[str] | None = None) -> list[Any]:
    """Serious and critical findings of axe-core on what is shown: rule, impact, how often, where."""
    if not driver.execute_script("return 'axe' in window"):
        driver.execute_script(axe)
    found: list[Any] = driver.execute_async_script(RUN, only)
    return [finding for finding in found if finding[1] in GRAVE]


@contextmanager
def emulated(driver: webdriver.Chrome, *, theme: str = "light", medium: str = "") -> Iterator[None]:
    """A theme that the system asks for, and the medium."""
    wanted = {"media": medium, "features": [{"name": "prefers-color-scheme", "value": theme}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", wanted)
    yield
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


def too_wide(driver: webdriver.Chrome, width: int) -> list[str]:
    """What stands out of a window of that width, boxes that roll by themselves left aside."""
    as_wide_as(driver, width)
    waits(driver, SETTLED)
    whole, elements = driver.execute_script(WIDE)
    return elements or ([f"the page is {whole} wide"] if whole > width else [])


def strangers(driver: webdriver.Chrome) -> list[str]:
    """Requests to anywhere but the disk and the page itself, since the log was last read."""
    own = ("file://", "data:", "blob:", "about:")
    return [address for address in requested(driver) if not address.startswith(own)]


def printed(driver: webdriver.Chrome) -> int:
    """How many sheets the page takes."""
    sheets = driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    return len(re.findall(rb"/Type\s*/Page[^s]", base64.b64decode(sheets["data"])))


def policy(driver: webdriver.Chrome) -> str:
    """The content security policy that stands in the page."""
    tag = 'meta[http-equiv="Content-Security-Policy"]'
    return str(driver.execute_script(f"return document.querySelector('{tag}').content"))
