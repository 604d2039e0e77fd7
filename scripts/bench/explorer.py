"""How fast the report's explorer is with many prompts, beside an empty page and one big page, in one run.

    .venv/bin/python scripts/bench/explorer.py --quick                       # 500 prompts, a minute
    .venv/bin/python scripts/bench/explorer.py --json out/explorer.json      # 10,000 prompts, ten minutes

A made-up run (4 clips a prompt, 2 judges, one of them with two draws, 3 raters, failures) is drawn by the
project's own code, and opened in headless Chromium from disk and from Python's static host on the
loopback, with nothing in the cache. The browser takes the times itself.

first paint          as the browser reports it, from the start of the navigation; likewise contentful
the list stands      the live status has a number, and the frame that shows it was painted
a word, a range ..   from an event (of the address, or of typing) until the frame with the filtered list
                     was painted; pages wait for frames, so that an empty page needs some ms for nothing
heap                 used JavaScript memory after a collection, MiB
of the goal          1 s to the first paint, 100 ms to a filtered list
of an empty page     the floor in the same browser
of one big page      all prompts as static HTML, a <details> each, hidden by a search box; made of fewer
                     (--big), its times (but the paints) multiplied by what is missing
says                 the live status: how many match
"""

import argparse
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

from explorer_browser import chromium, served
from explorer_data import made, world_of
from explorer_peers import empty_page, giant_page
from explorer_rounds import Shown, bytes_of, rounds_of, rows
from explorer_table import table, verdicts
from rich.console import Console
from tables_watch import watched

HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[1] / ".bench"


def settings() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--prompts", type=int, help="in the run (10000; with --quick 500)")
    add("--rounds", type=int, help="of every page (7; with --quick 2)")
    add("--big", type=int, help="prompts of the big page (2000, at most --prompts)")
    add("--quick", action="store_true", help="few prompts and rounds: does it run?")
    add("--data", type=Path, default=CACHE / "explorer", help="folder of the run (300 MB)")
    add("--json", type=Path, help="write all numbers to this file, too")
    given = parser.parse_args()
    given.prompts = given.prompts or (500 if given.quick else 10_000)
    given.rounds = given.rounds or (2 if given.quick else 7)
    given.big = min(given.big or 2000, given.prompts)
    return given


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "load_1min": os.getloadavg()[0],
    }


def draw(folder: Path, prompts: int) -> dict[str, float]:
    """The report drawn in a process of its own: seconds, processor seconds, peak memory, bytes."""
    seen = watched(
        [sys.executable, str(HERE / "explorer_draw.py"), str(folder)],
        PYTHONPATH=str(HERE.parents[1]),
        OMP_NUM_THREADS="1",
    )
    data = folder / "report" / "data"
    columns = sum(path.stat().st_size for path in [data / "index.js", *data.glob("scores-*.js")])
    n_bytes, files = bytes_of(folder / "report")
    return {
        "wall_s": json.loads(seen.output)["seconds"],
        "cpu_s": seen.cpu_s,
        "peak_mib": seen.peak_bytes / 2**20,
        "report_mib": n_bytes / 2**20,
        "files": files,
        "columns_mib": columns / 2**20,
        "prompts": prompts,
    }


def main() -> None:
    """Measure everything and print it."""
    given, console = settings(), Console(width=130)
    folder = given.data / str(given.prompts)
    folder.mkdir(parents=True, exist_ok=True)
    if given.data.is_relative_to(CACHE):
        (CACHE / ".gitignore").write_text("*\n")
    before = machine()
    console.print(f"{before['cores']} cores, load {before['load_1min']:.1f} before the start")
    made(folder, given.prompts)
    drawn = draw(folder, given.prompts)
    console.print(
        f"report of {given.prompts:,} prompts drawn in {drawn['wall_s']:.1f} s ({drawn['cpu_s']:.1f} CPU s), "
        f"peak {drawn['peak_mib']:,.0f} MiB; {drawn['report_mib']:,.0f} MiB in {drawn['files']:,} files, of "
        f"which {drawn['columns_mib']:.1f} MiB are read before all filters stand"
    )
    empty = empty_page(folder / "report")
    giant = giant_page(folder / "report", given.big, folder / "report" / "big.html")
    console.print(f"one big page of {given.big:,}: {giant.stat().st_size / 2**20:.1f} MiB")
    page = "report/index.html"
    with served(folder) as host, chromium() as driver:
        version = driver.capabilities["browserVersion"]
        disk = folder.resolve().as_uri()
        pages = [
            Shown(name="explorer, from disk", address=f"{disk}/{page}", kind="explorer"),
            Shown(name="explorer, from a static host", address=f"{host}/{page}", kind="explorer"),
            Shown(name="one big page, from disk", address=giant.resolve().as_uri(), kind="plain"),
            Shown(name="an empty page, from disk", address=empty.resolve().as_uri(), kind="floor"),
        ]
        found = rounds_of(
            driver, pages, given.rounds, world_of(given.prompts).prompts[:: given.prompts // 50]
        )
    floor, plain = found[pages[-1].name], found[pages[-2].name]
    console.print(f"Chromium {version}, {given.rounds} rounds, window 1440 × 900")
    for one in pages:
        beside = plain if one.kind == "explorer" else None
        console.print(table(one, found[one.name], floor, beside, given.prompts / given.big))
    told = [line for one in pages[:2] for line in verdicts(one, found[one.name])]
    for line in told:
        console.print(line)
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "machine": before,
            "chromium": version,
            "report": drawn,
            "big_prompts": given.big,
        }
        content |= {"verdicts": told, "rows": rows(found, pages)}
        given.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
