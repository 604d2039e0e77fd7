"""How fast a million annotations become scores, preferences and Parquet, and in how much memory.

    .venv/bin/python scripts/bench/tables.py                          # a million: five minutes
    .venv/bin/python scripts/bench/tables.py --annotations 20000      # does it run?
    .venv/bin/python scripts/bench/tables.py --annotators 3 --draws 3 --json out/tables.json

The annotations are made up, and lie as a run leaves them: wave by wave, with rationales and the keys of
paid replies. Ours is the stage `assemble` of a run as the default engine runs it (FnApiRunner, one worker,
child processes), books and publishing included. The others are the same tables written directly with a
library (`tables_peers.py`), without books and without a look at any row. Each is a process of its own.

wall s       from the plan in memory to the last table on disk
CPU s        of the process and all that it starts, with what it needs to start: what a machine with other
             work on it makes less of
peak MiB     of all its processes together, ten looks a second; shared pages count in each
ours is      the figure of ours divided by the peer's
answer       whether every pair has the same label, and the same margin to 1e-8

Polars is measured where it is installed (`pip install polars`); nothing of ours needs it.
"""

import argparse
import dataclasses
import importlib.util
import json
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table
from tables_data import Size, made
from tables_watch import watched

from schemas import SPLITS

HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[1] / ".bench"
PEERS = ("pyarrow", "polars")


def settings() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--annotations", type=int, default=1_000_000, help="(1,000,000)")
    add("--annotators", type=int, default=1, help="who judge every clip (1)")
    add("--draws", type=int, default=1, help="of each of them (1)")
    add("--only", default=",".join(("ours", *PEERS)), help="of ours, pyarrow, polars")
    add("--data", type=Path, default=CACHE / "tables", help="folder of the data (100 MB)")
    add("--json", type=Path, help="write all numbers to this file, too")
    given = parser.parse_args()
    given.only = given.only.split(",")
    for name in given.only:
        if name not in ("ours", *PEERS):
            parser.error(f"{name!r} is none of ours, {', '.join(PEERS)}")
    return given


def measured(name: str, data: Path, size: Size, out: Path) -> dict[str, Any]:
    """One contestant, in a process of its own."""
    told = json.dumps(dataclasses.asdict(size))
    script = ["tables_ours.py"] if name == "ours" else ["tables_peers.py", name]
    # ours spreads work over processes, as a run does; the others over threads of their own
    threads = {"OMP_NUM_THREADS": "1"} if name == "ours" else {}
    seen = watched(
        [sys.executable, str(HERE / script[0]), *script[1:], str(data), str(out), told],
        PYTHONPATH=os.pathsep.join([str(HERE.parents[1]), str(HERE)]),
        **threads,
    )
    said = json.loads(seen.output)
    return {
        "name": name,
        "wall_s": said["seconds"],
        "cpu_s": seen.cpu_s,
        "peak_mib": seen.peak_bytes / 2**20,
        **said["rows"],
    }


def pairs_in(out: Path) -> pa.Table:
    """Split, label and margin of every pair, by pair_id."""
    tables = [
        pq.read_table(file, columns=["pair_id", "label", "margin"])
        .replace_schema_metadata()
        .append_column("split", pa.repeat(split, pq.read_metadata(file).num_rows))
        for split in SPLITS
        for file in sorted((out / "tables" / "preferences" / split).glob("*.parquet"))
    ]
    text, number = pa.string(), pa.float64()
    schema = pa.schema({"pair_id": text, "label": text, "margin": number, "split": text})
    return pa.concat_tables(table.cast(schema) for table in tables).sort_by("pair_id")


def same(ours: Path, theirs: Path) -> bool:
    """Whether two folders hold the same preferences."""
    one, other = pairs_in(ours), pairs_in(theirs)
    if not one.drop_columns("margin").equals(other.drop_columns("margin")):
        return False
    apart = pc.max(pc.abs(pc.subtract(one["margin"], other["margin"])))
    return bool(apart.as_py() < 1e-8)


def shown(results: list[dict[str, Any]]) -> Table:
    """All numbers, and ours beside theirs."""
    table = Table()
    for name in ("", "wall s", "CPU s", "peak MiB", "scores", "preferences", "ours is", "answer"):
        table.add_column(name, justify="left" if name in ("", "ours is") else "right")
    ours = next((one for one in results if one["name"] == "ours"), None)
    for one in results:
        beside = ""
        if ours is not None and one is not ours:
            wall, cpu = ours["wall_s"] / one["wall_s"], ours["cpu_s"] / one["cpu_s"]
            memory = ours["peak_mib"] / one["peak_mib"]
            beside = f"{wall:.1f} of its wall, {cpu:.1f} of its CPU, {memory:.2f} of its memory"
        figures = (f"{one[name]:,.1f}" for name in ("wall_s", "cpu_s"))
        counts = (f"{one[name]:,.0f}" for name in ("peak_mib", "scores", "preferences"))
        table.add_row(one["name"], *figures, *counts, beside, one.get("answer", ""))
    return table


def main() -> None:
    """Measure everything and print it."""
    given, console = settings(), Console(width=150)
    size = Size(annotations=given.annotations, annotators=given.annotators, draws=given.draws)
    given.data.mkdir(parents=True, exist_ok=True)
    if given.data.is_relative_to(CACHE):
        (CACHE / ".gitignore").write_text("*\n")
    data = made(given.data / str(size), size)
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    console.print(f"{cores} cores, load {load:.1f} before the start; {platform.python_version()}")
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(dir=given.data) as folder:
        for name in given.only:
            if name in PEERS and importlib.util.find_spec(name) is None:
                console.print(f"{name}: not installed, left out")
                continue
            out = Path(folder) / name
            one = measured(name, data, size, out)
            if name != "ours" and (Path(folder) / "ours").is_dir():
                one["answer"] = "the same" if same(Path(folder) / "ours", out) else "ANOTHER"
                shutil.rmtree(out)
            results.append(one)
    console.print(shown(results))
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        content = {"cores": cores, "load_1min": load, "size": dataclasses.asdict(size)}
        given.json.write_text(json.dumps({**content, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
