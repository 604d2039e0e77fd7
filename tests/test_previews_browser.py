"""Previews and clips in headless Chromium: they play, for as long as they should, wherever they lie."""

import functools
import html
import http.server
import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coded_clips import number_in, write_clip
from PIL import Image
from report_browser import chromium, opened, waits
from selenium import webdriver
from test_previews import KINDS, clip, source

from pipeline.media.browsers.header import is_plain
from pipeline.media.decode import decode
from pipeline.media.options import FramesOptions
from pipeline.report.media import Media
from pipeline.report.previews.make import Making, make_previews
from schemas.layout import Layout

pytestmark = pytest.mark.slow
ODD = "a run #1 100% ü?&;+"  # what addresses escape, and '?' and '#' end their paths
READY = """const all = [...document.querySelectorAll('video')];
return all.every((v) => v.error || v.readyState >= 2) && all.map((v) => [
  v.dataset.name, v.error && v.error.message, v.videoWidth, v.videoHeight, v.duration])"""


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    with chromium() as driver:
        yield driver


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *said: Any) -> None:
        """Nothing."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / ODD
    folder.mkdir()
    return folder


@pytest.fixture
def host(root: Path) -> Iterator[str]:
    """A static host of the folder in which ``root`` lies."""
    handler = functools.partial(Quiet, directory=str(root.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def page_of(report: Path, clips: dict[str, str]) -> Path:
    """A page in the report's folder with a player of each address."""
    report.mkdir(exist_ok=True)
    players = "".join(
        f'<video muted preload="auto" data-name="{html.escape(name)}" src="{html.escape(url)}"></video>'
        for name, url in clips.items()
    )
    page = report / "players.html"
    page.write_text(f'<!doctype html><meta charset="utf-8">{players}', "utf-8")
    return page


def played(browser: webdriver.Chrome, address: str) -> dict[str, tuple[int, int, float]]:
    """Width, height and seconds of every clip of a page, all of which open."""
    opened(browser, address)
    found = waits(browser, READY)
    assert [(name, error) for name, error, *_ in found if error] == []
    return {name: tuple(rest) for name, _, *rest in found}


def of_source(path: Path) -> tuple[float, float]:
    """Seconds of the clip as frames are taken of it (0.1 each where it gives no times), and of a frame."""
    timeline = decode(str(path), FramesOptions(), lambda frames: (0,), lambda rgb: None).timeline
    n = len(timeline.pts)
    if timeline.fps is None:
        return n / 10, 0.1
    return timeline.duration_s or n / timeline.fps, 1 / timeline.fps


def test_previews_of_every_kind_play(browser: webdriver.Chrome, root: Path, host: str) -> None:
    clips = {name: clip(root, name) for name in KINDS}
    assert_all_play(browser, root, host, clips)


def test_previews_of_real_clips_play(
    browser: webdriver.Chrome, root: Path, host: str, test_data: Path
) -> None:
    """AV1 in Matroska, HEVC in MP4, an MPEG program stream, GIFs without delays, and two that need none."""
    real = [
        *sorted((test_data / "real").iterdir()),
        *sorted((test_data / "fetv/gif").glob("*.gif")),
    ]
    assert {path.suffix for path in real} >= {".mkv", ".mp4", ".mpeg", ".gif"}
    assert_all_play(browser, root, host, {path.name: path for path in real})


def assert_all_play(
    browser: webdriver.Chrome, root: Path, host: str, clips: dict[str, Path]
) -> None:
    report = root / "report"
    sources = {name: source(path) for name, path in clips.items()}
    previews = make_previews(report, sources.values(), Making())
    media = Media(layout=Layout(root), folder=report, previews=previews)
    shown = {
        name: media.clip({"uri": str(one.path), "sha256": one.sha256})
        for name, one in sources.items()
    }
    assert {n: s.why for n, s in shown.items() if s.url is None} == {}
    assert [n for n, s in shown.items() if s.preview == is_plain(clips[n])] == []
    page = page_of(report, {name: s.url or "" for name, s in shown.items()})
    found = played(browser, page.as_uri())
    for name, (width, height, seconds) in found.items():
        expected, frame = of_source(clips[name])
        assert width > 0, name
        if not shown[name].preview:
            continue  # players count its sound, too
        assert max(width, height) <= 480
        assert seconds == pytest.approx(min(expected, 20.0), abs=frame), name
    address = page.relative_to(root.parent).as_posix()
    assert played(browser, f"{host}/{quoted(address)}") == found


def quoted(path: str) -> str:
    return Path("/", path).as_uri().removeprefix("file:///")


def test_a_preview_shows_what_the_clip_shows_at_that_time(
    browser: webdriver.Chrome, root: Path
) -> None:
    """Frame n carries n in white blocks of 16 pixels: in the middle of its time, the page shows it."""
    path = write_clip(root / "a.mkv", range(12), pts=[n * n * 10 for n in range(12)], codec="mpeg4")
    made = make_previews(root / "report", [source(path)], Making())
    media = Media(layout=Layout(root), folder=root / "report", previews=made)
    url = media.clip({"uri": "a.mkv", "sha256": None}).url
    page = page_of(root / "report", {"a": url or ""})
    played(browser, page.as_uri())
    browser.execute_script(
        "window.shown = null; const v = document.querySelector('video');"
        "v.addEventListener('seeked', () => requestAnimationFrame(() => requestAnimationFrame(() => {"
        "window.shown = v.currentTime; })));"
    )
    numbers = []
    for n in (0, 5, 10):
        at = (n * n + (n + 1) ** 2) / 2 * 0.01
        browser.execute_script(
            "window.shown = null; document.querySelector('video').currentTime = arguments[0]", at
        )
        waits(browser, "return window.shown !== null")
        (video,) = browser.find_elements("css selector", "video")
        numbers.append(bits_of(video.screenshot_as_png))
    assert numbers == [0, 5, 10]


def bits_of(png: bytes) -> int:
    return number_in(np.asarray(Image.open(io.BytesIO(png)).convert("RGB")))


def test_clips_are_found_whatever_they_are_called(
    browser: webdriver.Chrome, root: Path, host: str
) -> None:
    """In the run's own folder the page refers to them by their names; from elsewhere to a digest."""
    names = [f"{ODD}.mp4", "%41.mp4", "a:b\\c.MP4", "日本 é.mov", "'\"<b>.m4v"]
    (root / "clips").mkdir()
    elsewhere = root.parent / "elsewhere # %"
    elsewhere.mkdir()
    clips = {}
    media = Media(layout=Layout(root), folder=root / "report")
    for number, name in enumerate(names):
        path = write_clip(root / "clips" / "new.mp4", range(number + 2)).rename(
            root / "clips" / name
        )
        clips[name] = media.clip({"uri": f"clips/{name}", "sha256": None}).url or ""
        far = write_clip(elsewhere / "new.mp4", range(number + 2)).rename(elsewhere / name)
        clips[f"far {name}"] = media.clip({"uri": str(far), "sha256": None}).url or ""
        assert path.is_file()
    page = page_of(root / "report", clips)
    found = played(browser, page.as_uri())
    for number, name in enumerate(names):  # each its own: eight frames a second
        for one in (name, f"far {name}"):
            assert found[one][2] == pytest.approx((number + 2) / 8, abs=0.01), one
    address = page.relative_to(root.parent).as_posix()
    assert played(browser, f"{host}/{quoted(address)}") == found
