"""One contestant on one case: waits for a line, answers once, tells how long that took.

    PYTHON audit_worker.py --contestant evalica --case alpha --data alpha.npz

Of the standard library and numpy alone, as it runs in the peers' environments, too.
"""

import argparse
import gc
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

STATUS, FORGET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def memory_mib(name: str) -> float | None:
    """``VmRSS`` (now) or ``VmHWM`` (the most since :func:`forget_peak`); None where unknown."""
    if not STATUS.exists():
        return None
    for line in STATUS.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    return None


def forget_peak() -> None:
    """Let the peak of memory begin anew."""
    if FORGET.exists():
        FORGET.write_text("5")


def prepared(contestant: str, case: str, data: dict[str, Any]) -> tuple[Any, float, str]:
    """The call, what its time is multiplied by, and the version of what is called."""
    if contestant == "ours":
        import audit_ours

        return audit_ours.CALLS[case](data), 1.0, audit_ours.version(contestant)
    import audit_theirs

    asked = "_".join(part for part in case.split("-") if not part[0].isdigit())
    factor = audit_theirs.RESAMPLES / audit_theirs.LOOPS
    times = factor if contestant in audit_theirs.ESTIMATED else 1.0
    call = audit_theirs.CALLS[contestant, asked](data)
    return call, times, audit_theirs.version(contestant)


def main() -> None:
    """Answer once for each line."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("contestant", "case", "data"):
        parser.add_argument(f"--{name}", required=True)
    given = parser.parse_args()
    with np.load(given.data) as kept:
        data = {name: kept[name] for name in kept.files}
    call, times, version = prepared(given.contestant, given.case, data)
    print(json.dumps({"version": version, "times": times}), flush=True)
    for _ in sys.stdin:
        gc.collect()
        before = memory_mib("VmRSS")
        forget_peak()
        start, cpu_start = time.perf_counter(), time.process_time()
        answer = [float(number) for number in call()]
        seconds, cpu_s = time.perf_counter() - start, time.process_time() - cpu_start
        peak = memory_mib("VmHWM")
        more = None if peak is None or before is None else max(0.0, peak - before)
        said = {
            "seconds": seconds * times,
            "cpu_s": cpu_s * times,
            "answer": answer,
            "peak_mib": peak,
            "more_mib": more,
        }
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
