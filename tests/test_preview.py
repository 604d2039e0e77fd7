"""The verb `preview` against a loopback judge: what is asked, shown, kept and billed."""

import csv
import html
import html.parser
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from judge_server import SNAPSHOT, JudgeServer, expected_score
from report_run import HOSTILE, clip_bytes

from annotators.batch.spec import OpenAIBatchSpec
from annotators.chat.spec import OpenAISpec
from annotators.models import load_models
from pipeline import __main__ as cli
from pipeline.preview.ask import at_once
from pipeline.preview.choose import choose
from pipeline.preview.words import fold, plain
from pipeline.state import locked
from prompts import load_rubric
from schemas import Clip
from schemas.layout import Layout
from schemas.options import SetupError

KEY = "sk-test-5f0c2d9b8a7e6143"
PROMPT = HOSTILE + " \x1b[2J\x1b]0;owned\x07"
RUBRICS = [load_rubric(f"videoprefer/{name}") for name in ("prompt_following", "video_quality")]
# 600 + 8 * 85 = 1280 tokens in, 40 out, at 2 and 10 USD per million: 0.00296 USD a reply
PRICE = {"input_usd_per_million": 2.0, "output_usd_per_million": 10.0}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def write_config(folder: Path, server: JudgeServer, **more: Any) -> str:
    """Two clips of one hostile prompt, a chat judge and the signal annotator."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "manifest.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["prompt", "generator", "video"])
        for hue, generator in enumerate(("alpha", "beta <i>")):
            (folder / f"{hue}.mp4").write_bytes(clip_bytes(hue))
            rows.writerow([PROMPT, generator, f"{hue}.mp4"])
    judge = {"kind": "openai", "model": "judge", "base_url": server.base_url, "price": PRICE}
    tree = {
        "sources": [{"kind": "manifest", "path": "manifest.csv"}],
        "annotators": [judge | more.pop("judge", {}), {"kind": "signal"}],
        "concurrency": {"processes": 1},
        **more,
    }
    (folder / "mine.yaml").write_text(yaml.safe_dump(tree))
    return str(folder / "mine.yaml")


def look(config: str, out: Path, *options: str) -> tuple[int, str]:
    """Exit code, and the page."""
    code = cli.main(["preview", "--config", config, "--output", str(out), *options])
    page = out / "preview" / "index.html"
    return code, page.read_text("utf-8") if page.exists() else ""


def pictures(page: str) -> list[str]:
    return [part.split('"')[0] for part in page.split('<img src="')[1:]]


def test_everything_that_was_sent_and_came_back_is_shown(tmp_path, capsys):
    with JudgeServer() as server:
        code, page = look(write_config(tmp_path, server), tmp_path / "out")
    said = capsys.readouterr().out
    assert code == 0
    # two clips and two rubrics are four questions, fewer than the five that may be asked
    assert server.n_bills == len(server.bodies) == 4
    sent = Counter()
    shown = html.unescape(page)
    for body in server.bodies:
        system, (words, *images) = body["messages"][0]["content"], body["messages"][1]["content"]
        urls = [image["image_url"]["url"] for image in images]
        sent.update(urls)
        assert system in shown
        assert words["text"] in shown
        score = expected_score(urls, system)
        assert f'{{"score": {score}, "rationale": "A loopback judge looked at 8 frames."}}' in shown
    assert Counter(pictures(page)) == sent  # the very bytes, once for each time they were sent
    assert all(f"frame {index}, {index / 8:.2f} s" in page for index in (0, 2, 3, 5, 6, 8, 9, 11))
    keys = {path.stem for path in (tmp_path / "out" / "journal").rglob("*.json")}
    assert len(keys) == 4
    for text in (page, said):
        assert all(key in text for key in keys)
        assert "1,280" in text
        assert "$0.0118" in text  # 4 x 0.00296
    assert SNAPSHOT in page
    assert "max output tokens" in page
    assert '"additionalProperties": false' in shown  # the reply schema
    assert all("loopback judge looked" in text and "signal" in text for text in (page, said))


def test_a_second_look_and_one_with_more_items_bill_only_what_is_new(tmp_path, capsys):
    with JudgeServer() as server:
        config, out = write_config(tmp_path, server), tmp_path / "out"
        assert look(config, out, "--items", "2")[0] == 0
        assert server.n_bills == 2
        before = (out / "preview" / "index.html").read_text()
        assert look(config, out, "--items", "2")[0] == 0
        assert server.n_bills == 2
        assert "paid now   0 requests, $0.00" in capsys.readouterr().out
        assert look(config, out)[0] == 0
        assert server.n_bills == 4
    assert pictures(before) == pictures((out / "preview" / "index.html").read_text())[:16]


def test_the_whole_run_is_projected_by_what_was_counted(tmp_path, capsys):
    """Two of the run's four questions are asked: two requests to come, at 1280 + 40 tokens each."""
    with JudgeServer() as server:
        _, page = look(write_config(tmp_path, server), tmp_path / "out", "--items", "2")
    said = " ".join(capsys.readouterr().out.split())
    assert "2 more requests: " in said
    tokens = int(said.split("2 more requests: ")[1].split(" tokens in")[0].replace(",", ""))
    # estimates of the two rubrics differ by a few words, the server's counts do not
    assert tokens == pytest.approx(2 * 1280, rel=0.02)
    assert "80 out" in said
    assert "the whole run, estimated: 1 prompts, 2 clips" in said
    assert "1 prompts, 2 clips" in page


def test_draws_that_share_a_request_are_bought_together(tmp_path, capsys):
    """Two of four questions, three draws each: 2 requests, 1280 tokens in and 3 x 40 out in each."""
    with JudgeServer() as server:
        config = write_config(tmp_path, server, judge={"draws": 3, "several_choices": True})
        _, page = look(config, tmp_path / "out", "--items", "2")
    assert [body["n"] for body in server.bodies] == [3, 3]
    said = " ".join(capsys.readouterr().out.split())
    assert "the first of 3 replies to one request" in said
    assert "The first of 3 replies to one request" in page
    assert "paid now 2 requests, $0.0075" in said  # 2 x (1280 x 2 + 120 x 10) / 1e6
    assert "and 40 output tokens a reply, 2 more requests for 6 replies: " in said
    assert "240 out" in said  # 6 x 40
    assert "(6 replies, up to 3 in each; 6 more are paid)" in said
    assert "choices 3" in said


def test_a_server_that_ignores_the_number_of_draws_is_projected_as_it_is(tmp_path, capsys):
    with JudgeServer(faults=lambda n, key: "one_choice") as server:
        config = write_config(tmp_path, server, judge={"draws": 3, "several_choices": True})
        look(config, tmp_path / "out", "--items", "2")
    assert [body.get("n") for body in server.bodies] == [3, 3]  # it looks at draw 0 alone
    said = " ".join(capsys.readouterr().out.split())
    assert "replies to one request" not in said
    # of each item two draws are missing, of the other two items all three
    assert "and 40 output tokens a reply, 6 more requests for 10 replies: " in said
    assert "400 out" in said


@pytest.mark.slow  # a run of Beam
def test_a_run_on_the_folder_buys_only_what_was_not_looked_at(tmp_path):
    with JudgeServer() as server:
        config, out = write_config(tmp_path, server), tmp_path / "out"
        assert look(config, out, "--items", "3")[0] == 0
        assert server.n_bills == 3
        assert cli.main(["run", "--config", config, "--output", str(out)]) == 0
        assert server.n_bills == 4
        assert set(server.bills.values()) == {1}
        assert look(config, out)[0] == 0  # a look at a finished run changes nothing of it
        assert server.n_bills == 4
    assert (out / "run.json").exists()


def test_unsent_sends_nothing_and_shows_the_requests(tmp_path, capsys):
    with JudgeServer() as server:
        config = write_config(tmp_path, server)
        code, page = look(config, tmp_path / "out", "--unsent")
        assert server.bodies == []
        assert code == 0
        assert not (tmp_path / "out" / "journal").exists()
        _, asked = look(config, tmp_path / "out")
    assert "Nothing was sent" in page
    assert pictures(page) == pictures(asked)
    for body in server.bodies:  # what is shown beforehand is what is sent afterwards
        assert body["messages"][1]["content"][0]["text"] in html.unescape(page)
    assert "512 at most" in page
    assert "signal" not in page.split('id="cost"')[0]
    assert "Nothing was sent." in capsys.readouterr().out.split("page:")[0]


@pytest.mark.parametrize(
    ("fault", "reason", "words"),
    [
        ("refusal", "refusal", "I cannot judge this video."),
        ("bad_request", "rejected", "An image could not be read"),
        ("off_scale", "off_scale", '{"score": 9, "rationale": "great"}'),
    ],
)
def test_a_failure_is_shown_with_its_reason(tmp_path, capsys, fault, reason, words):
    with JudgeServer(faults=[fault]) as server:
        code, page = look(write_config(tmp_path, server), tmp_path / "out", "--items", "2")
    assert code == 0
    assert f"failed: {reason}" in page
    assert page.count('badge bad">failed') == 1
    assert words in html.unescape(page)
    assert f"failed, {reason}" in capsys.readouterr().out


def test_a_clip_without_frames_is_shown_and_the_others_are_asked(tmp_path):
    with JudgeServer() as server:
        config = write_config(tmp_path, server)
        (tmp_path / "0.mp4").write_bytes(b"no clip at all")
        code, page = look(config, tmp_path / "out")
    assert code == 0
    assert server.n_bills == 2
    assert page.count("no frames") == 2


@pytest.mark.parametrize(
    ("fault", "options", "words"),
    [
        ("insufficient_quota", [], "quota"),
        ("unauthorized", [], "Incorrect API key provided"),
        (None, ["--set", "budget.requests=1"], "budget.requests"),
    ],
)
def test_what_stops_a_run_stops_the_preview(tmp_path, capsys, fault, options, words):
    with JudgeServer(faults=[fault] * 9) as server:
        config = write_config(tmp_path, server, judge={"concurrency": 1})
        code, page = look(config, tmp_path / "out", *options)
        assert code == 3
        assert server.n_bills == (0 if fault else 1)
        assert "Stopped early" in page
        assert words in page
        assert "stopped: " in capsys.readouterr().out
    if fault is None:  # what was asked before the stop is kept, and the preview goes on from there
        with JudgeServer() as server:
            moved = ["--set", f"annotators.0.base_url={server.base_url}"]
            assert look(config, tmp_path / "out", *moved)[0] == 0
            assert server.n_bills == 3


def test_the_key_is_in_nothing_that_is_written_or_said(tmp_path, capsys):
    """The second server says the key back in its errors."""
    for name, faults in (("fine", []), ("echo", ["unauthorized"] * 9)):
        with JudgeServer(faults=faults) as server:
            _, page = look(write_config(tmp_path / name, server), tmp_path / name / "out")
        assert server.bodies
        assert page
    said = capsys.readouterr()
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(KEY.encode() in data for data in [said.out.encode(), said.err.encode(), *files])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--set", "annotators.0.temprature=1"], "temprature"),
        (["--set", "annotators.0.api_key_env=NOT_SET_ANYWHERE"], "NOT_SET_ANYWHERE"),
        (["--set", "rubrics=[no_such_rubric]"], "no_such_rubric"),
    ],
)
def test_faults_are_refused_as_by_run(tmp_path, capsys, options, words):
    with JudgeServer() as server:
        code, page = look(write_config(tmp_path, server), tmp_path / "out", *options)
        assert server.bodies == []
    assert (code, page) == (2, "")
    assert words in capsys.readouterr().err


def test_clips_that_are_only_compared_are_not_shown(tmp_path, capsys):
    with JudgeServer() as server:
        judge = {"kind": "openai", "model": "judge", "base_url": server.base_url}
        config = write_config(tmp_path, server, annotators=[judge], protocol="pairwise")
        assert look(config, tmp_path / "out") == (2, "")
        assert "look with --set protocol=pointwise" in capsys.readouterr().err
        assert look(config, tmp_path / "out", "--set", "protocol=pointwise", "--items", "2")[0] == 0
        assert server.n_bills == 2


def test_a_folder_in_use_or_a_file_is_refused(tmp_path, capsys):
    with JudgeServer() as server:
        config, out = write_config(tmp_path, server), tmp_path / "out"
        with locked(Layout(out)):
            assert look(config, out)[0] == 2
        assert "another run" in capsys.readouterr().err
        assert look(config, tmp_path / "mine.yaml")[0] == 2
        assert look(config, Path("gs://bucket/out"))[0] == 2
        assert server.bodies == []


@pytest.mark.parametrize("items", ["0", "-1", "two", "1.5"])
def test_items_must_be_a_count(items):
    with pytest.raises(SystemExit) as stop:
        cli.main(["preview", "--config", "demo", "--items", items])
    assert stop.value.code == 2


class Tags(html.parser.HTMLParser):
    """Tags and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_hostile_text_is_text_on_the_page_and_on_the_terminal(tmp_path, capsys):
    reply = json.dumps({"score": 3, "rationale": "</pre><script>alert(1)</script>\x1b[31m\u202e"})
    with JudgeServer() as server, pytest.MonkeyPatch.context() as patch:
        patch.setitem(
            __import__("judge_server")._REPLIES,
            "hostile",
            ("stop", {"content": reply, "refusal": None}),
        )
        server._faults = lambda n, key: "hostile"
        code, page = look(write_config(tmp_path, server), tmp_path / "out")
    assert code == 0
    tags = Tags(page).found
    assert {tag for tag, _ in tags}.isdisjoint({"script", "i", "iframe", "object", "form", "base"})
    assert not any(name.startswith("on") for _, attributes in tags for name in attributes)
    assert all(
        (a["src"] or "").startswith("data:image/jpeg;base64,") for t, a in tags if t == "img"
    )
    assert HOSTILE in html.unescape(page)
    assert "</pre><script>alert(1)</script>" in html.unescape(page)
    said = capsys.readouterr().out
    for text in (page, said):
        assert not set(text) & {"\x1b", "\x07", "\u202e"}


def test_the_terminal_keeps_to_80_columns(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with JudgeServer() as server:
        look(write_config(tmp_path, server), tmp_path / "out")
    items, _, end = capsys.readouterr().out.partition("the whole run, estimated:")
    assert max(map(len, items.splitlines())) <= 80
    assert end.strip().endswith("index.html")


def test_a_batch_judge_is_asked_at_once_at_the_price_of_that():
    models = load_models()
    batch = OpenAIBatchSpec(model="gpt-4o-mini", name="b", seed=4).resolved(models)
    spec = at_once(batch, models)
    facts = models.facts("gpt-4o-mini")
    assert isinstance(spec, OpenAISpec)
    assert (spec.annotator_id, spec.seed, spec.batch) == ("b", 4, False)
    assert facts is not None
    assert spec.price == facts.price != batch.price
    assert spec.model_dump(exclude={"kind", "price"}).items() >= {
        (name, value)
        for name, value in batch.model_dump(exclude={"kind", "price"}).items()
        if name in OpenAISpec.model_fields and not isinstance(value, (dict, list))
    }
    assert at_once(spec, models) is spec


def test_a_cap_in_dollars_needs_the_price_of_asking_at_once():
    """The block of a batch judge gives the price of batches; the table does not know the model."""
    models = load_models()
    batch = OpenAIBatchSpec(model="my-own", price=PRICE, base_url="http://localhost:1/v1")
    with pytest.raises(SetupError, match="asked at once"):
        at_once(batch, models, capped=True)
    spec = at_once(batch, models)
    assert isinstance(spec, OpenAISpec)
    assert spec.price is None


def clips_of(generators: list[int]) -> list[Clip]:
    return [
        Clip(video_id=f"v{n}", prompt_id=f"p{n % 3}", prompt="x", generator=f"g{g}", source="s",
             path=f"/{n}.mp4")
        for n, g in enumerate(generators)
    ]  # fmt: skip


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.integers(1, 2), st.integers(1, 30))
def test_the_choice_is_spread_over_clips_generators_and_rubrics(generators, n_rubrics, n):
    clips, rubrics = clips_of(generators), RUBRICS[:n_rubrics]
    found = choose(clips, rubrics, n)
    assert found == choose(clips[::-1], rubrics, n)  # the order of a source does not matter
    pairs = [(clip.video_id, rubric.name) for clip, rubric in found]
    assert len(set(pairs)) == len(pairs) == min(max(n, n_rubrics), len(clips) * n_rubrics)
    assert {name for _, name in pairs} == {rubric.name for rubric in rubrics}
    times = Counter(video for video, _ in pairs)
    assert max(times.values()) == 1 or len(times) == len(clips)
    taken = {clip.generator for clip, _ in found}
    assert len(taken) == min(len(set(generators)), len(pairs))


def test_no_clips_no_choice():
    assert choose([], RUBRICS, 5) == []


@given(st.text(max_size=200))
def test_plain_text_keeps_what_shows_and_drops_what_acts(text):
    shown = plain(text)
    assert plain(shown) == shown
    shown.encode()  # nothing that a page or a terminal cannot hold
    assert not any((ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160 for c in shown)
    if text.isascii() and text.isprintable():
        assert shown == text


def test_a_folded_text_says_what_is_left_out():
    # five lines at most eight wide: "aaa bbb", "ccc", "", "dddddddd", "dd"
    text = "aaa bbb ccc\n\ndddddddddd"
    assert fold(text, 8, 5) == "aaa bbb\nccc\n\ndddddddd\ndd"
    assert fold(text, 8, 3) == "aaa bbb\nccc\n[... 3 more lines on the page]"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium, as for the report; skips where it is not installed."""
    from test_report_browser import FLAGS, programs

    chromium, driver_path = programs()
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = chromium
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(driver_path))
    yield driver
    driver.quit()


def test_the_page_works_alone_from_disk(tmp_path, browser):
    from test_report_browser import requested

    with JudgeServer(faults=["refusal"]) as server:
        look(write_config(tmp_path, server), tmp_path / "out")
    moved = tmp_path / "elsewhere #1 é.html"
    (tmp_path / "out" / "preview" / "index.html").rename(moved)
    grounds = {}
    for theme in ("light", "dark"):
        for width in (400, 900, 1280):
            size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            wanted = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", wanted)
            browser.get(moved.as_uri())
            assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        grounds[theme] = browser.execute_script(
            "return getComputedStyle(document.body).backgroundColor"
        )
    assert grounds["light"] != grounds["dark"]
    shown = "return [...document.images].map(i => i.complete ? i.naturalWidth : 0)"
    assert browser.execute_script(shown) == [96] * 32  # four items of eight frames
    assert "owned" not in browser.title
    big = "const i = document.images[3]; i.focus(); return i.getBoundingClientRect().width"
    assert browser.execute_script(big) >= 512
    assert browser.get_log("browser") == []
    urls = requested(browser)
    assert urls
    assert [url for url in urls if not url.startswith(("file://", "data:"))] == []
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
