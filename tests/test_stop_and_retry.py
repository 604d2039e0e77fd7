"""A run that stops for money goes on later; failures are taken up again; the journal stays small."""

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from judge_server import JudgeServer
from report_run import data

from pipeline import command
from pipeline.__main__ import main
from pipeline.dataset.parquet import parts
from schemas.layout import Layout

QUESTIONS = 24  # 3 prompts x 4 clips x 2 rubrics


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TEST_KEY", "sk-test")


def config(server: JudgeServer, **changes: Any) -> dict[str, Any]:
    return {
        "sources": [{"kind": "simulated", "prompts": 3}],
        "generators": {
            "pool": [
                {"kind": "simulated", "name": name} for name in ("sim-clean", "sim-colour-flicker")
            ]
        },
        "annotators": [
            {
                "kind": "openai",
                "model": "judge",
                "base_url": server.base_url,
                "api_key_env": "A_TEST_KEY",
                "concurrency": 4,
                "price": {"input_usd_per_million": 1, "output_usd_per_million": 5},
            }
        ],
        "report": {"prompts": 2},
        "concurrency": {"processes": 1},
        "wave_size": 5,
        **changes,
    }


def run(folder: Path, tree: dict[str, Any], *flags: str) -> int:
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(tree))
    return command.main(["--config", str(path), "--output", str(folder / "out"), *flags])


def status(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "out" / "status.json").read_text())


def table(folder: Path, name: str) -> list[dict[str, Any]]:
    files = parts(Layout(folder / "out").table(name))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def test_a_budget_stops_the_run_which_goes_on_when_it_is_raised(tmp_path, capsys) -> None:
    with JudgeServer() as server:
        assert run(tmp_path, config(server, budget={"requests": 7})) == 3
        assert server.n_bills == 7
        stopped = status(tmp_path)
        assert stopped["state"] == "stopped"
        assert "budget.requests is 7" in stopped["message"]
        # the 4 clips of a prompt are a wave: 8 questions; the one that was not sent is a row, those of
        # later waves are not
        assert stopped["failures"]["annotate"] == {"not_attempted": 1}
        assert "8 clips of later waves" in stopped["message"]
        assert stopped["spend"]["requests"] == 7
        assert not (tmp_path / "out" / "run.json").exists()
        # more money is no other configuration: no flag, and nothing is bought twice
        assert run(tmp_path, config(server, budget={"requests": 100})) == 0
        assert server.n_bills == QUESTIONS
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["spend"]["requests"] == QUESTIONS - 7
    assert record["spend"]["all_runs"]["requests"] == QUESTIONS
    assert len(table(tmp_path, "annotations")) == QUESTIONS
    # 85 tokens for each of 8 frames and 600 in, 40 out, at 1 and 5 USD per million
    cost = (8 * 85 + 600 + 40 * 5) / 1e6
    assert record["spend"]["all_runs"]["usd"] == pytest.approx(QUESTIONS * cost)


def test_a_cap_in_usd_needs_a_price(tmp_path, capsys) -> None:
    with JudgeServer() as server:
        tree = config(server, budget={"usd": 5})
        del tree["annotators"][0]["price"]
        assert run(tmp_path, tree) == 2
        assert server.bodies == []
    said = capsys.readouterr().err
    assert "input_usd_per_million" in said
    assert not (tmp_path / "out" / "work").exists()


@pytest.mark.slow
def test_whole_waves_leave_packs_and_no_loose_entries(tmp_path) -> None:
    with JudgeServer() as server:
        assert run(tmp_path, config(server)) == 0
        journal = tmp_path / "out" / "journal"
        assert not list(journal.glob("??/*.json"))
        packed = [row for file in journal.glob("packs/*.parquet")
                  for row in pq.read_table(file).to_pylist()]  # fmt: skip
        keys = {row["reply_key"] for row in table(tmp_path, "annotations")}
        assert {row["key"] for row in packed} == keys
        assert len(packed) == QUESTIONS
        first = table(tmp_path, "annotations")
        # all of it again from the packs, in other waves
        assert run(tmp_path, config(server, wave_size=7), "--rebuild") == 0
        assert server.n_bills == QUESTIONS
    assert sorted(map(repr, table(tmp_path, "annotations"))) == sorted(map(repr, first))


def test_refusals_are_taken_up_again(tmp_path, capsys) -> None:
    """Of 24 replies the 3rd and the 9th are refusals; asked again, both are refusals once more."""
    out = str(tmp_path / "out")
    faults = dict.fromkeys((2, 8, 24, 25), "refusal") | {27: "unauthorized"}
    with JudgeServer(faults=lambda n, key: faults.get(n)) as server:
        assert run(tmp_path, config(server)) == 0
        refused = [row for row in table(tmp_path, "failures") if row["reason"] == "refusal"]
        assert len(refused) == 2
        assert main(["retry", out, "--reason", "truncated"]) == 2
        assert "reasons truncated; there are 2 refusal" in capsys.readouterr().err
        assert (tmp_path / "out" / "run.json").exists()  # a refused command changes nothing
        assert main(["retry", out, "--reason", "refusal"]) == 0
        assert server.n_bills == QUESTIONS + 2
        assert len(table(tmp_path, "annotations")) == QUESTIONS - 2  # as they were before
        left = table(tmp_path, "failures")  # and the failures tell of the second reply
        assert [row["key"] for row in left] == [row["key"] for row in refused]
        assert [row["cost_usd"] for row in left] == pytest.approx([2 * refused[0]["cost_usd"]] * 2)
        parts_of = data(tmp_path / "out", "books.js")["money"]["total"]["parts"]
        assert {part["part"] for part in parts_of} == {"usable", "refused"}  # no cent elsewhere
        # a plain run asks for nothing: the second refusal is the answer until it is taken up
        assert run(tmp_path, config(server)) == 0
        assert server.n_bills == QUESTIONS + 2
        # stopped, with nothing left that was refused: the same command goes on all the same
        assert main(["retry", out, "--reason", "refusal"]) == 3
        assert f"resume   {sys.orig_argv[0]} -m pipeline retry {out}" in capsys.readouterr().err
        assert main(["retry", out, "--reason", "refusal"]) == 0
        told = capsys.readouterr().err
        assert "going on with the run, which is not complete" in told, told
        assert server.n_bills == QUESTIONS + 4
    assert len(table(tmp_path, "annotations")) == QUESTIONS
    assert table(tmp_path, "failures") == []
    # the page of books: 28 replies, four of them asked again, all for verdicts that are usable now
    money = data(tmp_path / "out", "books.js")["money"]
    (judge,) = money["accounts"]
    assert (judge["requests"], judge["again"]) == (QUESTIONS + 4, 4)
    assert [(p["part"], p["n"], p["usd"]) for p in judge["parts"]] == [
        ("usable", QUESTIONS, pytest.approx(judge["usd"]))
    ]
    assert judge["again_usd"] == pytest.approx(judge["usd"] * 4 / (QUESTIONS + 4))


def test_retry_needs_a_run(tmp_path, capsys) -> None:
    assert main(["retry", str(tmp_path), "--reason", "refusal"]) == 2
    assert "holds no run to go on with" in capsys.readouterr().err


@pytest.mark.slow
def test_two_workers_share_budget_and_requests_in_flight(tmp_path) -> None:
    workers = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")
    with JudgeServer(latency_s=0.1) as server:
        tree = config(server, budget={"requests": 17}, wave_size=12)
        assert run(tmp_path, tree, *workers) == 3
        assert server.n_bills == 17
        assert server.most_at_once <= 4  # of both together: it is the account's limit
        assert status(tmp_path)["spend"]["requests"] == 17
        assert run(tmp_path, config(server, wave_size=12), *workers) == 0
        assert server.n_bills == QUESTIONS
        assert server.most_at_once <= 4
