"""A run killed at any moment goes on where it was: nothing is bought twice, the rows are the same."""

import json
import os
import random
import signal
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from judge_server import JudgeServer
from started import Started

from pipeline.dataset.parquet import parts
from schemas.layout import PUBLISHED, Layout

CONCURRENCY = 4


def start(folder: Path, output: str) -> Started:
    key = {"A_TEST_KEY": "sk-test", "OMP_NUM_THREADS": "1"}
    return Started(folder, output, f"{output}.log", key)


def kill(run: Started) -> None:
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()


def rows(root: Path) -> list[str]:
    layout = Layout(root)
    folders = [layout.table(name) for name in PUBLISHED]
    folders += [layout.table("preferences", s) for s in ("train", "validation", "test")]
    return [
        json.dumps(row, sort_keys=True, default=repr)
        for folder in folders
        for path in parts(folder)
        for row in sorted(pq.read_table(path).to_pylist(), key=repr)
    ]


@pytest.fixture
def server():
    # every 20th reply is a refusal: a failure that is paid for must not be bought again either
    with JudgeServer(
        latency_s=0.15, faults=lambda n, body: "refusal" if hash_of(body) % 20 == 0 else None
    ) as s:
        yield s


def hash_of(body: str) -> int:
    import zlib

    return zlib.crc32(body.encode())


@pytest.fixture
def folder(tmp_path, server) -> Path:
    config = {
        "sources": [{"kind": "simulated", "prompts": 12}],
        "generators": {
            "pool": [
                {"kind": "simulated", "name": name}
                for name in (
                    "sim-clean",
                    "sim-colour-flicker",
                    "sim-motion-frozen",
                    "sim-frozen-blur",
                )
            ]
        },
        "annotators": [
            {
                "kind": "openai",
                "model": "judge",
                "base_url": server.base_url,
                "api_key_env": "A_TEST_KEY",
                "concurrency": CONCURRENCY,
            }
        ],
        "report": {"prompts": 2},
        "concurrency": {"processes": 1},
        "wave_size": 20,
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    return tmp_path


@pytest.mark.slow
def test_killed_runs_buy_nothing_twice_and_end_with_the_same_rows(folder, server):
    unique, kills, rng = 12 * 4 * 2, 0, random.Random(0)
    run = start(folder, "killed")
    while run.poll() is None:
        bought = sum(server.bills.values())
        target = bought + rng.randrange(1, 25)  # die somewhere within the next replies
        while run.poll() is None and sum(server.bills.values()) < min(target, unique):
            time.sleep(0.01)
        if kills < 8 and run.poll() is None:
            kill(run)
            kills += 1
            run = start(folder, "killed")
        else:
            run.wait(timeout=300)
    assert run.returncode == 0, (folder / "killed.log").read_text()[-2000:]
    assert kills == 8
    assert len(server.bills) == unique
    # a request that was on the wire when the run died may be paid again, no other
    billed = sum(server.bills.values())
    assert billed <= unique + kills * CONCURRENCY
    # the ledger outlives every kill: what may have been billed counts as billed, never less
    spent = json.loads((folder / "killed" / "run.json").read_text())["spend"]["all_runs"]
    assert billed <= spent["requests"] <= unique + kills * CONCURRENCY
    print(f"{kills} kills: {unique} replies, {billed} billed, {spent['requests']} in the ledger")

    assert start(folder, "whole").wait(timeout=300) == 0
    assert rows(folder / "killed") == rows(folder / "whole")
    failures = [row for row in rows(folder / "whole") if '"refusal"' in row]
    assert failures  # the refusals are rows, in both


@pytest.mark.slow
def test_a_lost_key_stops_the_run_which_goes_on_later(folder, server):
    calm = server._faults
    server._faults = lambda n, body: "unauthorized" if n >= 30 else calm(n, body)
    assert start(folder, "out").wait(timeout=300) == 3
    log = (folder / "out.log").read_text()
    assert "run the same command again to resume" in log
    assert json.loads((folder / "out" / "status.json").read_text())["state"] == "stopped"
    assert not (folder / "out" / "run.json").exists()
    bought = sum(server.bills.values())
    assert bought <= 30 + CONCURRENCY
    server._faults = calm
    assert start(folder, "out").wait(timeout=300) == 0
    assert sum(server.bills.values()) == 12 * 4 * 2
    assert (folder / "out" / "run.json").exists()


@pytest.mark.slow
def test_what_no_server_answered_is_asked_again_by_the_next_run(folder, server):
    calm = server._faults
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["annotators"][0]["max_attempts"] = 1
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    server._faults = lambda n, body: "overloaded" if n % 10 == 5 else calm(n, body)
    assert start(folder, "out").wait(timeout=300) == 0  # failures of single items are allowed
    first = json.loads((folder / "out" / "run.json").read_text())
    lost = first["failures"]["annotate"]["unavailable"]
    assert lost == 10  # requests 5, 15, ..., 95 of 96
    bought = sum(server.bills.values())
    assert bought == 96 - lost
    server._faults = calm
    assert start(folder, "out").wait(timeout=300) == 0
    assert sum(server.bills.values()) == 96  # only what was missing
    second = json.loads((folder / "out" / "run.json").read_text())
    assert "unavailable" not in second["failures"]["annotate"]
    assert start(folder, "calm").wait(timeout=300) == 0
    assert rows(folder / "out") == rows(folder / "calm")


@pytest.mark.slow
def test_interrupted_by_sigterm_it_says_how_to_go_on(folder, server):
    run = start(folder, "out")
    while sum(server.bills.values()) < 10:
        time.sleep(0.02)
    run.send_signal(signal.SIGTERM)
    assert run.wait(timeout=60) == 3
    told = (folder / "out.log").read_text()
    assert "interrupted. Everything paid for is kept" in told
    assert "Traceback" not in told
    assert start(folder, "out").wait(timeout=300) == 0
    assert sum(server.bills.values()) <= 12 * 4 * 2 + CONCURRENCY
