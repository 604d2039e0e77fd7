"""The benchmark of the statistics: every case runs, on small data and without peers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCH = Path(__file__).parents[1] / "scripts" / "bench"
CASES = (
    "alpha-2000", "alpha", "alpha-700k", "icc-60k", "icc-167k", "bradley-terry",
    "bradley-terry-counts", "davidson",
    "bradley-terry-2000", "kappa", "tau-within", "tau-2000",
)  # fmt: skip


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(BENCH / "audit.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "120"},
    )


def test_quick_runs_without_peers(tmp_path):
    chosen = "alpha-2000,bradley-terry"
    done = run(
        "--quick", "--rounds", 1, "--cases", chosen, "--data", tmp_path, "--json", tmp_path / "j"
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "j").read_text())["rows"]
    assert [(row["case"], row["contestant"]) for row in rows] == [
        ("alpha-2000", "ours"), ("bradley-terry", "ours"),
    ]  # fmt: skip
    assert all(row["best_s"] > 0 and row["why_not"] is None for row in rows)


def test_help_shows_an_example():
    done = run("--help")
    assert done.returncode == 0
    assert "scripts/bench/audit.py --quick" in done.stdout


def test_an_unknown_case_is_refused():
    done = run("--cases", "alpha,beta")
    assert done.returncode == 2
    assert "'beta' is none of alpha-2000" in done.stderr


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))


@pytest.mark.usefixtures("bench")
def test_every_case_has_an_answer():
    from audit_cases import CASES as cases
    from audit_ours import CALLS
    from audit_peers import PACKAGES

    assert tuple(cases) == tuple(CALLS) == CASES
    for case in cases.values():
        answer = CALLS[case.name](case.quick())()
        assert np.isfinite(answer).all()
        if case.compared == 1:
            value, low, high = answer
            assert low < value < high
        assert {peer.partition(":")[0] for peer in case.peers} <= {*PACKAGES}


@pytest.mark.usefixtures("bench")
def test_a_verdict_tells_the_fastest_and_who_says_otherwise():
    from audit_cases import CASES as cases
    from audit_rounds import Result
    from audit_table import rows, verdict

    ours = Result(name="ours", seconds=[0.2, 0.1], cpu_s=[0.1, 0.1], answer=[0.5])
    same = Result(name="evalica", seconds=[0.4, 0.45], cpu_s=[0.3, 0.4], answer=[0.5 + 1e-9])
    other = Result(name="krippendorff", seconds=[3.0], cpu_s=[3.0], answer=[0.6])
    absent = Result(name="choix", why_not="could not be installed")
    found = [ours, same, other, absent]
    assert verdict(cases["alpha"], found) == (
        "alpha: 0.1 s, 4.0 times as fast as evalica, 3.0 by processor time; goal 5 NOT MET; "
        "another number: krippendorff"
    )
    assert [row["over_ours"] for row in rows(cases["alpha"], found)] == pytest.approx(
        [1, 4, 30, None]
    )
    assert verdict(cases["alpha"], [ours, absent]) is None


@pytest.mark.usefixtures("bench")
def test_a_contestant_that_fails_is_told(tmp_path, monkeypatch):
    import audit_rounds
    from audit_cases import CASES as cases
    from audit_data import kept

    data = kept(tmp_path / "empty.npz", {"nothing": np.zeros(1)})
    (found,) = audit_rounds.compete(cases["alpha"], data, ["ours"], 2, tmp_path)
    assert "KeyError" in found.why_not
    assert not found.seconds
