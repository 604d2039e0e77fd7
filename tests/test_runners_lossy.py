"""An engine that loses elements without an error, in each of the pipelines: the books find out."""

import json
import re
from pathlib import Path

import pytest
from engine_run import KEY, hashes, run, write
from judge_server import JudgeServer
from lossy_runner import LossyRunner

# a step that one pipeline alone has; every how many elements; the stages whose books may tell
LOSSES = {
    "collect": ("WriteVideos", 7, {"video", "frames"}),
    "annotate": ("WriteAnnotations", 7, {"annotate"}),
    "compare": ("WriteComparisons", 7, {"compare"}),
    "assemble": ("Shards", 1, {"scores", "preferences", "assemble"}),  # there is one shard
}


@pytest.mark.slow
def test_lost_elements_end_the_run_with_stage_and_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(KEY, "sk-test-0123456789")
    with JudgeServer() as server:
        config = write(tmp_path, server.base_url)
        for step, every, stages in LOSSES.values():  # each goes on where the one before was caught
            monkeypatch.setattr(LossyRunner, "loses", (step, every))
            monkeypatch.setattr(LossyRunner, "lost", 0)
            assert run(config, tmp_path / "out", "--runner=lossy_runner.LossyRunner") == 1
            assert LossyRunner.lost > 0
            _told(tmp_path / "out", capsys.readouterr().err, stages)
        bought = server.n_bills
        assert run(config, tmp_path / "out") == 0
        assert server.n_bills == bought  # what was lost on the way had been paid for, and was kept
        assert run(config, tmp_path / "whole") == 0
    assert hashes(tmp_path / "out") == hashes(tmp_path / "whole")


def _told(output: Path, said: str, stages: set[str]) -> None:
    """The stage, and keys that are missing, on the screen and in status.json; no run.json."""
    (stage,) = re.findall(r"books of stage (\w+) do not balance", said)
    assert stage in stages
    status = json.loads((output / "status.json").read_text())
    missing = status["books"][stage]["missing_keys"]
    assert status["state"] == "failed"
    assert missing
    assert all(key in said for key in missing)
    assert not (output / "run.json").exists()
