"""The verb `preview` against a loopback judge: what is asked, shown, kept and billed."""

import csv
import html
import html.parser
import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from judge_server import SNAPSHOT, JudgeServer, expected_score, expected_taste
from report_run import HOSTILE, clip_bytes

from annotators.batch.spec import OpenAIBatchSpec
from annotators.chat.spec import OpenAISpec
from annotators.models import load_models
from pipeline import __main__ as cli
from pipeline.preview.ask import at_once
from pipeline.preview.choose import choose, choose_lists, choose_pairs
from pipeline.preview.together import best_first, names_of, together
from pipeline.preview.words import fold, plain
from pipeline.state import locked
from prompts import load_rubric
from schemas import Clip, Comparison
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


def write_config(
    folder: Path,
    server: JudgeServer,
    *,
    generators: tuple[str, ...] = ("alpha", "beta <i>"),
    **more: Any,
) -> str:
    """A clip of each generator and one hostile prompt, a chat judge and the signal annotator; where
    clips are only compared, the judge alone."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "manifest.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["prompt", "generator", "video"])
        for hue, generator in enumerate(generators):
            (folder / f"{hue}.mp4").write_bytes(clip_bytes(hue))
            rows.writerow([PROMPT, generator, f"{hue}.mp4"])
    judge = {"kind": "openai", "model": "judge", "base_url": server.base_url, "price": PRICE}
    compared = more.get("protocol") in ("pairwise", "listwise")
    tree = {
        "sources": [{"kind": "manifest", "path": "manifest.csv"}],
        "annotators": [judge | more.pop("judge", {}), *([] if compared else [{"kind": "signal"}])],
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


def test_a_judge_with_words_of_its_own_is_shown_with_them(tmp_path, capsys):
    """Levels in an order of their own for each clip: the second judge is told something else."""
    with JudgeServer() as server:
        judge = {"kind": "openai", "model": "judge", "base_url": server.base_url, "price": PRICE}
        both = [judge, judge | {"name": "other", "levels": "shuffled"}]
        config = write_config(tmp_path, server, annotators=both, rubrics=[RUBRICS[0].name])
        _, page = look(config, tmp_path / "out", "--items", "1")
    first, second = [body["messages"][0]["content"] for body in server.bodies]
    assert first != second
    assert all(words in html.unescape(page) for words in (first, second))
    assert page.count("Words as sent to other") == 1
    assert "Words as sent to judge" not in page
    assert capsys.readouterr().out.count("\nsystem ") == 2


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
    assert "the whole run, estimated: 1 prompt, 2 clips" in said
    assert "1 prompt, 2 clips" in page


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
    assert "(6 replies, up to 3 in each; 6 more are paid already)" in said
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


def urls_of(body: dict[str, Any]) -> list[list[str]]:
    """The pictures of each clip of a comparison: words stand between them."""
    clips: list[list[str]] = []
    for part in body["messages"][1]["content"]:
        if part["type"] == "text":
            clips.append([])
        else:
            clips[-1].append(part["image_url"]["url"])
    return [clip for clip in clips if clip]


def test_a_pair_is_asked_in_both_orders_and_shown_with_what_it_comes_to(tmp_path, capsys):
    """Two clips and two rubrics: two items of two requests each."""
    with JudgeServer() as server:
        code, page = look(write_config(tmp_path, server, protocol="pairwise"), tmp_path / "out")
    said = " ".join(capsys.readouterr().out.split())
    assert code == 0
    assert server.n_bills == len(server.bodies) == 4
    shown = html.unescape(page)
    sent = Counter()
    preferred = []
    for body in server.bodies:
        system, parts = body["messages"][0]["content"], body["messages"][1]["content"]
        assert system in shown
        for part in parts:  # the prompt, and what stands before the frames of each clip
            assert part["type"] == "image_url" or part["text"] in shown
        clips = urls_of(body)
        assert [len(clip) for clip in clips] == [8, 8]
        sent.update(url for clip in clips for url in clip)
        better = max(clips, key=lambda clip, system=system: expected_taste(clip, system))
        preferred.append(better[0])
    # a clip's frames are shown once in an item, and sent in both of its orders
    assert {url: 2 * n for url, n in Counter(pictures(page)).items()} == sent
    assert "Video A, then B" in page
    assert "Video B, then A" in page
    assert page.count("First order: A ") == page.count("Other order: A ") == 2
    # this judge looks at the pictures alone: both orders prefer one clip
    assert Counter(Counter(preferred).values()) in (Counter({2: 2}), Counter({4: 1}))
    assert page.count("same in both orders") == 2
    names = {video: name for name in ("alpha", "beta <i>") for video in first_frames(page, name)}
    for dimension in ("prompt_following", "video_quality"):
        winner = winner_of(server, dimension)
        assert f"Prefers {names[winner]} in both orders." in shown
        assert f"{dimension}: prefers {names[winner]} in both orders" in said
    # 600 + 16 x 85 = 1960 tokens in, 40 out: 0.00432 USD a reply, 0.00864 both
    assert page.count("$0.0086 for both orders") == 2
    assert "paid now 4 requests, $0.0173" in said


def first_frames(page: str, generator: str) -> set[str]:
    """The first picture of each showing of a generator's clip."""
    parts = page.split(f"<span>{html.escape(generator)}</span>")[1:]
    return {pictures(part)[0] for part in parts}


def winner_of(server: JudgeServer, dimension: str) -> str:
    """The first picture of the clip that the server likes better, by one rubric."""
    (body, *_) = [b for b in server.bodies if _asks_for(b, dimension)]
    system = body["messages"][0]["content"]
    return max(urls_of(body), key=lambda clip: expected_taste(clip, system))[0]


def _asks_for(body: dict[str, Any], dimension: str) -> bool:
    rubric = next(r for r in RUBRICS if r.dimensions[0].name == dimension)
    return rubric.role.split(".")[0] in body["messages"][0]["content"] and all(
        point.anchor in body["messages"][0]["content"] for point in rubric.dimensions[0].scale
    )


def says(content: str) -> Any:
    """A fault: a reply of one's own to everything."""

    def answer(handler: Any, body: dict[str, Any]) -> None:
        message = {"role": "assistant", "content": content, "refusal": None}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        usage = {"prompt_tokens": 1960, "completion_tokens": 40}
        handler.send(200, json.dumps({"model": "judge", "choices": [choice], "usage": usage}))

    return lambda n, key: answer


@pytest.mark.parametrize(("letter", "place"), [("A", "first"), ("B", "last")])
def test_a_judge_that_likes_a_place_shows_at_once(tmp_path, capsys, letter, place):
    reply = json.dumps({"choice": letter, "rationale": "<b>whatever</b>"})
    with JudgeServer(faults=says(reply)) as server:
        _, page = look(write_config(tmp_path, server, protocol="pairwise"), tmp_path / "out")
    assert page.count("changes with the order") == 2
    assert page.count(f"A tie: it prefers whichever is shown {place}.") == 2
    assert page.count(">50%<") == 4  # both clips of both items: a tie is half
    assert "<b>" not in page
    assert "a tie: it prefers whichever is shown" in " ".join(capsys.readouterr().out.split())


def test_a_pair_with_a_reply_of_no_use_has_no_verdict(tmp_path):
    with JudgeServer(faults=["refusal"]) as server:
        config = write_config(tmp_path, server, protocol="pairwise", judge={"concurrency": 1})
        code, page = look(config, tmp_path / "out")
    assert code == 0
    assert page.count("no verdict") == page.count("No vote: 1 of its two replies is of use") == 1
    assert page.count("same in both orders") == 1
    assert "failed: refusal" in page


def test_a_pair_of_which_one_clip_has_no_frames_is_not_asked(tmp_path):
    with JudgeServer() as server:
        config = write_config(tmp_path, server, protocol="pairwise")
        (tmp_path / "0.mp4").write_bytes(b"no clip at all")
        code, page = look(config, tmp_path / "out")
        assert server.bodies == []
    assert code == 0
    assert page.count("nothing is compared") == 2


def test_a_list_is_asked_with_its_reverse(tmp_path, capsys):
    """Three clips, one list, two rubrics: two items of two requests."""
    names = ("alpha", "beta <i>", "gamma")
    with JudgeServer() as server:
        config = write_config(tmp_path, server, protocol="listwise", generators=names)
        code, page = look(config, tmp_path / "out")
    assert code == 0
    assert server.n_bills == 4
    by_rubric: dict[str, list[list[str]]] = {}
    for body in server.bodies:
        urls = [clip[0] for clip in urls_of(body)]
        assert len(urls) == 3
        by_rubric.setdefault(body["messages"][0]["content"], []).append(urls)
    assert all(one == other[::-1] for one, other in by_rubric.values())
    assert page.count("a list and its reverse") == 2
    assert "Video A, then C" in page
    assert "Video B, then B" in page
    assert page.count("All 3 pairs stand alike in both orders.") == 2
    # of two comparisons each: both won, one, none
    assert [page.count(f">{share}<") for share in ("100%", "50%", "0%")] == [2, 2, 2]
    assert "2 lists in an order and its reverse, one rubric each" in page
    assert "all 3 pairs stand alike" in " ".join(capsys.readouterr().out.split())


def test_of_a_tie_band_scores_are_shown_and_then_pairs(tmp_path, capsys):
    """Five items: three of the four scores, then the pair by both rubrics. The signal annotator
    scores, and is not asked to compare."""
    with JudgeServer() as server:
        band = {"kind": "tie_band", "band": 0.5}
        code, page = look(write_config(tmp_path, server, protocol=band), tmp_path / "out")
    assert code == 0
    assert [len(urls_of(body)) for body in server.bodies].count(1) == 3
    assert [len(urls_of(body)) for body in server.bodies].count(2) == 4
    assert "3 clips and 2 pairs in both orders, one rubric each" in page
    items = page.split('<section id="cost"')[0].split('<section id="item-')[1:]
    assert [">signal" in item for item in items] == [True] * 3 + [False] * 2
    differ = "only where the scores of its clips differ by at most 0.5."
    assert [differ in item for item in items] == [False] * 3 + [True] * 2
    assert "a pair in both orders" in capsys.readouterr().out


def test_what_only_scores_can_tell_is_projected_as_the_most(tmp_path, capsys):
    """Three clips and two rubrics: two of 6 scores are looked at, and two of 6 pairs in both orders.
    Left are 4 scores and up to 8 comparisons. Sentinels come on top."""
    names = ("alpha", "beta", "gamma")
    with JudgeServer() as server:
        band = {"kind": "tie_band", "band": 0.5}
        config = write_config(
            tmp_path, server, protocol=band, generators=names, sentinels={"clips": 1, "draws": 1}
        )
        _, page = look(config, tmp_path / "out", "--items", "4")
        assert server.n_bills == 2 + 4
    said = capsys.readouterr().out
    assert "up to 12 more requests: " in " ".join(said.split())
    assert "requests      4 to 12  (6 more are paid already)" in said
    assert "judge, up to 12 requests, as measured here" in page
    assert "sentinels: judge\n  requests      2  (1 clip anew before the only wave)" in said
    assert "What sentinels ask comes on top" in said
    assert "What sentinels ask comes on top" in page


def test_pairs_that_were_looked_at_are_paid_though_the_prompt_has_other_clips(tmp_path, capsys):
    """Four clips and two rubrics: 6 pairs in both orders by each. One pair by one rubric is looked at,
    so the frames of two clips are taken and the others' are not."""
    with JudgeServer() as server:
        names = ("alpha", "beta", "gamma", "delta")
        config = write_config(tmp_path, server, protocol="pairwise", generators=names)
        look(config, tmp_path / "out", "--items", "1")
        looked_at = server.n_bills
    said = capsys.readouterr().out
    assert f"requests      {24 - looked_at}  ({looked_at} more are paid already)" in said


@pytest.mark.parametrize("protocol", ["pairwise", "listwise"])
def test_comparisons_unsent_are_the_requests_that_are_sent(tmp_path, protocol):
    with JudgeServer() as server:
        config = write_config(tmp_path, server, protocol=protocol)
        code, before = look(config, tmp_path / "out", "--unsent")
        assert (code, server.bodies) == (0, [])
        assert "no verdict" not in before
        _, asked = look(config, tmp_path / "out")
        assert look(config, tmp_path / "out")[0] == 0
        assert server.n_bills == 4  # a second look is free
    assert pictures(before) == pictures(asked)
    keys = [part[:64] for part in before.split("Journal key <code>")[1:]]
    assert keys == [part[:64] for part in asked.split("Journal key <code>")[1:]]
    assert len(set(keys)) == 4


@pytest.mark.slow  # a run of Beam
@pytest.mark.parametrize("protocol", ["pairwise", "listwise", {"kind": "tie_band", "band": 4}])
def test_a_run_finds_the_comparisons_that_were_looked_at(tmp_path, protocol):
    """Three clips: by two rubrics 3 pairs or a list, in two orders; in the widest band after 6 scores."""
    names = ("alpha", "beta", "gamma")
    whole = {"pairwise": 12, "listwise": 4}.get(str(protocol), 6 + 12)
    with JudgeServer() as server:
        config = write_config(tmp_path, server, protocol=protocol, generators=names)
        out = tmp_path / "out"
        assert look(config, out, "--items", "2")[0] == 0
        looked_at = server.n_bills
        assert looked_at == (4 if isinstance(protocol, str) else 6)
        assert cli.main(["run", "--config", config, "--output", str(out)]) == 0
        assert server.n_bills == whole
        assert set(server.bills.values()) == {1}


@pytest.mark.slow  # a model is made and loaded
def test_a_model_that_runs_here_is_shown_with_its_words_and_replies(tmp_path, capsys):
    pytest.importorskip("transformers")
    from tiny_vlm import tiny_vlm

    folder = str(tiny_vlm(tmp_path / "model"))
    here = {"kind": "transformers", "model": folder, "name": "small", "max_output_tokens": 40}
    with JudgeServer() as server:
        config = write_config(tmp_path, server, annotators=[here], protocol="pairwise")
        code, page = look(config, tmp_path / "out", "--items", "2")
    assert code == 0
    assert len(list((tmp_path / "out" / "journal").rglob("*.json"))) == 4
    assert page.count("First order: A ") == page.count("Other order: A ") == 2
    assert page.count("The prompt of both videos") == 2
    assert page.count('<pre class="reply" tabindex="0">') == 4
    assert page.count("$0.00 for both orders") == 2
    said = capsys.readouterr().out
    assert "small (it runs here)" in said
    assert "questions     0  (4 more are answered already)" in said


def compared(shown: str, ranking: str, dimension: str = "d") -> Comparison:
    """Clips named by one letter, and their ranks."""
    return Comparison(
        prompt_id="p", video_ids=tuple(shown), generators=tuple(shown), dimension=dimension,
        annotator_id="j", draw=0, ranking=tuple(map(int, ranking)), n_frames=8,
    )  # fmt: skip


def test_a_list_says_how_many_of_its_pairs_hold():
    """First z > y > x, then in reverse x shown last: z > x > y. Of the pairs zy, zx, yx the last
    changes: z wins 2 of 2, x and y half of 2."""
    rows = [compared("xyz", "321"), compared("zyx", "132")]
    found = together("d", ["xyz", "zyx"], rows, {v: v.upper() for v in "xyz"})
    assert found.agreed is False
    assert found.said == (
        "2 of 3 pairs stand alike in both orders; 1 changes with the order and counts as a tie"
    )
    assert [(p.name, p.ranks, p.share) for p in found.places] == [
        ("X", (3, 2), 0.25), ("Y", (2, 3), 0.25), ("Z", (1, 1), 1.0)]  # fmt: skip
    alone = together("d", ["xyz", "zyx"], rows[:1], {v: v for v in "xyz"})
    assert alone.agreed is None
    assert alone.said.startswith("no votes: ")
    assert [(p.ranks, p.share) for p in alone.places] == [
        ((3, None), None), ((2, None), None), ((1, None), None)]  # fmt: skip


def test_clips_of_one_generator_are_told_apart_by_their_ids():
    assert names_of([("v1", "g"), ("v2", "g"), ("v3", "h")]) == {
        "v1": "g v1", "v2": "g v2", "v3": "h"}  # fmt: skip
    assert best_first(compared("xyz", "212"), {"x": "A", "y": "B", "z": "C"}) == "B > A = C"


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


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.integers(1, 2), st.integers(1, 30))
def test_pairs_and_lists_are_of_one_prompt_and_spread_over_prompts(generators, n_rubrics, n):
    clips, rubrics = clips_of(generators), RUBRICS[:n_rubrics]
    of_prompt = Counter(clip.prompt_id for clip in clips)
    n_pairs = sum(math.comb(k, 2) for k in of_prompt.values())
    several = [prompt for prompt, k in of_prompt.items() if k > 1]
    for chosen, n_things in (
        (choose_pairs(clips, rubrics, n), n_pairs),
        (choose_lists(clips, rubrics, n), len(several)),
    ):
        asked = [(tuple(c.video_id for c in shown), rubric.name) for shown, rubric in chosen]
        assert len(set(asked)) == len(asked) == min(max(n, n_rubrics), n_things * n_rubrics)
        assert all(list(ids) == sorted(ids) for ids, _ in asked)
        assert all(len({clip.prompt_id for clip in shown}) == 1 for shown, _ in chosen)
        assert not asked or {name for _, name in asked} == {rubric.name for rubric in rubrics}
        prompts = {shown[0].prompt_id for shown, _ in chosen}
        assert len(prompts) == min(len(several), len({ids for ids, _ in asked}))
    again = choose_pairs(clips[::-1], rubrics, n)
    assert again == choose_pairs(clips, rubrics, n)
    assert all(len(shown) == of_prompt[shown[0].prompt_id]
               for shown, _ in choose_lists(clips, rubrics, n))  # fmt: skip


def test_no_clips_no_choice():
    assert choose([], RUBRICS, 5) == choose_pairs([], RUBRICS, 5) == []


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
    from report_browser import chromium

    with chromium() as driver:
        yield driver


def test_the_page_works_alone_from_disk(tmp_path, browser):
    from report_browser import requested

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


@pytest.mark.parametrize("protocol", ["pairwise", "listwise"])
def test_a_page_of_comparisons_fits_a_phone_and_a_desk(tmp_path, browser, protocol):
    names = ("alpha", "beta <i>", "a-generator-with-a-name-that-never-ends_" * 4)
    with JudgeServer() as server:
        config = write_config(tmp_path, server, protocol=protocol, generators=names)
        look(config, tmp_path / "out", "--items", "2")
    page = tmp_path / "out" / "preview" / "index.html"
    for width in (390, 1280):
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get(page.as_uri())
        browser.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        wide = """return [...document.querySelectorAll('article *')].filter(e =>
            !e.closest('.scroll') && e.getBoundingClientRect().right > innerWidth + 1).length"""
        assert browser.execute_script(wide) == 0
    n_clips = 2 if protocol == "pairwise" else 3
    shown = "return [...document.images].map(i => i.complete ? i.naturalWidth : 0)"
    assert browser.execute_script(shown) == [96] * (2 * 8 * n_clips)
    assert browser.get_log("browser") == []
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
