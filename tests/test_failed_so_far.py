"""Failures of waves, counted once and again only where a wave was done anew."""

from pathlib import Path

import pytest

from pipeline import failed_so_far
from pipeline.dataset.parquet import write_rows
from pipeline.failed_so_far import FailedSoFar
from pipeline.state import fresh
from schemas import Failure, Reason


def wave(folder: Path, *reasons: Reason) -> Path:
    """A wave's folder with failures of these reasons, in the place of an earlier one."""
    rows = [
        Failure(stage="annotate", key=f"v{i}/d/j/0", reason=reason, message="so")
        for i, reason in enumerate(reasons)
    ]
    write_rows(Failure, rows, fresh(folder) / "part-00000.parquet")
    return folder


def test_waves_are_counted_together_and_a_wave_that_is_done_anew_counts_anew(tmp_path):
    folders = [tmp_path / "0", tmp_path / "1", tmp_path / "none"]
    wave(folders[0], Reason.REFUSAL, Reason.REFUSAL)
    wave(folders[1], Reason.REFUSAL, Reason.TIMEOUT)
    so_far = FailedSoFar()
    assert so_far.counted(folders) == {"annotate": {"refusal": 3, "timeout": 1}}
    wave(folders[0], Reason.TIMEOUT)
    assert so_far.counted(folders) == {"annotate": {"refusal": 1, "timeout": 2}}
    wave(folders[2], Reason.TRUNCATED)
    told = {"annotate": {"refusal": 1, "timeout": 2, "truncated": 1}}
    assert so_far.counted(folders) == told


def test_no_file_is_read_twice(tmp_path, monkeypatch: pytest.MonkeyPatch):
    folders = [wave(tmp_path / name, Reason.REFUSAL) for name in "ab"]
    read: list[Path] = []
    really = failed_so_far.parts
    monkeypatch.setattr(failed_so_far, "parts", lambda f: read.append(f) or really(f))
    so_far = FailedSoFar()
    for _ in range(3):
        assert so_far.counted(folders) == {"annotate": {"refusal": 2}}
    assert read == folders
    wave(folders[1])
    assert so_far.counted(folders) == {"annotate": {"refusal": 1}}
    assert read == [*folders, folders[1]]
