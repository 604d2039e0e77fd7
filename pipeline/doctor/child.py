"""A check in a process of its own: what it loads may hang or crash, and is slow to load.

``python -m pipeline.doctor.child MODULE FUNCTION JSON`` prints the function's findings as JSON.
"""

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pipeline.doctor.finding import Finding, fail

Say = Callable[[str, str, str], Finding]

PATIENCE_S = 60.0  # imports of a busy machine take long; what hangs is ended then
TOLD = 300  # characters of what a child said last
LIVE: "set[subprocess.Popen[str]]" = set()  # children at work


def in_child(
    check: str,
    module: str,
    function: str,
    *values: Any,
    todo: str,
    no_answer: Say = fail,
    patience_s: float = PATIENCE_S,
    environment: Mapping[str, str] | None = None,
) -> list[Finding]:
    """The findings of ``module.function(*values)``; one of ``no_answer`` where there are none.

    ``values`` are plain. ``todo``: what to do where the child crashes, hangs or raises.
    ``environment``: variables that it has beside this process's.
    """
    command = [sys.executable, "-m", __name__, module, function, json.dumps(values)]
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
        start_new_session=True,  # with whatever it starts, it ends as one
    )
    LIVE.add(child)
    try:
        said, complaints = child.communicate(timeout=patience_s)
    except subprocess.TimeoutExpired:
        return [no_answer(check, f"no answer within {patience_s:g} s", todo)]
    finally:
        LIVE.discard(child)
        _end(child)
    if child.returncode == 0:
        return [Finding(**found) for found in json.loads(said.splitlines()[-1])]
    return [no_answer(check, _why(child.returncode, complaints), todo)]


def end_all() -> None:
    """End every child that is at work: an interrupt does not reach them."""
    for child in list(LIVE):
        _end(child)


def _end(child: "subprocess.Popen[str]") -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # it has gone
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _why(code: int, complaints: str) -> str:
    if code < 0:
        return f"crashed with signal {-code} ({signal.Signals(-code).name})"
    lines = [line for line in complaints.splitlines() if line.strip()]
    return lines[-1][:TOLD] if lines else f"ended with exit code {code}"


def main(module: str, function: str, values: str) -> None:
    """In the child. The answer is the last line, after whatever libraries print."""
    found: Iterable[Finding] = getattr(importlib.import_module(module), function)(
        *json.loads(values)
    )
    print(json.dumps([one.as_dict() for one in found]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
