"""The bench of scale: its sums, worked by hand, and that a watched process is seen."""

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts" / "bench"))

from scale_table import MIB, Run, ratios
from scale_watch import Look, Watched, run_all


def look(at: float, main: float, every: float, mib: int) -> Look:
    return Look(
        at=at,
        main_cpu_s=main,
        all_cpu_s=every,
        main_bytes=mib * MIB,
        all_bytes=2 * mib * MIB,
        private_bytes=0,
    )


def run(items: int, cpu_s: float, mib: int) -> Run:
    """Starts for 2 s of CPU, works for ``cpu_s``, of which its children do a quarter, reports for 3 s."""
    looks = [
        look(0, 0, 0, 10),
        look(10, 2, 2, 100),
        look(30, 2 + 0.75 * cpu_s, 2 + cpu_s, mib),
        look(40, 5 + 0.75 * cpu_s, 5 + cpu_s, 2 * mib),
    ]
    said: dict[str, Any] = {
        "items": items,
        "phases": [["plan", 10, 12], ["assemble", 20, 30], ["finish", 30, 40]],
        "rows": {"annotations": 2 * items, "comparisons": 0},
        "shuffled": 4_000 * items,
        "listed": 0,
        "table_bytes": 0,
        "own_maxrss_bytes": 0,
        "waves": 1,
        "files": 1,
    }
    return Run(watched=Watched(output="", wall_s=40, looks=looks), said=said)


def test_start_and_report_are_no_part_of_an_item() -> None:
    told = run(1_000, 2.0, 300).numbers()
    assert told["ms_per_item"] == pytest.approx(2.0)  # 2 s of 1,000
    assert told["ms_per_row"] == pytest.approx(1.0)
    assert told["children_cpu_s"] == pytest.approx(0.5)
    assert told["start_cpu_s"] == pytest.approx(2.0)
    assert told["report_ms_per_item"] == pytest.approx(3.0)
    assert told["items_per_s"] == pytest.approx(50)  # 20 s from the plan to the last table
    assert (told["peak_mib"], told["report_peak_mib"]) == (300, 600)
    assert told["shuffled_bytes_per_item"] == 4_000


def test_each_size_is_held_against_the_one_before() -> None:
    # 2 ms and 2.1 ms an item; 90,000 more items take 180 MiB more, which is 20 for each 10,000
    sizes = {10_000: [run(10_000, 20.0, 400)], 100_000: [run(100_000, 210.0, 580)]}
    grown, least = ratios(sizes)
    assert "an item costs 1.05 of what it did" in grown
    assert "every 10,000 more take 20.0 MiB" in grown
    assert least.startswith("an item of 100,000 costs 2.10 ms")


def test_a_command_and_its_child_are_seen() -> None:
    busy = "import time\nend = time.process_time() + 0.4\nwhile time.process_time() < end: pass\n"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}]); print('so')"
    (seen,) = run_all([[sys.executable, "-c", child]])
    assert seen.output == "so\n"
    # a tenth of a second between two looks may be missing
    assert 0.2 < seen.children_cpu_s(0, float("inf")) < 2.0
    assert seen.peak("all_bytes") > seen.peak("main_bytes") > MIB


def test_a_command_that_fails_says_why() -> None:
    with pytest.raises(RuntimeError, match="no such colour"):
        run_all([[sys.executable, "-c", "raise ValueError('no such colour')"]])
