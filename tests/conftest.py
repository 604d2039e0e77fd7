"""Fixtures shared by every test file."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# No clock in a test, and the same examples in every run.
settings.register_profile("videoprefer", deadline=None, derandomize=True)
settings.load_profile("videoprefer")


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
