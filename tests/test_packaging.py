"""What pip installs is the whole program: rubrics, recipes and page assets travel with the code."""

import os
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def test_each_of_our_names_has_one_owner():
    owners = metadata.packages_distributions()
    for name in ("schemas", "prompts", "annotators", "pipeline"):
        assert set(owners.get(name, ["videoprefer"])) == {"videoprefer"}, name


@pytest.mark.slow
def test_the_wheel_holds_every_file_and_runs_elsewhere(tmp_path):
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    for name in tracked:  # a copy: building leaves files behind
        copy = tmp_path / "source" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, copy)
    subprocess.run(
        [
            sys.executable,
            "-m",
            "build",
            "--wheel",
            "--outdir",
            str(tmp_path),
            str(tmp_path / "source"),
        ],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
        archive.extractall(tmp_path / "installed")
    ours = ("schemas/", "prompts/", "annotators/", "pipeline/")
    assert [name for name in tracked if name.startswith(ours) and name not in held] == []
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pipeline.run",
            "--config",
            "demo",
            "--output",
            "out",
            "--set",
            "sources.0.prompts=2",
            "--set",
            "videorm=null",
            "--set",
            "audit.resamples=100",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "installed")},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "out" / "report" / "index.html").is_file()


def command(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_the_demo_of_a_sample_ends_with_a_model_and_a_second_run_keeps_it(tmp_path):
    demo = ("pipeline.run", "--config", "demo", "--output", str(tmp_path))
    small = ("--set", "sources.0.prompts=40", "--set", "videorm.training.epochs=1")
    model = tmp_path / "videorm"
    command(*demo, *small)
    assert all((model / name).is_file() for name in ("config.json", "metrics.json"))
    trained = (model / "model.safetensors").stat().st_mtime_ns
    command(*demo, *small)
    assert (model / "model.safetensors").stat().st_mtime_ns == trained
    clips = map(str, sorted(tmp_path.glob("media/*/*.mp4"))[:2])
    prompt = "a small red circle moving left on a black background"
    scored = command("pipeline", "score", "--model", str(model), "--prompt", prompt, *clips)
    assert len(scored.splitlines()) == 2
