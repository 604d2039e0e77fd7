"""Whole runs in which draws share requests, or scores are read from probabilities."""

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from judge_server import JudgeServer

from pipeline import __main__ as cli
from pipeline.dataset.parquet import parts
from schemas.layout import Layout

IN, OUT = 770, 40  # tokens of two frames and the words, 600 + 2 x 85, and of a reply
PRICE = {"input_usd_per_million": 2.0, "output_usd_per_million": 10.0}
ALONE = (IN * 2.0 + OUT * 10.0) / 1e6  # a request for one reply


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789abcdef")


def config(server: JudgeServer, **judge: object) -> dict[str, object]:
    """4 clips of 2 frames, 2 rubrics, 3 draws: 8 requests for 24 replies."""
    block = {
        "kind": "openai", "model": "judge", "base_url": server.base_url, "draws": 3,
        "several_choices": True, "price": PRICE, **judge,
    }  # fmt: skip
    pool = [{"kind": "simulated", "name": name} for name in ("sim-clean", "sim-colour-flicker")]
    return {
        "sources": [{"kind": "simulated", "prompts": 2}],
        "generators": {"clips_per_prompt": 2, "pool": pool},
        "annotators": [block],
        "frames": {"count": 2},
        "report": {"prompts": 1},
        "concurrency": {"processes": 1},
    }


def run(folder: Path, tree: dict[str, object], *flags: str) -> int:
    (folder / "mine.yaml").write_text(yaml.safe_dump(tree))
    given = ["--config", str(folder / "mine.yaml"), "--output", str(folder / "out"), *flags]
    return cli.main(["run", *given])


def table(folder: Path, name: str) -> list[dict[str, object]]:
    files = parts(Layout(folder / "out").table(name))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def total(rows: Sequence[dict[str, object]]) -> float:
    return sum(float(str(row["cost_usd"])) for row in rows)


@pytest.mark.slow  # runs of Beam
def test_a_run_pays_once_what_its_rows_say_and_takes_up_one_refused_draw(tmp_path: Path) -> None:
    """Of the 8 shared requests two are whole, two are cut in one choice, two give one reply, and two
    refuse one: 8 + 2 + 2 x 2 requests; asking again for the refusals is two more."""
    faults = [None, "cut_choice", "one_choice", "refused_choice"]

    def fault(n: int, key: str) -> str | None:
        shared = ["n" in body for body in server.bodies[: n + 1]]
        return faults[sum(shared) % 4] if shared[n] else None

    with JudgeServer(faults=fault) as server:
        assert run(tmp_path, config(server)) == 0
        assert server.n_bills == 14
        rows, failed = table(tmp_path, "annotations"), table(tmp_path, "failures")
        assert (len(rows), len(failed)) == (22, 2)
        out = 2 * (3 + 3 + 1 + 3) + 2 + 4  # replies to the shared requests, and alone
        paid = (14 * IN * 2.0 + out * OUT * 10.0) / 1e6
        record = json.loads((tmp_path / "out" / "run.json").read_text())
        assert record["spend"]["usd"] == pytest.approx(paid)
        assert total(rows) + total(failed) == pytest.approx(paid)
        assert run(tmp_path, config(server)) == 0
        assert server.n_bills == 14
        assert table(tmp_path, "annotations") == rows
        assert cli.main(["retry", str(tmp_path / "out"), "--reason", "refusal"]) == 0
        assert server.n_bills == 16
        mended = table(tmp_path, "annotations")
    assert (len(mended), table(tmp_path, "failures")) == (24, [])
    assert [row for row in mended if row in rows] == rows
    assert total(mended) == pytest.approx(paid + 2 * ALONE)


@pytest.mark.slow  # runs of Beam
def test_a_run_by_expected_scores_stops_where_there_are_none_and_goes_on(tmp_path: Path) -> None:
    with JudgeServer(faults=lambda n, key: "no_logprobs") as server:
        assert run(tmp_path, config(server, score="expected", concurrency=1)) == 3
        assert server.n_bills == 1  # the first reply tells
    status = json.loads((tmp_path / "out" / "status.json").read_text())
    assert status["failures"]["annotate"] == {"no_distribution": 3, "not_attempted": 21}
    with JudgeServer() as server:
        tree = config(server, score="expected", concurrency=1)
        # the other 7 requests; what was paid for is not asked for again unbidden
        assert run(tmp_path, tree) == 0
        assert server.n_bills == 7
        assert len(table(tmp_path, "failures")) == 3
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(tree))
        out = str(tmp_path / "out")
        assert cli.main(["retry", out, "--reason", "no_distribution"]) == 0
        assert server.n_bills == 8
    rows = table(tmp_path, "annotations")
    assert len(rows) == 24
    assert all(len(row["distribution"]) == 5 for row in rows)  # type: ignore[arg-type]
    assert any(row["score"] != round(float(str(row["score"]))) for row in rows)
