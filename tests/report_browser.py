"""Headless Chromium for the tests that look at pages as a person would, opened from disk."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

REQUIRED = os.environ.get("VIDEOPREFER_REQUIRE_BROWSER") == "1"
if not REQUIRED:
    pytest.importorskip("selenium")

from selenium import webdriver  # noqa: E402
from selenium.webdriver.chrome.options import Options  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--no-first-run", "--disable-background-networking", "--window-size=1400,900")  # fmt: skip


def programs() -> tuple[str, str]:
    """Chromium and its driver; skips where they are absent, unless they are required."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if program and driver:
        return program, driver
    if REQUIRED:
        pytest.fail("chromium or chromedriver is not installed, but VIDEOPREFER_REQUIRE_BROWSER=1")
    pytest.skip("chromium and chromedriver are not installed")


@contextlib.contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    """A browser that keeps its console and its requests."""
    program, driver_path = programs()
    options = Options()
    options.binary_location = program
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(driver_path))
    yield driver
    driver.quit()


def requested(driver: webdriver.Chrome) -> list[str]:
    """Addresses of every request since the log was last read."""
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    return [
        e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"
    ]


def texts(driver: webdriver.Chrome, selector: str) -> list[str]:
    found = driver.find_elements(By.CSS_SELECTOR, selector)
    return [element.get_attribute("textContent") or "" for element in found]


def waits(driver: webdriver.Chrome, script: str) -> Any:
    return WebDriverWait(driver, 10, poll_frequency=0.05).until(lambda d: d.execute_script(script))


def as_wide_as(driver: webdriver.Chrome, width: int) -> None:
    """Make the window that wide."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def opened(driver: webdriver.Chrome, address: str) -> None:
    """Open a page with empty logs."""
    driver.get("about:blank")
    driver.get_log("browser")
    driver.get_log("performance")
    driver.get(address)
