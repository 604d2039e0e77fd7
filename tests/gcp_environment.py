"""The environment that has Google's packages, for tests that send jobs to Dataflow's emulation."""

import os
from pathlib import Path

import pytest

PYTHON = Path(__file__).resolve().parents[1] / ".venv-gcp" / "bin" / "python"


@pytest.fixture(scope="session")
def gcp_python() -> Path:
    """Its interpreter; skips where it was not made, fails where VIDEOPREFER_REQUIRE_GCP is set."""
    if not PYTHON.exists():
        said = "no .venv-gcp; `bash scripts/setup_gcp.sh` makes it"
        if os.environ.get("VIDEOPREFER_REQUIRE_GCP"):
            pytest.fail(said)
        pytest.skip(said)
    return PYTHON
