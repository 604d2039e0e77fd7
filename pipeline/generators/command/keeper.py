"""Runs a program and leaves nothing of it behind: neither when it ends, nor when whoever asked does.

A process of its own between the run and the program, started as a file: it imports the standard
library alone. Its standard input is the other's sign of life: the end of it, also by ``kill -9``, ends
the program and all it started. Arguments: seconds between the request to end and the kill, then the
program's own. What the program says goes to standard error; to standard output, at the end, one word:
its exit code, negative for a signal, or ``cannot start: ...``.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import threading
import time

LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
_LIBC = ctypes.CDLL(None) if LINUX else None


def keep(grace_s: float, command: list[str]) -> str:
    """The word about how the program ended."""
    if _LIBC is not None:  # whose parent dies becomes ours, so that it can be found and ended
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        program = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr.fileno(),
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
    except (OSError, ValueError) as error:
        return f"cannot start: {error}"
    _wait(program)
    _end(program, grace_s)
    return str(program.returncode)


def _die_with_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _wait(program: "subprocess.Popen[bytes]") -> None:
    """Until the program ends, or nobody waits for it any more."""
    ended, says_ended = os.pipe()

    def watch() -> None:
        program.wait()
        os.close(says_ended)

    threading.Thread(target=watch, daemon=True).start()
    select.select([sys.stdin.fileno(), ended], [], [])


def _end(program: "subprocess.Popen[bytes]", grace_s: float) -> None:
    """The program is asked to end, then killed, and so is everything it started that still runs."""
    if program.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.wait(grace_s)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(program.pid, signal.SIGKILL)
    program.wait()
    until = time.monotonic() + 10.0
    while (left := _children()) and time.monotonic() < until:
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        _bury()
        time.sleep(0.01)


def _children() -> list[int]:
    """Processes that the program started and left to us; each, once dead, leaves us its own."""
    if not LINUX:
        return []
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()  # proc(5): state, parent, ...
            if int(fields[1]) == os.getpid():
                found.append(int(name))
    return found


def _bury() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


if __name__ == "__main__":
    print(keep(float(sys.argv[1]), sys.argv[2:]), flush=True)
