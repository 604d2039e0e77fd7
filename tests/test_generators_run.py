"""Whole runs that have clips made by a server: what is paid, what is taken up again, what is said."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from report_run import clip_bytes
from video_server import Job, VideoServer

from pipeline import __main__ as cli

PRICE = {"usd_per_second": 0.1, "failed_billed": True}  # 0.40 USD for four seconds


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[VideoServer]:
    """Its clips can be decoded."""
    monkeypatch.setattr(Job, "content", property(lambda job: clip_bytes(int(job.id[-4:]))))
    monkeypatch.setenv("A_KEY", "sk-live-51c0ffee")
    with VideoServer() as server:
        yield server


def write(folder: Path, server: VideoServer, prompts: list[str], **generator: Any) -> str:
    (folder / "prompts.txt").write_text("\n".join(prompts) + "\n")
    block = {
        "kind": "openai-video", "name": "wan", "model": "wan-2", "base_url": server.base_url,
        "api_key_env": "A_KEY", "price": PRICE, "poll_s": 0.01, "concurrency": 1,
    }  # fmt: skip
    tree = {
        "sources": [{"kind": "prompts", "path": "prompts.txt"}],
        "generators": {"clips_per_prompt": 1, "pool": [block | generator]},
        "annotators": [{"kind": "signal"}],
        "concurrency": {"processes": 1},
    }
    (folder / "mine.yaml").write_text(yaml.safe_dump(tree))
    return str(folder / "mine.yaml")


def run(config: str, out: Path, *options: str) -> int:
    return cli.main(["run", "--config", config, "--output", str(out), *options])


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """Everything since the last time, without line breaks."""
    return " ".join("".join(capsys.readouterr()).split())


def money(out: Path) -> tuple[Any, Any, Any]:
    """What this run spent, in USD and requests, and what all runs on the folder asked for."""
    spend = json.loads((out / "status.json").read_text())["spend"]
    return spend["usd"], spend["requests"], spend["all_runs"]["requests"]


def test_a_retry_buys_what_it_names_and_nothing_else(server: VideoServer, tmp_path: Path) -> None:
    """One job is well, one is failed and billed, one takes too long: only the reason that is named is
    taken up, and the job that took too long is not paid again."""
    prompts = ["a kite", "a broken kite", "an endless kite"]
    config, out = write(tmp_path, server, prompts, timeout_s=0.3), tmp_path / "out"
    assert run(config, out) == 0
    assert (len(server.jobs), money(out)) == (3, (1.2, 3, 3))
    assert cli.main(["retry", str(out), "--reason", "timeout"]) == 0
    assert len(server.jobs) == 3
    assert json.loads((out / "status.json").read_text())["failures"]["video"] == {
        "generation": 1, "timeout": 1,
    }  # fmt: skip
    assert cli.main(["retry", str(out), "--reason", "generation"]) == 0
    assert server.prompts() == {"a kite": 1, "a broken kite": 2, "an endless kite": 1}
    assert "Of it, 1.6000 USD on 4 requests for clips." in (out / "README.md").read_text()


def test_jobs_of_a_free_server_are_requests_everywhere(
    server: VideoServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A cap on requests holds for them, so the estimate and the run's own account show them."""
    config = write(tmp_path, server, ["a kite", "a dog", "a cat"], price={"usd_per_clip": 0})
    out = tmp_path / "out"
    assert run(config, out, "--set", "budget.requests=2", "--estimate") == 0
    assert "budget.requests is 2, and the run may need up to 3" in said(capsys)
    assert run(config, out, "--set", "budget.requests=2") == 3
    assert money(out) == (0.0, 2, 2)
    assert run(config, out) == 0
    assert money(out) == (0.0, 1, 3)


def test_a_preview_tells_what_its_clips_cost(
    server: VideoServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, out = write(tmp_path, server, ["a kite", "a dog", "a cat"]), tmp_path / "out"
    look = ["preview", "--config", config, "--output", str(out), "--items", "2"]
    assert cli.main([*look, "--unsent"]) == 0
    assert not server.jobs
    assert cli.main(look) == 0
    assert "generator wan, paid now: 2 requests, $0.8000" in said(capsys)
    assert cli.main(look) == 0
    assert "generator wan, paid now: 0 requests" in said(capsys)
    assert run(config, out) == 0  # buys the third alone
    assert money(out) == (0.4, 1, 3)


def test_an_estimate_counts_no_clip_that_was_made(
    server: VideoServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two of three are bought when the cap stops the run; other frames of the same clips, and other
    runs on the same store, ask for the third alone."""
    config = write(tmp_path, server, ["a kite", "a dog", "a cat"])
    shared = ["--set", f"generators.store={tmp_path / 'store'}"]
    assert run(config, tmp_path / "out", *shared, "--set", "budget.usd=0.8") == 3
    said(capsys)
    for out, more in (("out", []), ("out", ["--set", "frames.count=4"]), ("other", [])):
        assert run(config, tmp_path / out, *shared, *more, "--estimate") == 0
        assert "clips 1 (2 more are there) cost $0.4000 at most" in said(capsys)


def test_an_account_that_refuses_clips_stops_the_preview(
    server: VideoServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.script["create"] = ["unauthorized"] * 9
    config = write(tmp_path, server, ["a kite"])
    assert cli.main(["preview", "--config", config, "--output", str(tmp_path / "out")]) == 3
    assert "Incorrect API key" in said(capsys).split("stopped:")[1]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("w" * 191, "signal"), "201 bytes; at most 200"),
        (("wan", "s" * 201), "201 bytes; at most 200"),
        (("wan", "generator wan"), "is that of a generator's account"),
    ],
)
def test_names_that_have_no_account_are_refused(
    server: VideoServer, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    names: tuple[str, str], words: str,
) -> None:  # fmt: skip
    config = write(tmp_path, server, ["a kite"], name=names[0])
    assert run(config, tmp_path / "out", "--set", f"annotators.0.name={names[1]}") == 2
    assert words in said(capsys)
