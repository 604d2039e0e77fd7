"""The main job on real clips: 140 clips of FETV, three ways to judge them, held against three raters."""

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from judge_server import JudgeServer

from pipeline import command
from pipeline.dataset.parquet import parts
from schemas.layout import Layout

DIMENSIONS = {
    "prompt_following": ["alignment"],
    "video_quality": ["static_quality", "temporal_quality"],
}


def run(folder: Path, fetv: Path, annotators: list[dict], **blocks: object) -> Path:
    config = {
        "sources": [{"kind": "manifest", "path": str(fetv / "manifest.csv")}],
        "annotators": annotators,
        "audit": {
            "ratings": [{"kind": "table", "path": str(fetv / "human_ratings.csv")}],
            "dimensions": DIMENSIONS,
            "resamples": 200,
        },
        "report": {"prompts": 2},
        "concurrency": {"processes": 2},
        **blocks,
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    code = command.main(["--config", str(folder / "config.yaml"), "--output", str(folder / "out")])
    assert code == 0
    return folder / "out"


def numbers(root: Path) -> dict[tuple[str, str, str], dict]:
    rows = json.loads((root / "audit.json").read_text())
    return {
        (r["annotator"], r["statistic"], r["dimension"]): r for r in rows if r["slice"] == "all"
    }


def table(root: Path, name: str) -> list[dict]:
    return [
        row for path in parts(Layout(root).table(name)) for row in pq.read_table(path).to_pylist()
    ]


@pytest.fixture(scope="module")
def fetv(test_data) -> Path:
    return test_data / "fetv"


def test_recorded_metrics_are_audited_against_the_raters(fetv, tmp_path, capsys):
    root = run(
        tmp_path,
        fetv,
        [{"kind": "recorded", "path": str(fetv / "metric_scores.csv"), "scale": "unbounded"}],
        consensus={"annotators": ["BLIPScore"]},
    )
    # the manifest has 140 of the table's 3,017 clips per metric
    assert "metric_scores.csv: 2877 rows of BLIPScore match no clip" in capsys.readouterr().err
    metrics = ("BLIPScore", "CLIPScore", "CLIPScore-ft", "Otter-VQA", "UMTScore")
    annotations = table(root, "annotations")
    assert len(annotations) == 140 * 5 * 2
    with open(fetv / "metric_scores.csv") as file:
        recorded = {
            (r["prompt_id"], r["generator"], r["metric"]): float(r["score"])
            for r in csv.DictReader(file)
        }
    assert all(
        a["score"] == recorded[a["prompt_id"], a["generator"], a["annotator_id"]]
        for a in annotations
    )
    found = numbers(root)
    for metric in metrics:
        row = found[metric, "pair_accuracy_ties_half", "prompt_following"]
        assert row["low"] < row["value"] < row["high"]
        assert row["n_raters"] == 3
    # 140 clips of generated video are a part of the 2,476 whose published alpha is 0.6142
    assert 0.4 < found["raters", "krippendorff_alpha_ordinal", "alignment"]["value"] < 0.8


def test_signal_judges_quality_and_says_where_a_prompt_names_nothing_it_measures(fetv, tmp_path):
    root = run(tmp_path, fetv, [{"kind": "signal"}])
    annotations, failures = table(root, "annotations"), table(root, "failures")
    assert sum(a["dimension"] == "video_quality" for a in annotations) == 140
    assert {f["reason"] for f in failures} == {"not_applicable"}
    assert len(annotations) + len(failures) == 280
    assert ("signal", "pair_accuracy_ties_half", "video_quality") in numbers(root)


def test_a_server_is_asked_once_per_clip_and_rubric(fetv, tmp_path, monkeypatch):
    monkeypatch.setenv("A_TEST_KEY", "sk-a-secret-of-the-test")
    with JudgeServer() as server:
        judge = {
            "kind": "openai",
            "model": "judge",
            "base_url": server.base_url,
            "api_key_env": "A_TEST_KEY",
            "price": {"input_usd_per_million": 1.0, "output_usd_per_million": 2.0},
        }
        root = run(tmp_path, fetv, [judge])
        assert sum(server.bills.values()) == 280
        assert command.main(["--config", str(tmp_path / "config.yaml"), "--output", str(root)]) == 0
        assert sum(server.bills.values()) == 280
    annotations = table(root, "annotations")
    assert len(annotations) == 280
    assert all(a["requested"]["temperature"] == 0.3 and a["n_frames"] == 8 for a in annotations)
    # a request of eight frames: 600 + 8 x 85 tokens in, 40 out, at 1 and 2 dollars per million
    assert all(a["cost_usd"] == pytest.approx((1280 + 2 * 40) / 1e6) for a in annotations)
    record = json.loads((root / "run.json").read_text())
    assert record["spend"]["requests"] == 0  # the second run bought nothing
    secret = b"sk-a-secret-of-the-test"
    assert not [p for p in root.rglob("*") if p.is_file() and secret in p.read_bytes()]
    found = numbers(root)
    assert found["judge", "pair_accuracy_ties_half", "video_quality"]["n_items"] > 100
