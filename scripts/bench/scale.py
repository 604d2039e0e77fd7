"""What a run costs by itself: time, processor time, memory and shuffled bytes, by the number of clips.

    .venv/bin/python scripts/bench/scale.py                              # all: three quarters of an hour
    .venv/bin/python scripts/bench/scale.py --sizes 1000,10000 --rounds 1 --no-pair
    .venv/bin/python scripts/bench/scale.py --sizes 1000 --wave 200 --json out/scale.json

An item is a clip that is judged once on two dimensions, which makes two rows of annotations. Everything is
a run's own: plan, collect in waves, checks, annotate, assemble, books, tables, card and report. Three
functions do nothing (`scale_stubs.py`): reading a clip, decoding it, judging it; the frames of all clips are
the same eight small pictures. So what is measured is what the project adds to the work itself.

CPU ms/item    of all processes, from the plan to the last table; the start of Python (4 s) and the report
               apart. A row of annotations is half an item
report         card, judges.json and the pages, ms/item
peak MiB       of the process that was started, and of all together (pages that several share count in each)
shuffled       encoded bytes that go into GroupByKey and Reshuffle, per item; what Dataflow bills twice, once
               written and once read. `listed`: what is handed on without a key (Create)
tables         bytes of Parquet on disk per item, pictures apart
files          below the output folder

Time is linear where an item of the largest size costs at most 1.1 of one of the size before, memory is
flat where it needs no more than waves do: the MiB that each further 10,000 items add are printed.

Two processes are held against two runs on half the clips each, side by side, in the same round: 1 is what
can be reached. With `--decode-ms` of work per clip, which is what a decoder takes: without any there is
nothing to share. The ratio of processor times says the same on a machine that is busy with other things.
"""

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from scale_table import CLOSE, Run, pair_table, ratios, table
from scale_watch import run_all

HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[1] / ".bench"
TWO = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]


def settings() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--sizes", default="1000,10000,100000", help="numbers of clips (1000,10000,100000)")
    add("--rounds", type=int, default=1, help="every size once in each; medians are given (1)")
    add("--wave", type=int, help="clips in a wave (what a run takes by default)")
    add("--no-report", action="store_true", help="leave card and report out")
    add("--no-pair", action="store_true", help="leave two processes out")
    add("--pair-items", type=int, default=4_000, help="clips for two processes (4000)")
    add("--decode-ms", type=float, default=30.0, help="work per clip there (30)")
    add("--profile", type=Path, help="folder for a cProfile of each run's first process")
    add("--folder", type=Path, default=CACHE / "scale", help="for what the runs write")
    add("--json", type=Path, help="write all numbers to this file, too")
    given = parser.parse_args()
    given.sizes = [int(size) for size in given.sizes.split(",")]
    if given.rounds < 1 or min(given.sizes) < 1:
        parser.error("--rounds, --sizes: numbers of at least 1")
    return given


class Bench:
    """Runs, each in a folder that is gone when it has been measured."""

    def __init__(self, given: argparse.Namespace, folder: Path) -> None:
        self._given, self._folder, self._n = given, folder, 0

    def at_once(self, *runs: list[str]) -> list[Run]:
        """Runs with these arguments, side by side."""
        folders = [self._next() for _ in runs]
        commands = [
            [sys.executable, str(HERE / "scale_run.py"), "--out", str(out), *self._shared(), *more]
            for out, more in zip(folders, runs, strict=True)
        ]
        seen = run_all(
            commands,
            PYTHONPATH=os.pathsep.join([str(HERE.parents[1]), str(HERE)]),
            OMP_NUM_THREADS="1",
        )
        for out in folders:
            shutil.rmtree(out)
            shutil.rmtree(out.with_name(out.name + "-manifest"))
        return [Run(watched=one, said=json.loads(one.output.splitlines()[-1])) for one in seen]

    def one(self, items: int) -> Run:
        """A run of that many clips, as a run is by default."""
        more = [] if self._given.no_report else ["--report"]
        if self._given.profile:
            self._given.profile.mkdir(parents=True, exist_ok=True)
            more += ["--profile", str(self._given.profile / f"{items}.prof")]
        return self.at_once(["--items", str(items), *more])[0]

    def pair(self) -> dict[str, list[Run]]:
        """The same work by two runs, by two workers of Beam, by two children of one."""
        n, decode = self._given.pair_items, ["--decode-ms", str(self._given.decode_ms)]
        half, whole = ["--items", str(n // 2), *decode], ["--items", str(n // 2 * 2), *decode]
        alone = ["--processes", "1"]
        return {
            "two runs on half each": self.at_once([*half, *alone], [*half, *alone, "--seed", "1"]),
            "two workers of Beam": self.at_once([*whole, *alone, *TWO]),
            "two child processes": self.at_once([*whole, "--processes", "2"]),
        }

    def _shared(self) -> list[str]:
        return ["--wave", str(self._given.wave)] if self._given.wave else []

    def _next(self) -> Path:
        self._n += 1
        return self._folder / f"run-{self._n}"


def main() -> None:
    """Measure everything and print it."""
    given, console = settings(), Console(width=150)
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.folder.is_relative_to(CACHE):
        (CACHE / ".gitignore").write_text("*\n")
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    console.print(f"{cores} cores, load {load:.1f} before the start; {platform.python_version()}")
    sizes: dict[int, list[Run]] = {size: [] for size in given.sizes}
    pairs: list[dict[str, list[Run]]] = []
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        bench = Bench(given, Path(folder))
        for _ in range(given.rounds):
            for size in given.sizes:
                sizes[size].append(bench.one(size))
            if not given.no_pair:
                pairs.append(bench.pair())
    console.print(table(sizes))
    for line in ratios(sizes):
        console.print(line)
    if pairs:
        console.print(pair_table(pairs, given.pair_items, given.decode_ms))
        console.print(CLOSE)
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        content: dict[str, Any] = {
            "cores": cores,
            "load_1min": load,
            "sizes": {size: [one.numbers() for one in runs] for size, runs in sizes.items()},
            "pairs": [
                {name: [one.numbers() for one in runs] for name, runs in pair.items()}
                for pair in pairs
            ],
        }
        given.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
