"""How fast clips become frames, beside the decoders called naively, in one run on one machine.

    .venv/bin/python scripts/bench/frames.py --quick                    # three minutes
    .venv/bin/python scripts/bench/frames.py --json out/frames.json     # all, 15 minutes
    .venv/bin/python scripts/bench/frames.py --clips my_clips --only ours,decord

A clip becomes eight JPEGs: frames by the rule round(linspace(0, n - 1, 8)), at most 512 pixels wide
or high, quality 85, in memory, one thread. The clips are made when first wanted (a minute) and carry
their frames' numbers in their pixels, so that a decoder that is fast and wrong shows.

contestant      `ours` decodes and encodes as the pipeline does; `ours-kept` is all the pipeline calls
                for a clip: the frames are measured and written to a store on disk, too
clips/s         median of the rounds; everybody takes a turn in each
of fastest      of decord, PyAV and the ffmpeg program the one that needs the least processor time
clips/CPU s     the same by processor time, child processes included
wrong, missing  frames that carry another number, frames that never came; of one pass over the clips

--workers N then holds our pool of N child processes, which may be killed and replaced, against N
independent processes that do the same without one; --opens N measures the memory of one child.
"""

import argparse
import json
import os
import platform
from pathlib import Path
from typing import Any

from frames_clips import KINDS, Coded, clips_in, clips_of
from frames_contestants import CONTESTANTS
from frames_pool import Memory, memory_of, pooled
from frames_rounds import Result, compete, fastest, rows, table
from rich.console import Console

CACHE = Path(__file__).resolve().parents[2] / ".bench"
GOAL = 0.95


def settings() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--only", default=",".join(CONTESTANTS), help="contestants, separated by commas")
    add("--classes", default=",".join(KINDS), help=f"of {', '.join(KINDS)}, separated by commas")
    add("--clips", type=Path, help="a folder of clips of one's own: one more class")
    add("--rounds", type=int, help="turns of each contestant (7; with --quick 3)")
    add("--quick", action="store_true", help="fewer rounds, opens and elements")
    add("--workers", type=int, default=2, help="child processes of the pool; 0 leaves it out")
    add("--opens", type=int, help="clips for the memory of a child (10000; --quick 300; 0: none)")
    add("--cache", type=Path, default=CACHE / "clips", help="folder of the clips (10 MB)")
    add("--json", type=Path, help="write all numbers to this file, too")
    given = parser.parse_args()
    given.rounds = given.rounds or (3 if given.quick else 7)
    if given.opens is None:
        given.opens = 300 if given.quick else 10_000
    given.only = [name for name in given.only.split(",") if name]
    given.classes = [name for name in given.classes.split(",") if name]
    for name, known in [(n, CONTESTANTS) for n in given.only] + [(n, KINDS) for n in given.classes]:
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


def verdict(name: str, results: list[Result]) -> str | None:
    """Ours against the fastest of the others, in one line."""
    best = fastest(results)
    ours = next((r for r in results if r.name == "ours" and not r.why_not), None)
    if best is None or ours is None:
        return None
    ratio = ours.clips_per_cpu_s / best.clips_per_cpu_s
    met = "met" if ratio >= GOAL and not ours.wrong and not ours.missing else "NOT MET"
    return f"{name}: ours {ratio:.2f} of {best.name}, wrong frames {ours.wrong}; goal {GOAL} {met}"


def measured_memory(clips: list[Coded], opens: int, console: Console) -> Memory:
    """Memory of a child, said on the terminal."""
    memory = memory_of(clips, opens)
    console.print(
        f"one child, {opens} clips: {memory.start_mb:.0f} MB after a twentieth of them, "
        f"{memory.middle_mb:.0f} in the middle, {memory.end_mb:.0f} at the end: "
        f"{'flat' if memory.flat else 'NOT FLAT'}"
    )
    return memory


def main() -> None:
    """Measure everything and print it."""
    os.environ["OMP_NUM_THREADS"] = "1"
    given, console = settings(), Console(width=110)
    CACHE.mkdir(exist_ok=True)
    (CACHE / ".gitignore").write_text("*\n")
    before = machine()
    console.print(f"{before['cores']} cores, load {before['load_1min']:.1f} before the start")
    found = {name: clips_of(KINDS[name], given.cache) for name in given.classes}
    if given.clips:
        found[str(given.clips)] = clips_in(given.clips)
    content: dict[str, Any] = {"machine": before, "rows": [], "verdicts": []}
    for name, clips in found.items():
        results = compete(clips, given.only, given.rounds)
        console.print(table(f"{name}: {len(clips)} clips, {given.rounds} rounds", results))
        content["rows"] += rows(name, results)
        content["verdicts"] += filter(None, [verdict(name, results)])
    for line in content["verdicts"]:
        console.print(line)
    short = [clip for name in ("256p", "320p", "gif") for clip in found.get(name, [])]
    if given.workers and short:
        pool = pooled(short, given.workers, 100 if given.quick else 600, 3)
        content["pool"] = pool
        console.print(
            f"{given.workers} children of the pool: {pool['clips_per_s']:.1f} clips/s, "
            f"{pool['of_independent']:.2f} of as many independent processes (by processor time "
            f"{pool['of_independent_cpu']:.2f}); goal {GOAL}"
        )
    if given.opens and short:
        memory = measured_memory(short, given.opens, console)
        content["memory"] = {"opens": given.opens, "mb": memory.mb, "flat": memory.flat}
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
