"""How fast the statistics of an audit are, beside the libraries that have them, in one run.

    .venv/bin/python scripts/bench/audit.py --quick                   # seconds, ours alone
    .venv/bin/python scripts/bench/audit.py --json out/audit.json     # all, five minutes

Every contestant gets the same made-up data and answers the same question in a process of its own, on
one thread. Its data are put into the form that its documentation asks for (a data frame, a list of
pairs) before the clock starts; ours get columns, and make every table that they need while it runs.

n            rounds; everybody takes a turn in each, those that are slow take fewer
best s       the best of them. `~`: 2,000 resamples estimated from ten, where a peer has no bootstrap
             over prompts of its own and is called on one resample after another
CPU s        likewise, by processor time: what a machine with other work on it makes less of
ours is      best s of the peer divided by ours
answer       the first number (alpha, ICC, the strength of the first model), or whether the whole answer
             is the same as ours
interval     `evalica:alpha_bootstrap` draws pairs of ratings, not prompts, so it is narrower
more MiB     memory above what the process held before it was asked, at its peak

Peers are installed into environments of their own when first wanted (2 GB, wheels only); krippendorff
and pingouin are under the GPL and nothing of ours imports them.
"""

import argparse
import json
import os
import platform
from pathlib import Path
from typing import Any

from audit_cases import CASES
from audit_data import kept
from audit_peers import OURS, PACKAGES
from audit_rounds import compete
from audit_table import rows, table, verdict
from rich.console import Console

CACHE = Path(__file__).resolve().parents[2] / ".bench"


def settings() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    everybody = [OURS, *PACKAGES]
    add("--only", help=f"of {', '.join(everybody)}, separated by commas (--quick: ours)")
    add("--cases", default=",".join(CASES), help="separated by commas")
    add("--rounds", type=int, help="turns of each contestant (7; with --quick 2)")
    add("--quick", action="store_true", help="small data and no peers: does it run?")
    add("--peers", type=Path, default=CACHE / "peers", help="folder of the peers' environments")
    add("--data", type=Path, default=CACHE / "audit", help="folder of the data (80 MB)")
    add("--json", type=Path, help="write all numbers to this file, too")
    given = parser.parse_args()
    given.rounds = given.rounds or (2 if given.quick else 7)
    given.only = (given.only or (OURS if given.quick else ",".join(everybody))).split(",")
    given.cases = given.cases.split(",")
    for name, known in [(n, everybody) for n in given.only] + [(n, [*CASES]) for n in given.cases]:
        if name not in known:
            parser.error(f"{name!r} is none of {', '.join(known)}")
    return given


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "load_1min": os.getloadavg()[0],
    }


def main() -> None:
    """Measure everything and print it."""
    given, console = settings(), Console(width=120)
    given.data.mkdir(parents=True, exist_ok=True)
    if given.data.is_relative_to(CACHE):
        (CACHE / ".gitignore").write_text("*\n")
    before = machine()
    console.print(f"{before['cores']} cores, load {before['load_1min']:.1f} before the start")
    content: dict[str, Any] = {"machine": before, "rows": [], "verdicts": []}
    for name in given.cases:
        case = CASES[name]
        make = case.quick if given.quick else case.make
        data = kept(given.data / f"{name}{'-quick' * given.quick}.npz", make())
        results = compete(case, data, given.only, given.rounds, given.peers)
        console.print(f"{name}{' (small data)' * given.quick}: {case.what}", highlight=False)
        console.print(table(case, results))
        content["rows"] += rows(case, results)
        content["verdicts"] += filter(None, [verdict(case, results)])
    for line in content["verdicts"]:
        console.print(line)
    content["machine"]["load_1min_after"] = os.getloadavg()[0]
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
