"""A batch run that is killed at any moment goes on, loses nothing and buys nothing twice."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from batch_run import place_in, questions_in, spec_for
from batch_server import BatchServer

from schemas import Annotation

DRIVER = Path(__file__).with_name("batch_run.py")
COST = (770 * 1.0 + 40 * 5.0) / 1e6  # two frames: 600 + 2 * 85 tokens in, 40 out


def kill_and_resume(folder: Path, *, step: int) -> None:
    with BatchServer() as server:
        done = subprocess.run(
            [sys.executable, str(DRIVER), str(folder), server.base_url, str(step)],
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        n_runs = int(done.stdout) // step  # the last of them was not killed any more
        # three questions a run, each about a clip of its own
        assert Counter(server.bills.values()) == {1: 3 * n_runs}
    moments = range(0, n_runs * step, step)
    assert len(moments) > 70 // step
    for at in moments:
        place = place_in(folder / f"k{at}")
        judge = spec_for("http://127.0.0.1:1/v1").open(place)
        asked = questions_in(place, 3, f"k{at}-")
        rows = [judge.submit(one).result()[0] for one in asked]
        judge.close()
        assert all(isinstance(row, Annotation) for row in rows)
        spent = place.ledger.totals()["judge"]
        assert spent.reserved_requests == 0
        # a kill between trying whether a request fits and taking that back counts it as lost: too
        # much by at most one shard of two, never too little
        assert spent.requests - spent.lost_requests == 3
        assert spent.usd - spent.lost_usd == pytest.approx(3 * COST)
        assert spent.lost_requests <= 2


def test_killed_at_some_moments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    kill_and_resume(tmp_path, step=13)


@pytest.mark.slow
def test_killed_at_every_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    kill_and_resume(tmp_path, step=1)
