"""The commands beside `run`: help with an example each, and what they do on small tables."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import __main__ as cli
from pipeline import config

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("verb", cli.VERBS)
def test_help_shows_a_runnable_example(verb, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([verb, "--help"])
    assert stop.value.code == 0
    said = capsys.readouterr().out
    assert "example:" in said
    example = said.split("example:")[1]
    assert verb in example or "pipeline.run" in example


def test_a_reader_who_has_enough_is_no_fault():
    """As with ``| head``: the pipe is closed before anything is written."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "pipeline", "export", "--format", "list"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_no_verb_lists_them_and_a_wrong_one_is_named(capsys):
    assert cli.main([]) == 2
    assert cli.main(["--help"]) == 0
    listed = capsys.readouterr().out
    assert all(verb in listed for verb in cli.VERBS)
    assert cli.main(["judge"]) == 2
    assert "no verb 'judge'" in capsys.readouterr().err


def test_the_readme_names_only_commands_that_exist():
    readme = (ROOT / "README.md").read_text()
    named = set(re.findall(r"videoprefer (\w+) --", readme))
    assert named
    assert named <= set(cli.VERBS)
    for option in re.findall(r"videoprefer run [^\n]*?(--\w+)", readme):
        assert option in ("--config", "--output", "--set", "--estimate", "--rebuild")


@pytest.mark.parametrize("name", config.recipe_names())
def test_every_recipe_is_valid(name):
    assert config.load_config(name).sources


def table(path: Path, rows: list[dict]) -> str:
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def test_audit_of_recorded_scores(tmp_path, capsys):
    # two prompts of two clips; the judge orders the first as both raters do, the second the other way
    scores = table(
        tmp_path / "scores.csv",
        [
            {"video_id": v, "prompt_id": p, "generator": "g", "annotator": "judge", "score": s}
            for v, p, s in (("a", "p", 5), ("b", "p", 1), ("c", "q", 1), ("d", "q", 5))
        ],
    )
    ratings = table(
        tmp_path / "ratings.csv",
        [
            {"video_id": v, "rater": r, "dimension": "video_quality", "score": s}
            for r in ("r1", "r2")
            for v, s in (("a", 4), ("b", 2), ("c", 4), ("d", 2))
        ],
    )
    code = cli.main(
        ["audit", "--annotations", scores, "--ratings", ratings, "--output", str(tmp_path / "out")]
    )
    assert code == 0, capsys.readouterr().err
    rows = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert (tmp_path / "out" / "report" / "audit.html").is_file()
    (accuracy,) = (
        r
        for r in rows
        if (r["annotator"], r["statistic"], r["slice"])
        == ("judge", "pair_accuracy_ties_half", "all")
    )
    assert accuracy["value"] == 0.5  # one pair right, one wrong
    assert accuracy["n_items"] == 2


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["report", "nowhere"], "nowhere"),
        (["evaluate", "--model", "nowhere", "--data", "nowhere"], "nowhere"),
        (["score", "--model", "nowhere", "--prompt", "p", "nowhere.mp4"], "nowhere.mp4"),
        (["train", "--data", "nowhere", "--output", "out", "--set", "epochs=none"], "epochs"),
        (["train", "--data", "nowhere", "--output", "out"], "nowhere"),
        (
            ["audit", "--annotations", "nowhere.csv", "--ratings", "r.csv", "--output", "o"],
            "nowhere.csv",
        ),
    ],
)
def test_what_is_missing_is_refused_by_name(argv, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(argv) == 2
    assert said in capsys.readouterr().err
