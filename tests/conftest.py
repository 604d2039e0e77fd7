"""Fixtures shared by every test file."""

import multiprocessing
import os
from multiprocessing import forkserver
from pathlib import Path

import pytest
from hypothesis import settings

# No clock in a test, and the same examples in every run.
settings.register_profile("videoprefer", deadline=None, derandomize=True)
settings.load_profile("videoprefer")

# What the children of a run import, all of it light: no Beam, no torch.
CHILDREN_IMPORT = [
    "pipeline.generators.lanes",
    "pipeline.generators.simulated",
    "pipeline.media.ingest",
    "pipeline.media.browsers.encode",
    "pipeline.media.guard",
    "pipeline.preference.shards",
    "pipeline.preview.collect",
]
# What a run imports that is started to be killed (``started``): the slow tests start a hundred.
RUNS_IMPORT = ["pipeline.command", "pipeline.job", "annotators.chat.annotator"]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where only slow tests are wanted, files that hold none are not worth their imports."""
    if config.option.markexpr != "slow" or collection_path.suffix != ".py":
        return None
    return True if "mark.slow" not in collection_path.read_text(encoding="utf-8") else None


@pytest.fixture(scope="session", autouse=True)
def children_start_at_once(pytestconfig: pytest.Config) -> None:
    """Children are forked from a process that has imported what they need: of every run in a test, the
    imports of each of its children were more than half."""
    runs = RUNS_IMPORT if pytestconfig.option.markexpr == "slow" else []
    multiprocessing.set_forkserver_preload([*CHILDREN_IMPORT, *runs])
    forkserver.ensure_running()


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder of real clips and ratings, named by VIDEOPREFER_TEST_DATA; skips where it is unset."""
    folder = os.environ.get("VIDEOPREFER_TEST_DATA")
    if not folder:
        pytest.skip("VIDEOPREFER_TEST_DATA is not set")
    path = Path(folder)
    if not path.is_dir():
        pytest.fail(f"VIDEOPREFER_TEST_DATA={folder} is not a folder")
    return path
