"""The house keeps its walls: who may import whom, and what works without Beam or torch."""

import subprocess
import sys
from pathlib import Path

import pytest

BLOCK = """
import sys

class Block:
    def __init__(self, names):
        self.names = names

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.names:
            raise ModuleNotFoundError(f"{name} is not installed", name=name)
"""
ROOT = Path(__file__).resolve().parents[1]


def test_import_contracts_hold():
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize(
    ("module", "blocked"),
    [
        ("pipeline.audit.files", ("apache_beam", "torch")),
        ("pipeline.videorm.experiment", ("apache_beam",)),
        ("annotators", ("apache_beam", "torch", "openai")),
        ("pipeline.media.sample", ("apache_beam", "torch", "datasets")),
        ("pipeline.report.write", ("apache_beam", "torch")),
        ("pipeline.command", ("apache_beam", "torch")),
    ],
)
def test_a_room_works_where_a_heavy_package_is_not_installed(module, blocked):
    code = f"{BLOCK}\nsys.meta_path.insert(0, Block({blocked!r}))\nimport {module}"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
