"""The verb `study` on a judge of whom it is known how it errs: curves, costs, what is bought and when."""

import html
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from study_world import Judge, usd_per_clip, write_config, write_world
from test_preview import KEY, Tags

from pipeline import __main__ as cli
from schemas.ids import prompt_id as id_of_prompt

N_CLIPS, N_PAIRS = 32, 48  # six pairs of each of eight prompts


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    write_world(folder)
    return folder


def run(config: str, out: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """Exit code and result."""
    code = cli.main(["study", "--config", config, "--output", str(out), *options])
    told = out / "study.json"
    return code, json.loads(told.read_text()) if told.exists() else {}


def point(told: dict[str, Any], frames: int, temperature: float = 0.3) -> dict[str, Any]:
    (found,) = (
        p
        for p in told["points"]
        if (p["settings"]["frames"], p["settings"]["temperature"]) == (frames, temperature)
    )
    return found


@pytest.fixture(scope="module")
def done(world, tmp_path_factory):
    """A study that its budget stops, the same with a larger one, and the same once more."""
    out, judge = tmp_path_factory.mktemp("study") / "out", Judge()
    with pytest.MonkeyPatch.context() as patch, judge.server() as server:
        patch.setenv("OPENAI_API_KEY", KEY)
        study = {"frames": [4, 8, 10], "temperature": [0.3, 0.5]}
        config = write_config(world, server.base_url, study, budget={"requests": 40})
        stopped = run(config, out)
        n_stopped = server.n_bills
        more = ("--set", "budget.requests=160")
        whole = run(config, out, *more)
        bills, asked = dict(server.bills), dict(judge.asked)
        again = run(config, out, *more)
        assert dict(server.bills) == bills  # a study that is whole is free
    return {
        "stopped": stopped, "n_stopped": n_stopped, "whole": whole, "again": again,
        "bills": bills, "asked": asked, "out": out,
    }  # fmt: skip


SETTINGS = [(4, 0.3), (8, 0.3), (8, 0.5), (10, 0.3)]


@pytest.mark.slow
def test_one_budget_holds_over_all_points_and_a_larger_one_goes_on(done):
    code, told = done["stopped"]
    assert (code, done["n_stopped"]) == (3, 40)  # 32 of the first point and 8 of the second
    assert (told["state"], len(told["points"]), told["recommendation"]) == ("stopped", 1, None)
    assert "budget.requests is 40" in told["stopped"]
    code, told = done["whole"]
    assert (code, told["state"], told["stopped"]) == (0, "complete", None)
    assert told["paid"]["requests"] == 4 * N_CLIPS - 40


@pytest.mark.slow
def test_one_setting_is_changed_at_a_time_and_nothing_is_bought_twice(done):
    told = done["whole"][1]
    settings = [(p["settings"]["frames"], p["settings"]["temperature"]) for p in told["points"]]
    assert (told["design"], settings) == ("one_at_a_time", SETTINGS)
    assert told["statistic"] == "pair_accuracy_ties_half_loo"  # there are two raters
    assert done["asked"] == {setting: N_CLIPS for setting in settings}
    assert all(n == 1 for n in done["bills"].values())
    assert [p["own"] for p in told["points"]] == [False, True, False, False]
    assert told["axes"] == {"frames": [4, 8, 10], "temperature": [0.3, 0.5]}
    code, again = done["again"]
    assert (code, again["paid"]["requests"]) == (0, 0)
    assert {**again, "paid": None} == {**told, "paid": None}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("frames", "temperature", "value"),
    [(*setting, value) for setting, value in zip(SETTINGS, (4 / 8, 1, 7 / 8, 1))],
)
def test_the_curve_is_the_judge_s_own(done, frames, temperature, value):
    """A prompt that is turned round has all of its pairs wrong."""
    found = point(done["whole"][1], frames, temperature)
    (row,) = found["rows"]
    assert row["dimension"] == "video_quality"
    assert row["value"] == pytest.approx(value)
    assert (row["n_items"], row["n_raters"]) == (2 * N_PAIRS, 2)  # either rater is left out once
    assert row["low"] <= value <= row["high"]
    assert found["coverage"] == {"scored": 32, "rated": 32, "share": 1}


@pytest.mark.slow
def test_differences_are_paired_with_the_best(done):
    """Of eight prompts one is all wrong: the mean of 0 and 1 is 1/8, its standard error about
    sqrt(1/8 x 7/8 / 8) = 0.117. Two judges who are always right do not differ in any draw."""
    told = done["whole"][1]
    gap = point(told, 8, 0.5)["difference_from_best"]
    assert gap["value"] == pytest.approx(-1 / 8)
    assert gap["se"] == pytest.approx(0.117, abs=0.015)  # 200 resamples
    assert gap["low"] < -1 / 8 < gap["high"] == 0
    same = point(told, 10)["difference_from_best"]
    assert (same["value"], same["se"], same["n_items"]) == (0, 0, 2 * N_PAIRS)


@pytest.mark.slow
def test_what_a_point_costs_when_it_is_bought_alone(done):
    told = done["whole"][1]
    for frames in (4, 8, 10):
        cost = point(told, frames)["cost"]
        assert (cost["requests"], cost["n_clips"]) == (N_CLIPS, N_CLIPS)
        assert cost["input_tokens"] == N_CLIPS * (600 + 85 * frames)
        assert cost["output_tokens"] == N_CLIPS * 40
        assert cost["usd_per_clip"] == pytest.approx(usd_per_clip(frames))
        assert cost["usd"] == pytest.approx(N_CLIPS * usd_per_clip(frames))


@pytest.mark.slow
def test_eight_frames_at_the_lowest_temperature_are_recommended_as_ten_cost_more(done):
    told = done["whole"][1]
    found = told["recommendation"]
    names = [point(told, frames)["name"] for frames in (8, 10)]
    assert found["point"] == names[0]
    assert found["within"] == names
    assert found["cheapest_by"] == "usd"
    # people are of one mind, so nobody is above them
    assert [row["value"] for row in told["ceiling"]] == [1]


@pytest.mark.slow
def test_the_page_says_the_same_and_needs_nothing_else(done):
    page = (done["out"] / "index.html").read_text("utf-8")
    tags = Tags(page).found
    assert {tag for tag, _ in tags}.isdisjoint({"script", "iframe", "object", "form", "base"})
    links = [a.get("src") or a.get("href") or "" for _, a in tags]
    assert all(not link or link.startswith(("data:", "#")) for link in links)
    shown = html.unescape(page)
    assert "recommended: 8 frames, temperature 0.3." in shown
    assert "that a judge orders as people do" in shown
    assert sum(tag == "svg" for tag, _ in tags) == 3  # frames, temperature, cost
    # four points on curves of 3 and 2, and all of them against cost; the ring in each
    assert sum(a.get("class") == "dot" for _, a in tags) == 9  # none hollow
    assert sum(a.get("class") == "ring" for _, a in tags) == 3


@pytest.mark.slow
def test_points_are_whole_runs_that_share_what_there_is_once(done):
    for told in done["whole"][1]["points"]:
        folder = done["out"] / told["folder"]
        assert json.loads((folder / "status.json").read_text())["state"] == "complete"
        assert (folder / "run.json").is_file()
        for name in ("frames", "media", "journal", "work/ledger"):
            assert (folder / name).is_symlink()
            assert (folder / name).resolve() == (done["out"] / name).resolve()


@pytest.mark.slow
def test_fewer_draws_are_among_more_and_bought_once(world, tmp_path, capsys):
    judge = Judge()
    with judge.server() as server:
        study = {"draws": [1, 3], "prompts": 2}
        config = write_config(world, server.base_url, study, judge={"seed": 7})
        assert run(config, tmp_path / "out", "--estimate")[0] == 0
        said = capsys.readouterr().err
        assert server.n_bills == 0
        assert not (tmp_path / "out").exists()
        code, told = run(config, tmp_path / "out")
        assert (code, server.n_bills) == (0, 2 * 4 * 3)
        capsys.readouterr()
        more = ("--set", "study.draws=[1,3,4]", "--estimate")
        assert run(config, tmp_path / "out", *more)[0] == 0
        later = capsys.readouterr().err
    costs = [p["cost"] for p in told["points"]]
    assert [cost["requests"] for cost in costs] == [8, 24]  # as if each were bought alone
    assert costs[1]["usd"] == pytest.approx(3 * costs[0]["usd"])
    assert (told["n_prompts"], told["n_clips"]) == (2, 8)
    rows = {line.split("  ")[0]: line.split() for line in said.splitlines()}
    assert (rows["1 draw"][2], rows["3 draws"][2], rows["together"][1]) == ("8", "16", "24")
    # the journal holds three draws of every clip; frames of the new point are not taken yet, so that
    # only the points before it can tell
    rows = {line.split("  ")[0]: line.split() for line in later.splitlines()}
    assert (rows["1 draw"][2], rows["3 draws"][2], rows["4 draws"][2]) == ("0", "0", "8")


@pytest.mark.slow
def test_people_who_vote_and_judges_who_say_nothing_of_some_clips(world, tmp_path):
    """`whole` has every pair right, `half` those of four prompts and nothing of the others, `mute` speaks
    of another dimension. Nothing is paid for, so nobody is cheaper than the others."""
    tables = {"whole": range(32), "half": range(16)}
    for name in ("whole", "half", "mute"):
        rows = [f"clip{n},{name},{n % 4},video_quality" for n in tables.get(name, ())]
        rows += [f"clip{n},{name},1,beauty" for n in range(32) if name == "mute"]
        head = "video_id,annotator,score,dimension"
        (tmp_path / f"{name}.csv").write_text("\n".join([head, *rows, ""]))
    pairs = [(4 * p + a, 4 * p + b) for p in range(8) for a in range(4) for b in range(a)]
    votes = [
        f"{id_of_prompt(f'prompt {a // 4}')},clip{a},clip{b},ann,video_quality,a" for a, b in pairs
    ]
    head = "prompt_id,video_a,video_b,rater,dimension,choice"
    (tmp_path / "votes.csv").write_text("\n".join([head, *votes, ""]))
    config = write_config(world, "http://localhost:1/v1")
    recorded = [
        {"kind": "recorded", "path": str(tmp_path / f"{name}.csv"), "scale": [0, 4]}
        for name in ("half", "mute", "whole")
    ]
    people = {"ratings": [{"kind": "votes", "path": str(tmp_path / "votes.csv")}]}
    given = {"annotators": recorded, "audit": people, "study": {"frames": [8]}}
    options = [w for k, v in given.items() for w in ("--set", f"{k}={json.dumps(v)}")]
    code, told = run(config, tmp_path / "out", *options)
    assert (code, told["statistic"]) == (
        0,
        "pair_accuracy_ties_half",
    )  # one person: nobody to leave out
    found = {
        p["annotator"]: (p["rows"][-1]["value"], p["coverage"]["share"], p["rows"][-1]["n_items"])
        for p in told["points"]
    }
    assert found == {"half": (1, 0.5, 24), "mute": (None, 0, 0), "whole": (1, 1, 48)}
    assert told["ceiling"] == []
    chosen = next(p for p in told["points"] if p["name"] == told["recommendation"]["point"])
    assert chosen["annotator"] == "whole"
    assert "scored less than 90%" in told["recommendation"]["reasons"][-1]


@pytest.mark.slow
def test_another_configuration_is_refused_and_leaves_what_is_there(done, world, capsys):
    """The result of a study that is paid for is not lost to a slip of the pen."""
    out, kept = done["out"], (done["out"] / "study.json").read_bytes()
    changed = ("--set", "frames.policy=segment_centres")
    assert (
        cli.main(["study", "--config", str(world / "mine.yaml"), "--output", str(out), *changed])
        == 2
    )
    assert "frames.policy" in capsys.readouterr().err
    assert (out / "study.json").read_bytes() == kept
    assert (out / "index.html").is_file()


def rated_by(world: Path, out: Path, raters: dict[int, tuple[str, ...]]) -> str:
    """A table in which these raters rated the clips of each prompt by its number."""
    rows = [
        f"clip{n},{name},video_quality,{1 + n % 4}"
        for n in range(N_CLIPS)
        for name in raters.get(n // 4, ())
    ]
    out.mkdir()
    (out / "ratings.csv").write_text("\n".join(["video_id,rater,dimension,score", *rows, ""]))
    return json.dumps({"ratings": [{"kind": "table", "path": str(out / "ratings.csv")}]})


@pytest.mark.slow
def test_many_raters_of_whom_one_rated_each_clip_leave_nobody_out(world, tmp_path, capsys):
    """Nobody could be left out of any pair: that is found before money is spent, not after."""
    judge = Judge()
    with judge.server() as server:
        config = write_config(world, server.base_url, {"frames": [8, 10]})
        one = rated_by(world, tmp_path / "one", {p: (f"rater{p % 3}",) for p in range(8)})
        given = ("--set", f"audit={one}")
        loo = ("--set", "study.statistic=pair_accuracy_ties_half_loo")
        assert run(config, tmp_path / "out", *given, *loo)[0] == 2
        assert "labelled by two raters or more" in capsys.readouterr().err
        assert server.n_bills == 0
        code, told = run(config, tmp_path / "out", *given)
        assert (code, told["statistic"]) == (0, "pair_accuracy_ties_half")
        assert told["recommendation"]["best"] == point(told, 8)["name"]
        assert any("most pairs have labels of one rater only" in note for note in told["notes"])


def test_clips_that_can_tell_nothing_are_not_judged(world, tmp_path):
    """Two of five prompts are labelled by one person alone: with a rater left out they have no target."""
    judge = Judge()
    raters = {0: ("ann", "ben"), 1: ("ann", "ben"), 2: ("ann", "ben"), 3: ("ann",), 4: ("ben",)}
    with judge.server() as server:
        config = write_config(world, server.base_url, {"frames": [8, 10]})
        table = rated_by(world, tmp_path / "some", raters)
        code, told = run(config, tmp_path / "out", "--set", f"audit={table}")
        assert (code, told["statistic"]) == (0, "pair_accuracy_ties_half_loo")
        assert (told["n_prompts"], told["n_clips"], server.n_bills) == (3, 12, 24)


@pytest.mark.slow
def test_a_study_that_is_killed_goes_on_and_buys_nothing_twice(world, tmp_path):
    judge, out = Judge(), tmp_path / "out"
    with judge.server(latency_s=0.05) as server:
        config = write_config(
            world, server.base_url, {"temperature": [0.3, 0.5]}, judge={"concurrency": 2}
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "study", "--config", config, "--output", str(out)],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            until = time.monotonic() + 60
            while server.n_bills < 40 and time.monotonic() < until:
                time.sleep(0.02)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        assert 40 <= server.n_bills < 64
        code, told = run(config, out)
        assert (code, told["state"]) == (0, "complete")
        assert len(server.bills) == 64
        assert server.n_bills <= 64 + 2  # at most what was in flight


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["study.temperature=[0.3]"], "one point only"),
        (["audit=null"], "no audit.ratings"),
        (["study.statistic=kappa"], "'kappa' is none of them"),
        (["study.dimension=beauty"], "study.dimension: beauty"),
        (["study.annotators=[nobody]"], "no annotator is called 'nobody'"),
        (["protocol=pairwise"], "protocol=pointwise"),
        (["study.frames=[4,8]", "frames.policy=first_middle_last"], "always takes three"),
        (["annotators.0.capabilities.temperature=false"], "temperature"),
        (["study.prompts=2", "study.clips=4", "study.frames=[4,8]"], "at least 2 are needed"),
        (["study.frames=[8,8]"], "given twice"),
    ],
)
def test_faults_are_refused_before_anything_is_asked(world, tmp_path, capsys, options, words):
    judge = Judge()
    with judge.server() as server:
        config = write_config(world, server.base_url)
        given = [word for option in options for word in ("--set", option)]
        assert run(config, tmp_path / "out", *given)[0] == 2
        assert words in capsys.readouterr().err
        assert server.bodies == []
        assert not (tmp_path / "out").exists()


def test_the_demonstration_studies_its_own_annotator_for_free(tmp_path):
    """The signal annotator has frames and nothing else to try."""
    small = ("limit=6", "concurrency.processes=1", "audit.resamples=200", "study.frames=[4,8]")
    options = [word for option in small for word in ("--set", option)]
    code, told = run("demo", tmp_path / "out", *options)
    assert code == 0
    assert [p["settings"]["frames"] for p in told["points"]] == [4, 8]
    assert told["simulated"] is True
    assert told["recommendation"]["cheapest_by"] == "frames"
    assert [row["dimension"] for row in told["points"][0]["rows"]] == [
        "prompt_following", "video_quality", "mean",
    ]  # fmt: skip
    assert all(p["cost"]["usd"] == 0 for p in told["points"])
    assert "Nothing is paid for" in (tmp_path / "out" / "index.html").read_text("utf-8")
    assert not list((tmp_path / "out" / "points").glob("*/videorm"))
