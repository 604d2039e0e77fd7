"""Another package under one of our names is told in a sentence, before its import fails somewhere."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import owners

ROOT = Path(owners.__file__).resolve().parents[1]


def test_here_each_name_has_one_owner():
    assert owners.collisions() == []


@pytest.mark.parametrize("command", [("pipeline.run", "--help"), ("pipeline", "run", "--help")])
def test_a_folder_of_that_name_where_one_starts_is_refused(tmp_path, command):
    """`-m` puts the current folder first: `schemas` there is found before ours."""
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "__init__.py").touch()
    (tmp_path / "prompts").mkdir()  # without __init__.py, and so no package: ours is found
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}", "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"refused: Python finds 'schemas' at {tmp_path / 'schemas'}")


def test_a_module_in_the_place_of_a_package_is_found_too(tmp_path, monkeypatch):
    (tmp_path / "annotators.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "annotators", raising=False)
    (line,) = owners.shadows()
    assert str(tmp_path / "annotators.py") in line


def test_another_distribution_that_owns_a_name_is_named(tmp_path, monkeypatch):
    info = tmp_path / "templates_of_others-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: templates-of-others\nVersion: 2.0\n"
    )
    (info / "top_level.txt").write_text("prompts\nelsewhere\n")
    monkeypatch.syspath_prepend(tmp_path)
    (line,) = owners.collisions()
    assert line.startswith("'prompts' is also installed by templates-of-others 2.0")


def test_a_package_that_is_gone_is_told(monkeypatch):
    monkeypatch.setattr(owners, "NAMES", ("no_such_package_of_ours",))
    (line,) = owners.shadows()
    assert "is missing" in line
