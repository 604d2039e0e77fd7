"""The main job on real clips: 140 clips of FETV, three ways to judge them, held against three raters."""

import contextlib
import csv
import io
import json
from pathlib import Path
from typing import Any

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


SECRET = "sk-a-secret-of-the-test"


@pytest.fixture(scope="module")
def done(fetv: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One run with three kinds of annotators, and the same once more."""
    folder = tmp_path_factory.mktemp("fetv")
    with (
        pytest.MonkeyPatch.context() as patch,
        JudgeServer() as server,
        contextlib.redirect_stderr(io.StringIO()) as said,
    ):
        patch.setenv("A_TEST_KEY", SECRET)
        judge = {
            "kind": "openai",
            "model": "judge",
            "base_url": server.base_url,
            "api_key_env": "A_TEST_KEY",
            "price": {"input_usd_per_million": 1.0, "output_usd_per_million": 2.0},
        }
        metrics = {
            "kind": "recorded",
            "path": str(fetv / "metric_scores.csv"),
            "scale": "unbounded",
        }
        root = run(
            folder,
            fetv,
            [metrics, {"kind": "signal"}, judge],
            consensus={"annotators": ["BLIPScore"]},
        )
        first, asked = said.getvalue(), sum(server.bills.values())
        assert command.main(["--config", str(folder / "config.yaml"), "--output", str(root)]) == 0
        again = sum(server.bills.values())
    annotations: dict[str, list[dict]] = {}
    for row in table(root, "annotations"):
        annotations.setdefault(row["annotator_id"], []).append(row)
    return {
        "root": root, "said": first, "asked": asked, "again": again,
        "annotations": annotations, "numbers": numbers(root),
    }  # fmt: skip


def test_recorded_metrics_are_audited_against_the_raters(fetv, done):
    # the manifest has 140 of the table's 3,017 clips per metric
    assert "metric_scores.csv: 2877 rows of BLIPScore match no clip" in done["said"]
    with open(fetv / "metric_scores.csv") as file:
        recorded = {
            (r["prompt_id"], r["generator"], r["metric"]): float(r["score"])
            for r in csv.DictReader(file)
        }
    found = done["numbers"]
    for metric in ("BLIPScore", "CLIPScore", "CLIPScore-ft", "Otter-VQA", "UMTScore"):
        rows = done["annotations"][metric]
        assert len(rows) == 140 * 2
        assert all(
            a["score"] == recorded[a["prompt_id"], a["generator"], a["annotator_id"]] for a in rows
        )
        row = found[metric, "pair_accuracy_ties_half", "prompt_following"]
        assert row["low"] < row["value"] < row["high"]
        assert row["n_raters"] == 3
    # 140 clips of generated video are a part of the 2,476 whose published alpha is 0.6142
    assert 0.4 < found["raters", "krippendorff_alpha_ordinal", "alignment"]["value"] < 0.8


def test_signal_judges_quality_and_says_where_a_prompt_names_nothing_it_measures(done):
    annotations, failures = done["annotations"]["signal"], table(done["root"], "failures")
    assert sum(a["dimension"] == "video_quality" for a in annotations) == 140
    assert {f["reason"] for f in failures} == {"not_applicable"}
    assert len(annotations) + len(failures) == 280
    assert ("signal", "pair_accuracy_ties_half", "video_quality") in done["numbers"]


def test_a_server_is_asked_once_per_clip_and_rubric(done):
    assert (done["asked"], done["again"]) == (280, 280)
    annotations = done["annotations"]["judge"]
    assert len(annotations) == 280
    assert all(a["requested"]["temperature"] == 0.3 and a["n_frames"] == 8 for a in annotations)
    # a request of eight frames: 600 + 8 x 85 tokens in, 40 out, at 1 and 2 dollars per million
    assert all(a["cost_usd"] == pytest.approx((1280 + 2 * 40) / 1e6) for a in annotations)
    root = done["root"]
    record = json.loads((root / "run.json").read_text())
    assert record["spend"]["requests"] == 0  # the second run bought nothing
    secret = SECRET.encode()
    assert not [p for p in root.rglob("*") if p.is_file() and secret in p.read_bytes()]
    row = done["numbers"]["judge", "pair_accuracy_ties_half", "video_quality"]
    assert row["n_items"] > 100
