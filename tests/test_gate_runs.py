"""Whole runs with a gate: every protocol, batches, sentinels, checks, kills; nothing is bought twice."""

import csv
import json
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from batch_server import BatchServer
from gate_run import (
    ACCURACY,
    DIMENSIONS,
    N_CLIPS,
    N_RATED,
    Means,
    clips_in,
    means_of,
    rated_of,
    read,
    required,
    rows_of,
    run,
    table,
    tree_of,
    write,
    write_ratings,
)
from judge_server import JudgeServer
from started import Started
from video_server import VideoServer

from pipeline.__main__ import main
from schemas import CONSENSUS

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TEST_KEY", "sk-test")


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    with JudgeServer() as running:
        yield running


Known = tuple[Path, Means]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Known:
    """A run without a gate, and what its judge thinks of every clip."""
    folder = tmp_path_factory.mktemp("known")
    with pytest.MonkeyPatch.context() as patch, JudgeServer() as server:
        patch.setenv("A_TEST_KEY", "sk-test")
        assert run(folder, tree_of(server.base_url)) == 0
        assert server.n_bills == 2 * N_CLIPS
    return folder / "out", means_of(folder / "out")


def test_a_bad_judge_costs_what_was_rated_and_no_more(
    tmp_path: Path, known: Known, server: JudgeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """People think the opposite of the judge: it orders none of their pairs as they do."""
    tree = tree_of(server.base_url)
    rated = rated_of(clips_in(tmp_path, tree))
    path = write_ratings(tmp_path, rated, lambda v, d: 6 - known[1][v, d])
    tree["audit"] = required(path)
    assert run(tmp_path, tree) == 4
    assert server.n_bills == 2 * N_RATED == sum(server.bills.values())
    out = tmp_path / "out"
    status = read(out, "status.json")
    assert status["state"] == "unmet"
    assert f"by the first {N_RATED} clips (rated)" in status["message"]
    assert "is 0.0000" in status["message"]
    assert "at least 0.9 is required" in status["message"]
    assert f"Nothing was asked about the {N_CLIPS - N_RATED} others" in status["message"]
    assert str(out / "audit.json") in status["message"]
    assert status["books"]["annotate"]["owed"] == status["books"]["annotate"]["written"] == 12
    assert status["spend"]["requests"] == 2 * N_RATED
    assert not (out / "run.json").exists()
    # no other clip was made or read either: 3 + 3 clips in waves of 5
    assert len(list((out / "work" / "collect").iterdir())) == 2
    values = {
        row["dimension"]: row["value"]
        for row in read(out, "audit.json")
        if (row["annotator"], row["statistic"], row["slice"]) == (CONSENSUS, ACCURACY, "all")
    }
    assert values == {"prompt_following": 0.0, "video_quality": 0.0}
    # the same command says so again, and asks nobody
    capsys.readouterr()
    assert run(tmp_path, tree) == 4
    assert len(server.bodies) == 2 * N_RATED
    assert "unmet: audit.require is not met" in capsys.readouterr().err
    # who asks for less goes on where it stopped, in the waves that were begun
    before = (out / "work" / "annotate" / "wave-00000").stat().st_ino
    assert run(tmp_path, tree, "--set", "audit.require.at_least=0") == 0
    assert server.n_bills == 2 * N_CLIPS
    assert max(server.bills.values()) == 1
    assert (out / "work" / "annotate" / "wave-00000").stat().st_ino == before
    assert read(out, "run.json")["gate"]["clips"] == N_RATED


def test_without_a_requirement_it_goes_on_where_the_gate_stopped_it(
    tmp_path: Path, known: Known, server: JudgeServer
) -> None:
    tree = tree_of(server.base_url)
    rated = rated_of(clips_in(tmp_path, tree))
    tree["audit"] = required(write_ratings(tmp_path, rated, lambda v, d: 6 - known[1][v, d]))
    assert run(tmp_path, tree) == 4
    wave = tmp_path / "out" / "work" / "collect" / "wave-00000"
    before = wave.stat().st_ino
    del tree["audit"]["require"]
    assert run(tmp_path, tree) == 0
    assert server.n_bills == 2 * N_CLIPS
    assert wave.stat().st_ino == before
    assert read(tmp_path / "out", "run.json")["gate"] is None
    # asked for once everything is judged, the audit of all says that it is not met; nothing is redone
    tree["audit"] = required(tree["audit"]["ratings"][0]["path"])
    assert run(tmp_path, tree) == 4
    assert len(server.bodies) == 2 * N_CLIPS
    assert wave.stat().st_ino == before
    assert "the first" not in read(tmp_path / "out", "status.json")["message"]


def test_a_good_judge_gets_the_rows_of_a_run_without_a_gate(
    tmp_path: Path, known: Known, server: JudgeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = tree_of(server.base_url)
    rated = rated_of(clips_in(tmp_path, tree))
    path = write_ratings(tmp_path, rated, lambda v, d: known[1][v, d])
    assert run(tmp_path, tree | {"audit": required(path)}) == 0
    said = capsys.readouterr().err
    assert f"gate: met by the first {N_RATED} clips (rated): {ACCURACY} of consensus on" in said
    assert said.index("gate: met") < said.index("collect: wave 3 of")
    assert server.n_bills == 2 * N_CLIPS
    assert max(server.bills.values()) == 1
    found, expected = rows_of(tmp_path / "out"), rows_of(known[0])
    assert len(table(tmp_path / "out", "human_ratings")) == 2 * N_RATED
    assert found == expected
    record = read(tmp_path / "out", "run.json")
    gate = record["gate"]
    assert (gate["clips"], gate["others"]) == (N_RATED, N_CLIPS - N_RATED)
    asked = {(one["dimension"], one["at_least"], one["value"]) for one in gate["requirements"]}
    assert asked == {(d, 0.9, 1.0) for d in DIMENSIONS}
    assert record["books"]["annotate"]["owed"] == 2 * N_CLIPS
    assert record["books"]["check"]["owed"] == N_CLIPS
    # again: nothing to ask, nothing to hold anew, the same record
    assert run(tmp_path, tree | {"audit": required(path)}) == 0
    assert len(server.bodies) == 2 * N_CLIPS
    assert read(tmp_path / "out", "run.json")["gate"] == gate


def test_no_batch_holds_another_clip_before_the_gate(tmp_path: Path, known: Known) -> None:
    with BatchServer() as server:
        tree = tree_of(server.base_url)
        tree["annotators"][0] |= {"kind": "openai-batch", "poll_s": 0.01}
        del tree["annotators"][0]["concurrency"]
        rated = rated_of(clips_in(tmp_path, tree))
        path = write_ratings(tmp_path, rated, lambda v, d: 6 - known[1][v, d])
        tree["audit"] = required(path)
        assert run(tmp_path, tree) == 4
        assert len(server.asked) == 2 * N_RATED == sum(server.bills.values())
        first = len(server.batches)
        assert run(tmp_path, tree, "--set", "audit.require.at_least=0") == 0
        assert len(server.batches) > first
        assert len(server.asked) == 2 * N_CLIPS == sum(server.bills.values())
    found, expected = rows_of(tmp_path / "out"), rows_of(known[0])
    assert len(found["annotations"]) == len(expected["annotations"])


@pytest.mark.parametrize("protocol", ["pairwise", "listwise"])
def test_clips_that_are_compared_come_with_all_of_their_prompt(
    tmp_path: Path, server: JudgeServer, protocol: str
) -> None:
    """Two prompts of four clips: 6 pairs each in two orders, or a list in two, under two rubrics."""
    n = {"pairwise": 2 * 6 * 2 * 2, "listwise": 2 * 2 * 2}[protocol]
    tree = tree_of(server.base_url, protocol=protocol)
    (tmp_path / "calm").mkdir()
    assert run(tmp_path / "calm", tree) == 0
    assert server.n_bills == 2 * n
    calm = tmp_path / "calm" / "out"
    score = means_of(calm)
    server.bills.clear()
    rated = rated_of(clips_in(tmp_path, tree))
    path = write_ratings(tmp_path, rated, lambda v, d: 5 - 4 * score[v, d])
    tree["audit"] = required(path)
    assert run(tmp_path, tree) == 4
    assert server.n_bills == n
    assert run(tmp_path, tree) == 4
    assert server.n_bills == n
    write_ratings(tmp_path, rated, lambda v, d: 1 + 4 * score[v, d])
    assert run(tmp_path, tree) == 0
    assert server.n_bills == 2 * n
    assert max(server.bills.values()) == 1
    found, expected = rows_of(tmp_path / "out"), rows_of(calm)
    assert found == expected
    assert read(tmp_path / "out", "run.json")["gate"]["clips"] == 8


def test_ties_of_the_first_clips_are_broken_before_the_gate(
    tmp_path: Path, server: JudgeServer
) -> None:
    tree = tree_of(server.base_url, protocol={"kind": "tie_band", "band": 1.0})
    (tmp_path / "calm").mkdir()
    assert run(tmp_path / "calm", tree) == 0
    n = server.n_bills
    server.bills.clear()
    rated = rated_of(clips_in(tmp_path, tree))
    tree["audit"] = required(write_ratings(tmp_path, rated, lambda v, d: 3), at_least=0)
    assert run(tmp_path, tree) == 4  # all tied: what is undefined is not met
    prompts = {clip.prompt_id for clip in rated}
    calm = table(tmp_path / "calm" / "out", "comparisons")
    own = [row for row in calm if row["prompt_id"] in prompts]
    assert 0 < len(own) < len(calm)
    assert server.n_bills == 2 * 8 + len(own)
    del tree["audit"]["require"]
    assert run(tmp_path, tree) == 0
    assert server.n_bills == n
    found, expected = rows_of(tmp_path / "out"), rows_of(tmp_path / "calm" / "out")
    assert found == expected


def test_what_is_audited_is_what_the_preferences_say(tmp_path: Path, server: JudgeServer) -> None:
    """Where scores tie and comparisons decide, the consensus is as right as the published labels."""
    tree = tree_of(server.base_url, protocol={"kind": "tie_band", "band": 1.0})
    clips = clips_in(tmp_path, tree)
    order = {clip.video_id: 1 + n % 4 for n, clip in enumerate(clips)}  # four clips of a prompt
    path = write_ratings(tmp_path, clips, lambda v, d: order[v])
    tree["audit"] = {"ratings": [{"kind": "table", "path": path}], "resamples": 100}
    assert run(tmp_path, tree) == 0
    said = [p for p in table(tmp_path / "out", "preferences") if p["dimension"] == DIMENSIONS[0]]
    assert {p["basis"] for p in said} == {"scores", "comparisons"}
    better = {p["pair_id"]: "ab"[order[p["video_b"]] > order[p["video_a"]]] for p in said}
    right = [{better[p["pair_id"]]: 1.0, "tie": 0.5}.get(p["label"], 0.0) for p in said]
    (row,) = (
        row
        for row in read(tmp_path / "out", "audit.json")
        if (row["annotator"], row["statistic"], row["dimension"], row["slice"])
        == (CONSENSUS, ACCURACY, DIMENSIONS[0], "all")
    )
    assert row["n_items"] == len(said)
    assert row["value"] == pytest.approx(sum(right) / len(right))


def test_an_interval_asks_for_more_than_a_value(
    tmp_path: Path, known: Known, server: JudgeServer
) -> None:
    """People agree with the judge on one prompt and contradict it on the other."""
    tree = tree_of(server.base_url)
    rated = rated_of(clips_in(tmp_path, tree))
    first = rated[0].prompt_id
    of = {clip.video_id: clip.prompt_id for clip in rated}

    def score(video: str, dimension: str) -> float:
        mean = known[1][video, dimension]
        return mean if of[video] == first else 6 - mean

    tree["audit"] = required(write_ratings(tmp_path, rated, score), at_least=0.01)
    assert run(tmp_path, tree, "--set", "audit.require.bound=low") == 4
    message = read(tmp_path / "out", "status.json")["message"]
    assert "[0.0000, 1.0000]" in message
    assert "the low end at least 0.01 is required" in message
    assert server.n_bills == 2 * N_RATED


def test_failures_of_the_first_clips_are_taken_up_and_the_gate_is_held_anew(
    tmp_path: Path, known: Known
) -> None:
    """Of the first 12 replies the 2nd and the 7th are refusals; asked again they are none."""
    with JudgeServer(faults=[None, "refusal", *[None] * 4, "refusal"]) as server:
        tree = tree_of(server.base_url)
        rated = rated_of(clips_in(tmp_path, tree))
        tree["audit"] = required(write_ratings(tmp_path, rated, lambda v, d: 6 - known[1][v, d]))
        assert run(tmp_path, tree) == 4
        assert server.n_bills == 2 * N_RATED
        assert read(tmp_path / "out", "status.json")["failures"]["annotate"] == {"refusal": 2}
        out = str(tmp_path / "out")
        assert main(["retry", out, "--reason", "refusal"]) == 4
        assert server.n_bills == 2 * N_RATED + 2
        assert main(["retry", out, "--reason", "refusal"]) == 2  # there is none left
        assert run(tmp_path, tree, "--set", "audit.require.at_least=0") == 0
        assert server.n_bills == 2 * N_CLIPS + 2
    assert rows_of(tmp_path / "out")["scores"] == rows_of(known[0])["scores"]


def test_a_judge_that_never_answers_is_no_judge(tmp_path: Path) -> None:
    with JudgeServer(faults=["refusal"] * 2 * N_RATED) as server:
        tree = tree_of(server.base_url)
        rated = rated_of(clips_in(tmp_path, tree))
        tree["audit"] = required(write_ratings(tmp_path, rated, lambda v, d: 3))
        assert run(tmp_path, tree) == 4
        assert "none of them has a score" in read(tmp_path / "out", "status.json")["message"]
        assert server.n_bills == 2 * N_RATED
        # at another temperature it answers, but people tie all clips
        tree["annotators"][0]["temperature"] = 0.9
        assert run(tmp_path, tree) == 2
        assert run(tmp_path, tree, "--rebuild") == 4
        assert "is undefined" in read(tmp_path / "out", "status.json")["message"]
        assert server.n_bills == 4 * N_RATED


@pytest.mark.parametrize("method", ["human_weights", "standardised"])
def test_a_consensus_that_learns_learns_from_the_first_clips(
    tmp_path: Path, server: JudgeServer, method: str
) -> None:
    """Two judges of 16 clips; what they were before the gate is not what they are after it."""
    way = {"scale": "standardised"} if method == "standardised" else {"method": method, "folds": 2}
    tree = tree_of(server.base_url, consensus=way)
    tree["annotators"] += [{**tree["annotators"][0], "model": "another"}]
    rated = rated_of(clips_in(tmp_path, tree_of(server.base_url)))
    (tmp_path / "calm").mkdir()
    path = write_ratings(tmp_path, rated, lambda v, d: 1 + int(v[:4], 16) % 5, raters=2)
    audit = required(path, at_least=0.999, annotator="judge", bound="low")
    tree["audit"] = audit
    free = tree | {"audit": {k: v for k, v in audit.items() if k != "require"}}
    assert run(tmp_path / "calm", free) == 0
    server.bills.clear()
    assert run(tmp_path, tree) == 4
    assert server.n_bills == 2 * 2 * N_RATED
    rows = read(tmp_path / "out", "audit.json")
    assert any(row["annotator"] == CONSENSUS and row["value"] is not None for row in rows) or (
        method == "human_weights"  # where nobody beats chance there is no consensus
    )
    assert run(tmp_path, free) == 0
    assert max(server.bills.values()) == 1
    found, expected = rows_of(tmp_path / "out"), rows_of(tmp_path / "calm" / "out")
    assert found == expected
    notes = read(tmp_path / "out", "run.json")["notes"]
    assert notes == read(tmp_path / "calm" / "out", "run.json")["notes"]


def test_sentinels_are_of_the_first_clips_and_judged_before_every_wave_once(
    tmp_path: Path, known: Known, server: JudgeServer
) -> None:
    tree = tree_of(server.base_url, sentinels={"clips": 2, "draws": 1})
    rated = rated_of(clips_in(tmp_path, tree))
    tree["audit"] = required(write_ratings(tmp_path, rated, lambda v, d: 6 - known[1][v, d]))
    assert run(tmp_path, tree) == 4
    asked = 2 * 2  # clips x rubrics on one occasion; each of 2 + 2 waves has one
    assert server.n_bills == 2 * N_RATED + 2 * asked
    assert run(tmp_path, tree) == 4
    assert server.n_bills == 2 * N_RATED + 2 * asked
    assert run(tmp_path, tree, "--set", "audit.require.at_least=0") == 0
    assert server.n_bills == 2 * N_CLIPS + 4 * asked
    told = read(tmp_path / "out", "judges.json")["sentinels"]
    assert len(told["occasions"]) == 4


def test_clips_that_a_later_clip_takes_from_the_judges(
    tmp_path: Path, known: Known, server: JudgeServer
) -> None:
    """A rated clip is a copy of one with a smaller id, which nobody rated: it counts before the gate,
    and is left out when all clips have been seen. Its wave is done anew, and nothing is bought anew."""
    videos = {row["video_id"]: row for row in table(known[0], "videos")}
    lines = [["prompt", "generator", "video", "video_id"]]
    frames = table(known[0], "frames")
    clips = [videos[row["video_id"]] for row in frames][:6]
    for number, clip in enumerate(clips):
        path = str(known[0] / clip["uri"])
        lines.append([f"prompt {number // 3}", f"g{number % 3}", path, f"v{number}"])
    lines.append(["prompt 2", "g0", str(known[0] / clips[4]["uri"]), "a-copy"])
    with (tmp_path / "clips.csv").open("w", newline="") as file:
        csv.writer(file).writerows(lines)
    tree = tree_of(
        server.base_url,
        sources=[
            {"kind": "manifest", "path": str(tmp_path / "clips.csv"), "roots": [str(known[0])]}
        ],
        checks={"leave_out": ["near_duplicate"], "near_duplicate_bits": 0},
    )
    del tree["generators"]
    found = clips_in(tmp_path, tree)
    rated = [clip for clip in found if clip.prompt == "prompt 1"]
    assert {clip.video_id for clip in rated} == {"v3", "v4", "v5"}
    ratings = write_ratings(tmp_path, rated, lambda v, d: int(v[1]) - 1)
    tree["audit"] = required(ratings, at_least=0)
    assert run(tmp_path, tree) == 0
    # three clips before the gate; of the four others, the copy is asked about, the rest as they are
    left_out = {
        row["video_id"] for row in table(tmp_path / "out", "clip_checks") if row["left_out"]
    }
    assert "v4" in left_out
    assert "a-copy" not in left_out
    judged = {row["video_id"] for row in table(tmp_path / "out", "annotations")}
    assert judged == {clip.video_id for clip in found} - left_out
    bought = server.n_bills
    record = read(tmp_path / "out", "run.json")
    assert record["gate"]["clips"] == 3
    assert record["books"]["annotate"]["filtered"] == 2 * len(left_out)
    assert run(tmp_path, tree) == 0
    assert server.n_bills == bought


def test_no_clip_is_made_for_money_before_the_gate(
    tmp_path: Path, known: Known, server: JudgeServer
) -> None:
    """People rated clips that are there; a model that is paid per clip waits for the gate."""
    (one, *others) = table(known[0], "videos")
    path = tmp_path / "clips.csv"
    lines = [
        f'"{row["prompt"]}",{row["generator"]},{known[0] / row["uri"]},{row["video_id"]}'
        for row in (one, *others)
        if row["prompt_id"] == one["prompt_id"]
    ]
    path.write_text("prompt,generator,video,video_id\n" + "\n".join(lines) + "\n")
    with VideoServer() as studio:
        tree = tree_of(
            server.base_url,
            sources=[{"kind": "manifest", "path": str(path), "roots": [str(known[0])]}],
            generators={
                "clips_per_prompt": 6,
                "top_up": True,
                "pool": [
                    {
                        "kind": "openai-video",
                        "name": "studio",
                        "model": "sora",
                        "base_url": studio.base_url,
                        "api_key_env": "A_TEST_KEY",
                        "poll_s": 0.02,
                    }
                ],
            },
        )
        clips = clips_in(tmp_path, tree)
        assert any(clip.path is None for clip in clips)
        rated = [clip for clip in clips if clip.path is not None]
        tree["audit"] = required(write_ratings(tmp_path, rated, lambda v, d: 3))
        assert run(tmp_path, tree) == 4
        assert server.n_bills == 2 * len(rated)
        assert not studio.jobs
        del tree["audit"]["require"]
        assert run(tmp_path, tree) == 0
        assert len(studio.jobs) == sum(clip.path is None for clip in clips)


# kills


def start(folder: Path, log: str) -> Started:
    return Started(folder, "out", log, {"OMP_NUM_THREADS": "1"})


@pytest.mark.parametrize("good", [True, False])
def test_kills_before_and_after_the_gate_lose_nothing(
    tmp_path: Path, known: Known, good: bool
) -> None:
    with JudgeServer(latency_s=0.2) as server:
        tree = tree_of(server.base_url)
        rated = rated_of(clips_in(tmp_path, tree))
        score = (lambda v, d: known[1][v, d]) if good else (lambda v, d: 6 - known[1][v, d])
        tree["audit"] = required(write_ratings(tmp_path, rated, score))
        write(tmp_path, tree)
        rng, kills, unique = random.Random(3), 0, 2 * (N_CLIPS if good else N_RATED)
        process = start(tmp_path, "log")
        while process.poll() is None:
            target = server.n_bills + rng.randrange(1, 8)
            while process.poll() is None and server.n_bills < min(target, unique):
                time.sleep(0.01)
            if kills < 5 and process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                kills += 1
                process = start(tmp_path, "log")
            else:
                process.wait(timeout=300)
        told = (tmp_path / "log").read_text()
        assert process.returncode == (0 if good else 4), told[-2000:]
        assert kills == 5
        # what was on the wire when the run died may be paid again, no other
        assert len(server.bills) == unique
        assert server.n_bills <= unique + kills * 4
    status = json.loads((tmp_path / "out" / "status.json").read_text())
    assert status["spend"]["all_runs"]["requests"] >= server.n_bills
    if good:
        assert rows_of(tmp_path / "out") == rows_of(known[0])
