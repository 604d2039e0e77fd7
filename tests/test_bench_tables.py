"""The benchmark of the tables: its data are what a run leaves, and everybody makes the same pairs of them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.dataset.parquet import parts, read_rows
from schemas import Annotation
from schemas.tables import key_of

BENCH = Path(__file__).parents[1] / "scripts" / "bench"


def test_the_data_are_whole_waves_sorted_by_key(tmp_path, monkeypatch):
    """5,000 annotations of two judges and two draws: 32 a prompt, so 157 prompts in one wave."""
    monkeypatch.syspath_prepend(str(BENCH))
    from tables_data import Size, made, prompts_and_clips

    size = Size(annotations=5_000, annotators=2, draws=2)
    (wave,) = sorted((made(tmp_path, size) / "annotate").iterdir())
    rows = list(read_rows(Annotation, parts(wave / "annotations")))
    prompts, clips = prompts_and_clips(size)
    assert (len(prompts), len(clips), len(rows)) == (157, 628, 5_024)
    keys = [key_of(row) for row in rows]
    assert keys == sorted(set(keys))
    assert {(r.video_id, r.prompt_id, r.generator) for r in rows} == {
        (c.video_id, c.prompt_id, c.generator) for c in clips
    }
    assert all(len(r.rationale or "") == 200 and len(r.reply_key or "") == 64 for r in rows)


@pytest.mark.slow
def test_ours_and_pyarrow_make_the_same_pairs(tmp_path):
    done = subprocess.run(
        [
            *(sys.executable, str(BENCH / "tables.py"), "--annotations", "1600"),
            *("--only", "ours,pyarrow", "--data", str(tmp_path), "--json", str(tmp_path / "j")),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, done.stderr
    ours, theirs = json.loads((tmp_path / "j").read_text())["results"]
    # 200 prompts of 4 clips: 24 scores and 18 pairs each
    assert (ours["scores"], ours["preferences"]) == (4_800, 3_600)
    assert theirs["answer"] == "the same"
