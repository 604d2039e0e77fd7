"""The benchmark of the explorer: its data are a run that the real report draws, and every filter tells."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from report_browser import programs
from report_run import data

from pipeline.report import ReportOptions, write_report
from pipeline.report.tables import NAMES, read_table
from schemas.layout import Layout

BENCH = Path(__file__).parents[1] / "scripts" / "bench"


def test_the_data_are_a_run_that_the_report_draws(tmp_path, monkeypatch):
    """20 prompts of 4 clips: 2 dimensions by a judge with 2 draws and one with 1, less the refusal of
    the first clip of all; 3 scorers on 3 dimensions; 6 pairs on 3 dimensions; 3 raters on 2."""
    monkeypatch.syspath_prepend(str(BENCH))
    from explorer_data import made

    layout = Layout(made(tmp_path / "run", 20))
    counts = {name: read_table(layout, name).num_rows for name in NAMES}
    assert counts == {
        "prompts": 20, "videos": 80, "frames": 80, "clip_checks": 80, "annotations": 80 * 2 * 3 - 1,
        "comparisons": 0, "scores": 80 * 9, "human_ratings": 80 * 6, "human_votes": 0, "failures": 1,
        "preferences": 20 * 6 * 3,
    }  # fmt: skip
    write_report(layout.root, ReportOptions(), json.loads(layout.run.read_text()))
    index = data(layout.root, "index.js")
    assert index["total"] == 20
    assert {one["name"] for one in index["dimensions"]} == {
        "overall",
        "prompt_following",
        "video_quality",
    }
    assert {(one["stage"], one["reason"]) for one in index["reasons"]} == {
        ("annotate", "refusal"),
        ("clip check", "frozen"),
    }
    (first, *_) = [entry for entry in data(layout.root, "prompts-0.js")]
    assert len(first["clips"]) == 4
    assert all((layout.report / clip["media"]).is_file() for clip in first["clips"])


@pytest.mark.slow
def test_every_filter_is_timed_and_says_what_it_found(tmp_path):
    programs()
    done = subprocess.run(
        [
            *(sys.executable, str(BENCH / "explorer.py"), "--prompts", "60", "--rounds", "1"),
            *("--big", "60", "--data", str(tmp_path), "--json", str(tmp_path / "j")),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "j").read_text())
    said = {
        (row["page"], row["what"]): row["said"] for row in found["rows"] if row["said"] is not None
    }
    for page in ("explorer, from disk", "explorer, from a static host"):
        assert said[page, "a word"].startswith("6 of 60")  # ten things, one after the other
        assert said[page, "a generator"].startswith("40 of 60")  # four of six generators each
        assert said[page, "a failure"].startswith("1 of 60")
        assert said[page, "everything cleared"].startswith("60 ")
    assert said["one big page, from disk", "a word, typed"].startswith("6 ")
