"""A whole run with a batch judge: the rows of an online run, from the same journal."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from batch_server import BatchServer
from judge_server import JudgeServer

from pipeline import command
from pipeline.dataset.parquet import parts
from schemas.layout import Layout

QUESTIONS = 24  # 3 prompts x 4 clips x 2 rubrics


def run(folder: Path, base_url: str, judge: dict[str, Any], *flags: str, **changes: Any) -> int:
    tree = {
        "sources": [{"kind": "simulated", "prompts": 3}],
        "generators": {
            "pool": [
                {"kind": "simulated", "name": name} for name in ("sim-clean", "sim-colour-flicker")
            ]
        },
        "annotators": [
            {
                "model": "judge",
                "base_url": base_url,
                "api_key_env": "A_TEST_KEY",
                "price": {"input_usd_per_million": 1, "output_usd_per_million": 5},
                **judge,
            }
        ],
        "report": {"prompts": 2},
        "concurrency": {"processes": 1},
        "wave_size": 5,
        **changes,
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(tree))
    return command.main(
        ["--config", str(folder / "config.yaml"), "--output", str(folder / "out"), *flags]
    )


def table(folder: Path, name: str) -> list[dict[str, Any]]:
    files = parts(Layout(folder / "out").table(name))
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    return sorted(rows, key=repr)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TEST_KEY", "sk-test")


def test_a_batch_run_has_the_rows_of_an_online_one(tmp_path: Path) -> None:
    with BatchServer() as batches, JudgeServer() as online:
        batch = {"kind": "openai-batch", "poll_s": 0.05, "shard_requests": 10}
        assert run(tmp_path, batches.base_url, batch) == 0
        first = table(tmp_path, "annotations")
        assert len(first) == QUESTIONS
        assert sum(batches.bills.values()) == QUESTIONS
        record = json.loads((tmp_path / "out" / "run.json").read_text())
        assert record["spend"]["requests"] == QUESTIONS
        # the same judge online, on the same folder: another kind, the same replies, nothing bought
        judge = {"kind": "openai"}
        assert run(tmp_path, online.base_url, judge, "--rebuild") == 0
        assert online.bodies == []
    assert table(tmp_path, "annotations") == first


@pytest.mark.slow
def test_a_budget_stops_a_batch_run_with_rows(tmp_path: Path) -> None:
    batch = {"kind": "openai-batch", "poll_s": 0.05}
    with BatchServer() as server:
        assert run(tmp_path, server.base_url, batch, budget={"requests": 7}) == 3
        assert sum(server.bills.values()) == 7
        status = json.loads((tmp_path / "out" / "status.json").read_text())
        assert "budget.requests is 7" in status["message"]
        assert status["failures"]["annotate"]["not_attempted"] >= 1
        assert run(tmp_path, server.base_url, batch, budget={"requests": 100}) == 0
        assert sum(server.bills.values()) == QUESTIONS
    assert len(table(tmp_path, "annotations")) == QUESTIONS
