"""The verb `canary` against scripted judges: one obeys what it is shown, one is deaf to words."""

import base64
import csv
import html
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from judge_server import JudgeServer
from report_run import HOSTILE, clip_bytes
from test_preview import KEY, PRICE, Tags, pictures

from pipeline import __main__ as cli
from pipeline.canary.ask import Made
from pipeline.canary.subjects import subjects_of, write_words
from pipeline.canary.variants import words_of
from pipeline.config import load_config
from pipeline.plan import make_plan
from pipeline.running import ledger_of, resources_of
from pipeline.state import locked
from schemas.ids import sha256_hex
from schemas.layout import Layout

# two clips of the first prompt; what the judges make of each clip as it is
PROMPTS = (HOSTILE, "two red balls", "a green square", HOSTILE)
CLEAN_SCORE = (2, 3, 4, 3)
WORDS = words_of((1, 5))
HOSTILE_REPLY = "</td></table><script>alert(1)</script>\x1b[31m\u202e"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def write_config(folder: Path, url: str, judges: list[dict[str, Any]], **more: Any) -> str:
    """Four clips of three prompts, and the judges."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "manifest.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["prompt", "generator", "video", "video_id"])
        for number, prompt in enumerate(PROMPTS):
            (folder / f"{number}.mp4").write_bytes(clip_bytes(number))
            rows.writerow([prompt, f"g{number}", f"{number}.mp4", f"clip{number}"])
    common = {"kind": "openai", "base_url": url, "price": PRICE}
    tree = {
        "sources": [{"kind": "manifest", "path": "manifest.csv"}],
        "annotators": [common | judge if "kind" not in judge else judge for judge in judges],
        "rubrics": ["videoprefer/video_quality"],
        "concurrency": {"processes": 1},
        **more,
    }
    (folder / "mine.yaml").write_text(yaml.safe_dump(tree))
    return str(folder / "mine.yaml")


def written(config_file: str, out: Path) -> Made:
    """The variants that the study will make, on the same folder."""
    config = load_config(config_file)
    plan, layout = make_plan(config), Layout(out.resolve())
    resources = resources_of(config, plan, layout, ledger_of(config, plan, layout), workers=1)
    made, _ = write_words(
        config, subjects_of(plan, config, "mine", 4), layout, resources, lambda line: None
    )
    return made


Judge = Callable[[int, str], int | None]  # number of the clip, variant -> score; None: it refuses


class Scripted:
    """Knows clips and variants by the pictures that arrive, and answers for every model."""

    def __init__(self, judges: dict[str, Judge]) -> None:
        self.judges, self.known = judges, dict[str, tuple[int, str]]()
        self.asked: Counter[tuple[str, int, str]] = Counter()

    def learn(self, made: Made) -> None:
        for (video, _), variants in made.items():
            for name, frames in variants.items():
                self.known.setdefault(
                    frames.jpeg_sha256[0], (int(video.removeprefix("clip")), name)
                )

    def answer(self, handler: Any, body: dict[str, Any]) -> None:
        words, picture, *_ = body["messages"][1]["content"]
        jpeg = base64.b64decode(picture["image_url"]["url"].partition(",")[2])
        clip, variant = self.known[sha256_hex(jpeg)]
        for name in ("prompt_praise", "prompt_blame"):
            variant = name if WORDS[name] in words["text"] else variant
        self.asked[body["model"], clip, variant] += 1
        score = self.judges[body["model"]](clip, variant)
        said = {"score": score, "rationale": f"{variant}. {HOSTILE_REPLY}"}
        refusal = {"content": None, "refusal": "I do not judge captions."}
        message = refusal if score is None else {"content": json.dumps(said), "refusal": None}
        reply = {
            "model": body["model"],
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 1280, "completion_tokens": 40, "total_tokens": 1320},
        }
        handler.server.judge.bill(f"{body['model']} {clip} {variant}")
        handler.send(200, json.dumps(reply))


def obeys(clip: int, variant: str) -> int:
    """Takes what it reads for an order; a bar over the picture costs it a point."""
    ordered = {"praise": 5, "blame": 1, "prompt_praise": 5, "prompt_blame": 1}
    return ordered.get(variant, CLEAN_SCORE[clip] - (variant == "neutral"))


def deaf(clip: int, variant: str) -> int:
    """Sees that something is covered, and reads nothing."""
    return CLEAN_SCORE[clip] - (variant in ("neutral", "praise", "blame"))


def prim(clip: int, variant: str) -> int | None:
    """Will not be told to blame; otherwise deaf."""
    return None if variant == "blame" and clip == 1 else deaf(clip, variant)


def study(config: str, out: Path, *options: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, JSON and page."""
    code = cli.main(["canary", "--config", config, "--output", str(out), *options])
    told, page = out / "canary.json", out / "canary" / "index.html"
    if not told.exists():
        return code, {}, ""
    return code, json.loads(told.read_text()), page.read_text("utf-8")


def shift(told: dict[str, Any], judge: str, variant: str, minus: str) -> tuple[Any, ...]:
    (row,) = (
        row
        for row in told["rows"]
        if (row["annotator"], row["variant"], row["minus"]) == (judge, variant, minus)
    )
    return row["value"], row["low"], row["high"], row["moved"], row["n_clips"]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """One study of three judges, and a second one of the same on the same folder."""
    folder = tmp_path_factory.mktemp("canary")
    scripted = Scripted({"obeys": obeys, "deaf": deaf, "prim": prim})
    with (
        pytest.MonkeyPatch.context() as patch,
        JudgeServer(faults=lambda n, key: scripted.answer) as server,
    ):
        patch.setenv("OPENAI_API_KEY", KEY)
        judges = [{"model": name} for name in scripted.judges]
        config = write_config(folder, server.base_url, judges)
        scripted.learn(written(config, folder / "out"))
        first = study(config, folder / "out")
        bills = Counter(server.bills)
        second = study(config, folder / "out")
        assert Counter(server.bills) == bills  # a second study is free
    return {
        "first": first,
        "second": second,
        "bills": bills,
        "out": folder / "out",
        "told": scripted,
    }


def test_every_judge_is_asked_every_variant_once_and_nothing_twice(done):
    assert done["first"][0] == done["second"][0] == 0
    variants = ("clean", "neutral", "praise", "blame", "prompt_praise", "prompt_blame")
    assert done["told"].asked == Counter(
        {(j, c, v): 1 for j in ("obeys", "deaf", "prim") for c in range(4) for v in variants}
    )
    assert sum(done["bills"].values()) == 3 * 4 * 6
    assert done["first"][1]["paid"]["requests"] == 72
    # 1280 tokens in and 40 out at 2 and 10 USD per million: 0.00296 USD a reply
    assert done["first"][1]["paid"]["usd"] == pytest.approx(72 * 0.00296)
    assert done["second"][1]["paid"] == {
        "requests": 0, "usd": 0, "input_tokens": 0, "output_tokens": 0,
    }  # fmt: skip
    same = [{k: v for k, v in done[n][1].items() if k != "paid"} for n in ("first", "second")]
    assert same[0] == same[1]


def test_the_shifts_of_a_judge_that_obeys(done):
    """As it is 2 3 4 3, covered 1 2 3 2, praised 5 5 5 5, blamed 1 1 1 1.

    praise - neutral: 4 3 2 3, whose mean is 3. Clips 0 and 3 share a prompt: sums (7, 2), (3, 1),
    (2, 1). All three draws of one prompt come in 1 of 27 resamples: from 2 to 7 / 2.
    """
    told = done["first"][1]
    assert shift(told, "obeys", "clean", "") == (3, 2.5, 4, None, 4)
    assert shift(told, "obeys", "praise", "neutral") == (3, 2, 3.5, 1, 4)
    # 0 -1 -2 -1: sums (-1, 2), (-1, 1), (-2, 1); clip 0 had the lowest score already
    assert shift(told, "obeys", "blame", "neutral") == (-1, -2, -0.5, 0.75, 4)
    assert shift(told, "obeys", "neutral", "clean") == (-1, -1, -1, 1, 4)
    # 3 2 1 2: sums (5, 2), (2, 1), (1, 1)
    assert shift(told, "obeys", "prompt_praise", "clean") == (2, 1, 2.5, 1, 4)
    # -1 -2 -3 -2: sums (-3, 2), (-2, 1), (-3, 1)
    assert shift(told, "obeys", "prompt_blame", "clean") == (-2, -3, -1.5, 1, 4)
    assert shift(told, "obeys", "prompt_praise", "prompt_blame") == (4, 4, 4, 1, 4)


def test_a_judge_deaf_to_words_is_moved_by_the_bar_alone(done):
    told = done["first"][1]
    assert shift(told, "deaf", "neutral", "clean") == (-1, -1, -1, 1, 4)
    for variant, minus in (
        ("praise", "neutral"),
        ("blame", "neutral"),
        ("prompt_praise", "clean"),
        ("prompt_blame", "clean"),
    ):
        assert shift(told, "deaf", variant, minus) == (0, 0, 0, 0, 4)


def test_a_refusal_is_counted_by_variant_and_its_clip_left_out(done):
    told = done["first"][1]
    assert shift(told, "prim", "blame", "neutral") == (0, 0, 0, 0, 3)
    counts = {(r["annotator"], r["variant"]): r for r in told["replies"]}
    assert counts["prim", "blame"]["refused"] == 1
    assert sum(r["refused"] + r["failed"] + r["silent"] for r in told["replies"]) == 1
    assert counts["prim", "praise"]["questions"] == 4


def test_one_sentence_per_judge_in_the_file_and_on_the_page(done):
    _, told, page = done["first"]
    assert told["sentences"] == [
        "obeys: video_quality moved by +3.00 [2.00, 3.50] of 4 by words in the frames (praise; blame "
        "-1.00 [-2.00, -0.50]), by +2.00 [1.00, 2.50] by words in the prompt (praise; blame "
        "-2.00 [-3.00, -1.50]) (4 clips of 3 prompts).",
        "deaf: video_quality was not moved by words in any clip (4 clips of 3 prompts).",
        "prim: video_quality was not moved by words in any clip (4 clips of 3 prompts).",
    ]
    assert all(sentence in html.unescape(page) for sentence in told["sentences"])


def test_nothing_of_it_is_in_a_run(done):
    """Frames and replies lie in the stores of the folder; there is no table, mark or record."""
    kept = {path.name for path in done["out"].iterdir()}
    assert kept == {"canary", "canary.json", "frames", "media", "journal", "work"}
    assert not (done["out"] / "work" / "config.json").exists()


def test_the_page_is_whole_alone_and_hostile_text_is_text_on_it(done):
    _, _, page = done["first"]
    tags = Tags(page).found
    assert {tag for tag, _ in tags}.isdisjoint({"script", "i", "iframe", "object", "form", "base"})
    assert not any(name.startswith("on") for _, attributes in tags for name in attributes)
    links = [a.get("src") or a.get("href") or "" for _, a in tags]
    assert all(not link or link.startswith(("data:", "#")) for link in links)
    assert len(pictures(page)) == 3 * 4  # three clips as they are and with three captions
    assert len(set(pictures(page))) == 12
    shown = html.unescape(page)
    assert HOSTILE in shown
    assert "praise. </td></table><script>alert(1)</script>" in shown
    assert "refusal: the judge refused: I do not judge captions." in shown
    assert not set(page) & {"\x1b", "\x07", "\u202e"}


def test_estimate_says_what_would_be_asked_and_sends_nothing(tmp_path, capsys):
    with JudgeServer() as server:
        judges = [{"model": "judge", "draws": 2}, {"kind": "signal"}]
        config = write_config(tmp_path, server.base_url, judges)
        code, told, _ = study(config, tmp_path / "out", "--estimate", "--clips", "3")
        assert server.bodies == []
        assert (code, told) == (0, {})
        said = capsys.readouterr()
        # three clips, six variants, two draws; 512 tokens of output at most, each 10 USD a million
        assert "canary: judge: 36 questions, 36 requests to send: at most" in said.err
        assert "canary: signal: 18 questions, free" in said.err
        assert "Nothing was sent." in said.out
        usd = float(said.err.split("$")[1].split()[0])
        assert usd > 36 * 512 * 10e-6
        assert not (tmp_path / "out" / "journal").exists()
        assert study(config, tmp_path / "out", "--clips", "2")[0] == 0
        assert server.n_bills == 24  # two draws of everything
        capsys.readouterr()
        assert study(config, tmp_path / "out", "--unsent", "--clips", "3")[0] == 0
        assert "36 questions, 12 requests to send" in capsys.readouterr().err


def test_the_clips_as_they_are_share_their_replies_with_a_run(tmp_path):
    with JudgeServer() as server:
        config = write_config(tmp_path, server.base_url, [{"model": "judge"}])
        assert study(config, tmp_path / "out")[0] == 0
        assert server.n_bills == 24
        look = ["preview", "--config", config, "--output", str(tmp_path / "out"), "--items", "4"]
        assert cli.main(look) == 0
        assert server.n_bills == 24


@pytest.mark.parametrize(
    ("fault", "options", "words"),
    [
        ("insufficient_quota", [], "quota"),
        (None, ["--set", "budget.requests=5"], "budget.requests"),
    ],
)
def test_what_stops_a_run_stops_the_study_and_a_later_one_goes_on(
    tmp_path, capsys, fault, options, words
):
    with JudgeServer(faults=[fault] * 99) as server:
        config = write_config(tmp_path, server.base_url, [{"model": "judge", "concurrency": 1}])
        code, told, page = study(config, tmp_path / "out", *options)
        assert code == 3
        assert server.n_bills == (0 if fault else 5)
    assert words in told["stopped"]
    assert "Stopped early" in page
    assert "stopped: " in capsys.readouterr().out
    with JudgeServer() as server:
        moved = ["--set", f"annotators.0.base_url={server.base_url}"]
        code, told, _ = study(config, tmp_path / "out", *moved)
        assert (code, told["stopped"]) == (0, None)
        assert server.n_bills == (24 if fault else 19)


def test_recorded_annotators_are_left_out_and_the_terminal_ends_with_the_sentences(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "80")
    recorded = {"kind": "recorded", "path": "recorded.csv"}
    (tmp_path / "recorded.csv").write_text("video_id,annotator,score\nclip0,old,3\n")
    config = write_config(tmp_path, "", [recorded, {"kind": "signal"}])
    code, told, page = study(config, tmp_path / "out")
    assert code == 0
    left = "old is left out: its scores are recorded, it sees no pixels"
    assert left in told["notes"]
    assert left in page
    table, _, end = capsys.readouterr().out.partition("page: ")
    assert left in " ".join(table.split())
    assert "neutral - clean" in table
    assert max(map(len, table.splitlines())) <= 80
    assert " ".join(end.split()).endswith(" ".join(told["sentences"]))
    assert {row["annotator"] for row in told["rows"]} == {"signal"}
    config = write_config(tmp_path, "", [recorded])
    assert study(config, tmp_path / "none")[0] == 2
    assert "all are recorded" in capsys.readouterr().err


def test_a_clip_without_frames_is_named_and_the_others_are_asked(tmp_path, capsys):
    config = write_config(tmp_path, "", [{"kind": "signal"}])
    (tmp_path / "1.mp4").write_bytes(b"no clip at all")
    code, told, _ = study(config, tmp_path / "out")
    assert (code, told["n_clips"], told["n_prompts"]) == (0, 3, 2)
    assert any("clip1 is left out: " in note for note in told["notes"])
    small = study(config, tmp_path / "small", "--set", "frames.long_side_px=48")
    assert small[0] == 2
    assert "too small to write on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--set", "annotators.0.api_key_env=NOT_SET_ANYWHERE"], "NOT_SET_ANYWHERE"),
        (["--set", "rubrics=[no_such_rubric]"], "no_such_rubric"),
    ],
)
def test_faults_are_refused_as_by_run(tmp_path, capsys, options, words):
    with JudgeServer() as server:
        config = write_config(tmp_path, server.base_url, [{"model": "judge"}])
        assert study(config, tmp_path / "out", *options)[0] == 2
        assert words in capsys.readouterr().err
        with locked(Layout(tmp_path / "out")):
            assert study(config, tmp_path / "out")[0] == 2
        assert "another run" in capsys.readouterr().err
        assert server.bodies == []


def test_simulated_clips_under_an_annotator_that_measures(tmp_path, capsys):
    """It reads nothing, and misses what the bar covers: two fifths of these small pictures."""
    small = ("limit=8", "videorm=null", "audit=null", "concurrency.processes=1")
    code, told, page = study(
        "demo", tmp_path / "out", "--clips", "8", *(o for s in small for o in ("--set", s))
    )
    assert (code, told["n_clips"], told["n_prompts"], told["simulated"]) == (0, 8, 8, True)
    assert "Simulated." in page
    assert any("the bar covers 44% of a frame" in note for note in told["notes"])
    found = {(r["dimension"], r["variant"], r["minus"]): r for r in told["rows"]}
    for dimension in ("prompt_following", "video_quality"):
        for variant in ("praise", "blame"):
            row = found[dimension, variant, "neutral"]
            assert row["low"] <= 0 <= row["high"]
            assert abs(row["value"]) <= 0.25
        for variant in ("prompt_praise", "prompt_blame"):
            assert found[dimension, variant, "clean"]["moved"] == 0
    assert found["prompt_following", "neutral", "clean"]["high"] < 0
    assert "signal: prompt_following" in capsys.readouterr().out
