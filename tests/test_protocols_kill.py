"""Runs that compare clips, stopped in the middle of comparing: what was bought is not bought again,
and the tables are those of a run that nothing stopped."""

import json
import random
import signal
import time
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from batch_server import BatchServer
from judge_server import JudgeServer
from test_protocols import config, table
from test_protocols import run as run_here
from test_resume import kill, rows, start

from pipeline import command

CONCURRENCY = 4
BAND = {"kind": "tie_band", "band": 1.0}


@pytest.fixture(autouse=True)
def a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TEST_KEY", "sk-test")


def write(folder: Path, tree: dict[str, Any]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(tree))


def calm(n: int, key: str) -> str | None:
    """One reply in twenty is a refusal, whenever it is asked for."""
    return "refusal" if zlib.crc32(key.encode()) % 20 == 0 else None


def tree_for(server: JudgeServer, protocol: Any, **judge: Any) -> dict[str, Any]:
    """6 prompts of 3 clips in waves of 2 prompts: 72 pairs x orders x rubrics, or 24 lists."""
    return config(
        server,
        protocol,
        judge={"concurrency": CONCURRENCY, **judge},
        sources=[{"kind": "simulated", "prompts": 6}],
        wave_size=6,
    )


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["pairwise", BAND], ids=["pairwise", "tie_band"])
def test_killed_while_comparing_it_buys_nothing_twice(tmp_path: Path, protocol: Any) -> None:
    with JudgeServer(faults=calm) as whole:
        write(tmp_path / "w", tree_for(whole, protocol))
        assert start(tmp_path / "w", "out").wait(timeout=300) == 0
        wanted = whole.n_bills
    alone = 36 if protocol == BAND else 0  # 18 clips x 2 rubrics, before anything is compared
    assert wanted > alone + 10
    kills = 0
    with JudgeServer(faults=calm, latency_s=0.15) as server:
        write(tmp_path / "k", tree_for(server, protocol))
        run = start(tmp_path / "k", "out")
        for at in range(alone + 3, wanted - 4, max(3, (wanted - alone) // 6)):
            while run.poll() is None and server.n_bills < at + kills * CONCURRENCY:
                time.sleep(0.01)
            if run.poll() is None:
                kill(run)
                kills += 1
                run = start(tmp_path / "k", "out")
        assert run.wait(timeout=300) == 0, (tmp_path / "k" / "out.log").read_text()[-2000:]
        assert kills >= 3
        assert len(server.bills) == wanted
        # a request that was on the wire when the run died may be paid again, no other
        assert server.n_bills <= wanted + kills * CONCURRENCY
        spent = json.loads((tmp_path / "k" / "out" / "run.json").read_text())["spend"]["all_runs"]
        assert server.n_bills <= spent["requests"] <= wanted + kills * CONCURRENCY
    assert rows(tmp_path / "k" / "out") == rows(tmp_path / "w" / "out")
    assert any('"refusal"' in row for row in rows(tmp_path / "w" / "out"))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_comparing_it_goes_on(tmp_path: Path, number: int) -> None:
    with JudgeServer(latency_s=0.1) as server:
        write(tmp_path, tree_for(server, "pairwise"))
        run = start(tmp_path, "out")
        while server.n_bills < 10 and run.poll() is None:
            time.sleep(0.02)
        run.send_signal(number)
        assert run.wait(timeout=60) == 3
        assert json.loads((tmp_path / "out" / "status.json").read_text())["state"] == "stopped"
        assert start(tmp_path, "out").wait(timeout=300) == 0
        assert len(server.bills) == 72
        assert server.n_bills <= 72 + CONCURRENCY


def snapshot(folder: Path) -> dict[str, list[str]]:
    return {
        name: sorted(repr({k: v for k, v in row.items() if k != "images"}) for row in found)
        for name in ("annotations", "comparisons", "scores", "preferences", "failures")
        for found in [table(folder, name)]
    }


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["pairwise", BAND], ids=["pairwise", "tie_band"])
def test_a_budget_that_ends_while_comparing_can_be_raised(tmp_path: Path, protocol: Any) -> None:
    with JudgeServer() as server:
        cap = 12 + 3 if protocol == BAND else 7  # 6 clips x 2 rubrics are scored first
        assert run_here(tmp_path, config(server, protocol, budget={"requests": cap})) == 3
        assert server.n_bills == cap
        status = json.loads((tmp_path / "out" / "status.json").read_text())
        assert "compare" in status["message"]
        assert status["failures"]["compare"]["not_attempted"] > 0
        assert not (tmp_path / "out" / "run.json").exists()
        assert run_here(tmp_path, config(server, protocol, budget={"requests": 1000})) == 0
        assert set(server.bills.values()) == {1}
        stopped = snapshot(tmp_path)
        bought = server.n_bills
        (tmp_path / "whole").mkdir()
        assert run_here(tmp_path / "whole", config(server, protocol)) == 0
        assert set(server.bills.values()) == {2}
        assert server.n_bills == 2 * bought
    assert snapshot(tmp_path / "whole") == stopped


@pytest.mark.slow
def test_what_no_server_answered_while_comparing_is_asked_again(tmp_path: Path) -> None:
    broken = {"now": True}
    with JudgeServer(
        faults=lambda n, key: "overloaded" if broken["now"] and n % 5 == 2 else None
    ) as server:
        tree = config(server, "pairwise", judge={"max_attempts": 1, "concurrency": 1})
        assert run_here(tmp_path, tree) == 0
        # requests 2, 7, 12, 17 and 22 of 24
        assert Counter(f["reason"] for f in table(tmp_path, "failures")) == {"unavailable": 5}
        assert server.n_bills == 19
        fewer = len(table(tmp_path, "preferences"))
        broken["now"] = False
        assert run_here(tmp_path, tree) == 0
        assert server.n_bills == 24
        assert set(server.bills.values()) == {1}
    assert not table(tmp_path, "failures")
    assert fewer < len(table(tmp_path, "preferences")) == 18


@pytest.mark.slow
def test_retry_takes_up_what_was_refused_while_comparing(tmp_path: Path) -> None:
    """One pair is refused in both orders, one in one order; retry buys the three replies again."""
    refused: set[str] = set()
    pairs = JudgeServer(faults=lambda n, key: "refusal" if key in refused else None)
    with pairs as server:
        (tmp_path / "before").mkdir()
        tree = config(server, "pairwise", judge={"concurrency": 1})
        assert run_here(tmp_path / "before", tree) == 0
        wanted = snapshot(tmp_path / "before")
        # of the first three lineups of a rubric, two are of one pair
        refused |= set(list(server.bills)[:3])
        server.bills.clear()
        assert run_here(tmp_path, tree) == 0
        assert Counter(f["reason"] for f in table(tmp_path, "failures")) == {"refusal": 3}
        assert server.n_bills == 24
        refused.clear()
        assert command.retry([str(tmp_path / "out"), "--reason", "refusal"]) == 0
        assert server.n_bills == 27
    without = ("reply_key", "cost_usd", "input_tokens", "output_tokens")
    assert not table(tmp_path, "failures")
    for name in ("scores", "preferences"):
        assert snapshot(tmp_path)[name] == wanted[name]
    assert {
        repr({k: v for k, v in row.items() if k not in without})
        for row in table(tmp_path, "comparisons")
    } == {
        repr({k: v for k, v in row.items() if k not in without})
        for row in table(tmp_path / "before", "comparisons")
    }
    # a reply bought for the second time carries what both cost
    costs = sorted(row["cost_usd"] for row in table(tmp_path, "comparisons"))
    assert costs[-3:] == pytest.approx([2 * costs[0]] * 3)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["pairwise", "listwise"])
def test_rows_of_another_protocol_do_not_stay_after_a_rebuild(
    tmp_path: Path, protocol: str
) -> None:
    with JudgeServer() as server:
        (tmp_path / "fresh").mkdir()
        assert run_here(tmp_path / "fresh", config(server, "pointwise")) == 0
        assert run_here(tmp_path, config(server, protocol)) == 0
        assert run_here(tmp_path, config(server, "pointwise"), "--rebuild") == 0
        assert snapshot(tmp_path) == snapshot(tmp_path / "fresh")
        before = server.n_bills
        assert run_here(tmp_path, config(server, BAND), "--rebuild") == 0
        bought = server.n_bills - before
        alone = [row for row in table(tmp_path, "comparisons") if len(row["video_ids"]) == 2]
        assert bought == (0 if protocol == "pairwise" else len(alone))
        assert len(table(tmp_path, "annotations")) == 12
        assert run_here(tmp_path, config(server, protocol), "--rebuild") == 0
        assert server.n_bills == before + bought
    assert not table(tmp_path, "annotations")
    assert {row["basis"] for row in table(tmp_path, "preferences")} == {"comparisons"}


@pytest.mark.slow
def test_retry_knows_no_failure_of_another_protocol(tmp_path: Path, capsys: Any) -> None:
    """Refusals of a comparison are none of a run that compares nothing any more."""
    with JudgeServer(faults=lambda n, key: "refusal" if n == 3 else None) as server:
        assert run_here(tmp_path, config(server, "pairwise")) == 0
        assert len(table(tmp_path, "failures")) == 1
        assert run_here(tmp_path, config(server, "pointwise"), "--rebuild") == 0
        assert not table(tmp_path, "failures")
        assert command.retry([str(tmp_path / "out"), "--reason", "refusal"]) == 2
        assert "there are none at all" in capsys.readouterr().err


def batch_tree(server: BatchServer, protocol: Any) -> dict[str, Any]:
    tree = tree_for(server, protocol, draws=2, temperature=0.7)  # type: ignore[arg-type]
    (judge,) = tree["annotators"]
    del judge["concurrency"]
    judge |= {"kind": "openai-batch", "poll_s": 0.05, "shard_requests": 20}
    return tree | {"sources": [{"kind": "simulated", "prompts": 2}], "wave_size": 3}


@pytest.mark.slow
def test_a_batch_judge_is_asked_for_scores_and_then_for_comparisons(tmp_path: Path) -> None:
    with BatchServer() as batches, JudgeServer() as online:
        tree = batch_tree(batches, BAND)
        assert run_here(tmp_path, tree) == 0
        compared = table(tmp_path, "comparisons")
        # 6 clips x 2 rubrics x 2 draws are scored, and every close pair in both orders and draws
        assert len(table(tmp_path, "annotations")) == 24
        assert len(compared) > 0
        assert list(batches.bills.values()) == [1] * (24 + len(compared))
        bought = snapshot(tmp_path)
        (judge,) = tree["annotators"]
        judge |= {"kind": "openai", "base_url": online.base_url}
        del judge["poll_s"], judge["shard_requests"]
        assert run_here(tmp_path, tree, "--rebuild") == 0
        assert online.bodies == []  # the same questions, found in the journal
    assert snapshot(tmp_path) == bought


@pytest.mark.slow
def test_a_batch_run_killed_between_its_batches_buys_nothing_twice(tmp_path: Path) -> None:
    with BatchServer() as whole:
        write(tmp_path / "w", batch_tree(whole, BAND))
        assert start(tmp_path / "w", "out").wait(timeout=120) == 0
        wanted = len(whole.bills)
    kills, rng = 0, random.Random(0)
    with BatchServer(looks=4) as server:
        write(tmp_path / "k", batch_tree(server, BAND))
        run = start(tmp_path / "k", "out")
        while kills < 6 and run.poll() is None:
            calls = sum(server.calls.values()) + rng.randrange(1, 7)  # die somewhere within these
            while run.poll() is None and sum(server.calls.values()) < calls:
                time.sleep(0.005)
            if run.poll() is None:
                kill(run)
                kills += 1
                run = start(tmp_path / "k", "out")
        run.wait(timeout=120)
        assert run.returncode == 0, (tmp_path / "k" / "out.log").read_text()[-2000:]
        assert kills >= 4
        assert list(server.bills.values()) == [1] * wanted
    assert rows(tmp_path / "k" / "out") == rows(tmp_path / "w" / "out")
