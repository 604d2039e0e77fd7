"""How fast the judge asks, beside a bare client and beside other projects, in one run on one machine.

    .venv/bin/python scripts/bench/judging.py --quick --only bare,ours    # one minute
    .venv/bin/python scripts/bench/judging.py --json out/judging.json     # all, 15 minutes

Every contestant asks the same loopback server about the same clips, eight JPEG frames of about 30 kB a
request, in a process of its own. `bare` is an asyncio loop over the openai package that keeps nothing
and reads nothing, so whoever asks through that package is held against

    limit = min(requests in flight / latency, what `bare` reaches on the same cores).

calls/s         of the steady state, as the server saw it: without the first and last round in flight
whole run       calls/s from the first request to the last reply, slow starts included
CPU ms/call     the client alone, user and system (getrusage), with the processes that it starts
peak MiB        resident memory of the largest process of the client
kB/call         size of a request: `distilabel-1` is distilabel's own task, one frame a request; under
                `distilabel` a task of ours in its pipeline sends all eight
n               runs; the median is given

Peers are installed into environments of their own when first wanted (1.5 GB, wheels only).
"""

import argparse
import dataclasses
import json
import os
import platform
from pathlib import Path
from typing import Any

from judging_clips import make_clips
from judging_peers import CONTESTANTS, Contestant, NotInstalled, python_of
from judging_run import NotMeasured, run, server
from judging_table import Case, table
from judging_work import Work
from rich.console import Console

HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[1] / ".bench"
GOALS = (
    "Goals of ours: 0.95 of the limit where the latency binds (3 s), 0.85 where the CPU does, "
    "at most 1.25 of bare's CPU, more calls per second than every peer."
)


def settings() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--only", default=",".join(CONTESTANTS), help="contestants, separated by commas")
    add("--latencies", default="0.2,1,3", help="seconds until a reply")
    add("--draws", help="how often each clip is asked about (1,5; with --quick 1)")
    add("--in-flight", type=int, default=256, help="requests at once")
    add("--rounds", type=int, help="calls = rounds x requests at once (6; with --quick 4)")
    add("--repeats", type=int, help="of bare and ours, in turns (3; with --quick 1)")
    add("--peer-repeats", type=int, default=1, help="of everybody else")
    add("--quick", action="store_true", help="other defaults: fewer rounds, repeats and draws")
    add("--peers", type=Path, default=CACHE / "peers", help="folder of the peers' environments")
    add("--frames", type=Path, default=CACHE / "frames", help="folder of the clips (400 MB)")
    add("--json", type=Path, help="write all numbers to this file, too")
    given = parser.parse_args()
    given.rounds = given.rounds or (4 if given.quick else 6)
    given.repeats = given.repeats or (1 if given.quick else 3)
    given.draws = given.draws or ("1" if given.quick else "1,5")
    if given.rounds < 3:
        parser.error("--rounds: the first and the last are left out, so three is the least")
    for name in given.only.split(","):
        if name not in CONTESTANTS:
            parser.error(f"--only: no contestant {name!r}; there are {', '.join(CONTESTANTS)}")
    return given


def pythons(found: list[Contestant], folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Each contestant's interpreter, or why it has none."""
    ready, missing = {}, {}
    for one in found:
        try:
            ready[one.name] = python_of(one, folder)
        except NotInstalled as error:
            missing[one.name] = f"could not be installed: {error}"
    return ready, missing


def measure(case: Case, found: list[Contestant], address: str, given: argparse.Namespace) -> None:
    """The contestants in turns, so that whatever else the machine does meets them all."""
    ready, missing = pythons(found, given.peers)
    case.missing.update(missing)
    for turn in range(max(given.repeats, given.peer_repeats)):
        for one in found:
            turns = given.peer_repeats if one.peer else given.repeats
            if turn >= turns or one.name in case.missing or (case.draws > 1 and one.peer):
                continue
            work = Work(
                frames=str(given.frames.resolve()),
                calls=given.rounds * given.in_flight,
                latency_s=case.latency_s,
                draws=case.draws,
                concurrency=given.in_flight,
                images=one.images,
            )
            command = [ready[one.name], str(HERE / one.script)]
            try:
                case.runs.append(run(one.name, command, address, work))
            except NotMeasured as error:
                case.missing[one.name] = f"not measured: {error}"
    if "bare" in case.missing:  # every ratio is one to it
        raise SystemExit(f"bare: {case.missing['bare']}")


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": platform.processor() or platform.machine(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_1min": os.getloadavg()[0],
    }


def main() -> None:
    """Measure everything and print it."""
    given, console = settings(), Console(width=120)
    found = [one for name, one in CONTESTANTS.items() if name in ["bare", *given.only.split(",")]]
    CACHE.mkdir(exist_ok=True)
    (CACHE / ".gitignore").write_text("*\n")
    make_clips(given.frames, given.rounds * given.in_flight)
    before = machine()
    console.print(
        f"{before['cores']} cores for client and server together, load {before['load_1min']:.1f} "
        f"before the start, Python {before['python']}"
    )
    cases = [
        Case(latency_s=float(latency), draws=int(draws), concurrency=given.in_flight)
        for draws in given.draws.split(",")
        for latency in given.latencies.split(",")
    ]
    with server() as address:
        for case in cases:
            measure(case, found, address, given)
            console.print(table(case))
    console.print(GOALS)
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "machine": before,
            "medians": [row for case in cases for row in case.rows()],
            "missing": [
                {"latency_s": case.latency_s, "draws": case.draws, "contestant": name, "why": why}
                for case in cases
                for name, why in case.missing.items()
            ],
            "runs": [dataclasses.asdict(one) for case in cases for one in case.runs],
        }
        given.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
