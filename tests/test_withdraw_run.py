"""Whole runs from which a clip is taken back: the same command goes on without it and buys nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from judge_server import JudgeServer
from test_protocols import config, run
from withdraw_folder import everything

from pipeline.__main__ import main
from pipeline.dataset.parquet import parts
from pipeline.dataset.withdrawn import NAME, PENDING, withdrawn
from schemas import SPLITS
from schemas.layout import PUBLISHED, Layout

pytestmark = pytest.mark.slow
PROTOCOLS = ["pointwise", "pairwise", "listwise", {"kind": "tie_band", "band": 1.0}]


@pytest.fixture(autouse=True)
def a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TEST_KEY", "sk-test-0123456789")


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    with JudgeServer() as running:
        yield running


def rows_of(root: Path) -> dict[str, list[str]]:
    layout = Layout(root)
    folders = {name: layout.table(name) for name in PUBLISHED}
    folders |= {split: layout.table("preferences", split) for split in SPLITS}
    return {
        name: sorted(
            json.dumps(row, default=repr, sort_keys=True)
            for file in parts(folder)
            for row in pq.read_table(file, partitioning=None).to_pylist()
        )
        for name, folder in folders.items()
    }


def clip_of(root: Path) -> dict[str, Any]:
    (row, *_) = pq.read_table(parts(Layout(root).table("videos"))[0]).to_pylist()
    return row


def names_of(root: Path, clip: dict[str, Any]) -> list[bytes]:
    """Id, content, pictures and replies of a clip whose pictures no other has."""
    (frames,) = (
        row
        for row in pq.read_table(parts(Layout(root).table("frames"))[0]).to_pylist()
        if row["video_id"] == clip["video_id"]
    )
    names = {clip["video_id"], clip["sha256"], *frames["jpeg_sha256"], frames["montage_sha256"]}
    for table in ("annotations", "comparisons"):
        for row in pq.read_table(parts(Layout(root).table(table))[0]).to_pylist():
            if clip["video_id"] in (row.get("video_id"), *(row.get("video_ids") or ())):
                names |= {row["reply_key"], row["rationale"]}
    return [str(name).encode() for name in names if name and len(str(name)) > 12]


def left(root: Path, names: list[bytes]) -> set[str]:
    return {
        path
        for path, data in everything(root).items()
        if any(n in data for n in names if not data.count(b"rationale") or len(n) in (16, 64))
    }


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=str)
def test_the_same_command_goes_on_without_the_clip(tmp_path, server, protocol) -> None:
    tree = config(server, protocol, frames={"count": 3, "montage": 2})
    assert run(tmp_path, tree) == 0
    root = tmp_path / "out"
    clip = clip_of(root)
    names = [name for name in names_of(root, clip) if len(name) in (16, 64)]
    assert main(["withdraw", str(root), clip["video_id"]]) == 0
    assert left(root, names) == {NAME}
    rows, bills = rows_of(root), server.n_bills
    record = json.loads((root / "run.json").read_text())
    assert run(tmp_path, tree) == 0
    assert server.n_bills == bills
    assert rows_of(root) == rows
    assert left(root, names) == {NAME}
    again = json.loads((root / "run.json").read_text())
    for name in ("books", "tables", "failures", "withdrawn", "config"):
        assert again[name] == record[name], name


def test_a_rebuild_reads_no_withdrawn_clip_and_buys_nothing(tmp_path, server) -> None:
    """Everything is collected anew, from sources that still name the clip."""
    tree = config(server, "pointwise")
    assert run(tmp_path, tree) == 0
    root = tmp_path / "out"
    clip = clip_of(root)
    names = [name for name in names_of(root, clip) if len(name) in (16, 64)]
    assert main(["withdraw", str(root), clip["sha256"]]) == 0
    bills = server.n_bills
    assert run(tmp_path, {**tree, "wave_size": 3}, "--rebuild") == 0
    assert server.n_bills == bills
    assert left(root, names) == {NAME}
    assert len(rows_of(root)["videos"]) == 5


def test_killed_at_any_moment_it_ends_the_next_time(tmp_path, server) -> None:
    """Six kills, each a little later than the last; the folder ends as if there had been none."""
    tree = config(server, "pairwise")
    assert run(tmp_path, tree) == 0
    root = tmp_path / "out"
    clip = clip_of(root)
    names = [name for name in names_of(root, clip) if len(name) in (16, 64)]
    kills = 0
    for wait in (0.2, 0.6, 1.0, 1.5, 2.0, 2.5):
        command = [sys.executable, "-m", "pipeline", "withdraw", str(root), clip["video_id"]]
        process = subprocess.Popen(command, start_new_session=True)
        begun = time.monotonic()
        while (
            process.poll() is None and not withdrawn(Layout(root)) and time.monotonic() < begun + 60
        ):
            time.sleep(0.01)
        time.sleep(wait)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1
    assert main(["withdraw", str(root), clip["video_id"]]) == 0
    assert kills
    assert left(root, names) == {NAME}
    assert (root / "run.json").is_file()
    assert not (root / "work" / PENDING).exists()
    rows, bills = rows_of(root), server.n_bills
    assert run(tmp_path, tree) == 0
    assert (server.n_bills, rows_of(root)) == (bills, rows)
