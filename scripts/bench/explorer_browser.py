"""Pages in headless Chromium, timed by the browser itself: what stands in the script runs in the page.

A paint counts as done in the first task after the frame that shows it: a requestAnimationFrame callback
runs before its frame is painted, and a message posted from it is handled afterwards.
"""

import contextlib
import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
         "--disable-background-networking", "--window-size=1440,900")  # fmt: skip
LIMIT_S = 300

# From the first moment of every page: when its list stands, told by a live status with a number in it.
WATCH = """
window.bench = {
  painted: () => new Promise((done) => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => done(performance.now());
    channel.port2.postMessage(0);
  })),
  said: () => { const status = document.querySelector('main [role=status], main [aria-live]');
    return status && /\\d/.test(status.textContent) ? status.textContent : ''; },
  changed: (before) => new Promise((done) => {
    const look = () => bench.said() && bench.said() !== before && (watch.disconnect(), done());
    const watch = new MutationObserver(look);
    watch.observe(document, {childList: true, subtree: true, characterData: true});
    look();
  }),
  there: (id) => new Promise((done) => {
    const look = () => document.getElementById(id) && (watch.disconnect(), done());
    const watch = new MutationObserver(look);
    watch.observe(document, {childList: true, subtree: true});
    look();
  }),
};
bench.stands = bench.changed('').then(bench.painted);
"""
# What an action takes until its outcome is painted, and what the page then says.
ACT = """
const [action, value, done] = arguments;
const before = bench.said(), begun = performance.now();
const acts = {
  address: () => { location.hash = value; return bench.changed(before); },
  type: () => { const box = document.querySelector('main input[type=search]');
    box.value = value; box.dispatchEvent(new Event('input', {bubbles: true}));
    return bench.changed(before); },
  open: () => { location.hash = 'prompt=' + value; return bench.there('prompt-' + value); },
  nothing: () => { document.body.append(value); return Promise.resolve(); },
};
acts[action]().then(bench.painted).then((end) => done([end - begun, bench.said()]));
"""
OPENED = """
const [listed, done] = arguments;
const painted = new Promise((go) => new PerformanceObserver((list, observer) => {
  if (list.getEntriesByName('first-contentful-paint').length) { observer.disconnect(); go(); }
}).observe({type: 'paint', buffered: true}));
const loaded = new Promise((go) => document.readyState === 'complete' ? go() : addEventListener('load', go));
const stands = listed ? bench.stands : loaded.then(bench.painted);
Promise.all([stands, painted]).then(([stands]) => {
  const at = (name) => performance.getEntriesByName(name)[0].startTime;
  done({first_paint: at('first-paint'), first_contentful_paint: at('first-contentful-paint'), stands});
});
"""


@contextlib.contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    """A browser that keeps nothing. Raises ``SystemExit`` where there is none."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    driver_path = shutil.which("chromedriver")
    if not program or not driver_path:
        raise SystemExit("chromium and chromedriver are needed; install them, e.g. apt-get install"
                         " chromium chromium-driver")  # fmt: skip
    options = Options()
    options.binary_location = program
    options.page_load_strategy = "none"
    for flag in FLAGS:
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(driver_path))
    driver.set_script_timeout(LIMIT_S)
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})
    driver.execute_cdp_cmd("Performance.enable", {})
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
    yield driver
    driver.quit()


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a static host on the loopback: Python's own, which does not compress."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def opened(driver: webdriver.Chrome, address: str, *, listed: bool) -> dict[str, float]:
    """Milliseconds from the start of the navigation: first paint, first contentful paint, and when the
    list stands (``listed``), else when the loaded page was painted."""
    driver.get("about:blank")
    driver.execute_async_script("requestAnimationFrame(() => arguments[0]())")
    driver.get(address)
    while driver.current_url.split("#")[0] != address.split("#")[0]:
        pass
    return driver.execute_async_script(OPENED, listed)


def acted(driver: webdriver.Chrome, action: str, value: str) -> tuple[float, str]:
    """Milliseconds from an action to its painted outcome, and the page's live status.

    Raises ``RuntimeError`` where the page shows no outcome: the status stays as it was.
    """
    try:
        took, said = driver.execute_async_script(ACT, action, value)
    except TimeoutException:
        now = driver.execute_script("return [location.href, bench.said()]")
        raise RuntimeError(f"{action} {value!r} changed nothing in {LIMIT_S} s: {now}") from None
    return took, said


def heap_mib(driver: webdriver.Chrome) -> float:
    """Used JavaScript heap after a collection."""
    driver.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
    found = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return next(m["value"] for m in found if m["name"] == "JSHeapUsedSize") / 2**20
