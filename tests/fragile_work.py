"""Work for child processes that goes wrong as it is told, importable by them."""

import ctypes
import os
import signal
import subprocess
import sys
import time

STARTED: list[float] = []  # one entry per call of remember_start in this process


def remember_start() -> None:
    """An initializer that can be counted."""
    STARTED.append(time.monotonic())


def fail_to_start() -> None:
    """An initializer that cannot do its job."""
    raise OSError("no limit can be set")


def fragile(task: str) -> str:
    """The task in capitals, unless it says what else should happen."""
    word, _, argument = task.partition(" ")
    if word == "starts":
        return str(starts(None))
    if word == "raise":
        raise ValueError(argument)
    if word == "exit":
        os._exit(int(argument))
    if word == "signal":
        os.kill(os.getpid(), int(argument))
    if word == "hang":
        time.sleep(60)
    if word == "hang_with_lock":
        ctypes.PyDLL(None).sleep(60)  # holds Python's lock, as a fault in native code may
    if word == "hang_with_program":
        with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as program:
            with open(argument, "w") as file:
                file.write(str(program.pid))
            program.wait()
    return task.upper()


def square(number: int) -> int:
    """Quick work."""
    return number * number


def pid_after(seconds: float) -> int:
    """The child's process number."""
    time.sleep(seconds)
    return os.getpid()


def starts(_: object) -> int:
    """How often this process was initialised."""
    return len(STARTED)


def unpicklable(_: object) -> object:
    """What cannot travel back."""
    return lambda: 0


def echo(data: bytes) -> bytes:
    """Whatever comes."""
    return data


def resident_mb(_: object) -> float:
    """Memory of this process; some is used and given back."""
    bytearray(2**20)
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def hang_for_ever_in_children(pids: str) -> None:
    """A parent with two children that hang, one of them with Python's lock held."""
    from pipeline.transforms import children

    children.GRACE_S = 1.0
    pool = children.Children(_note_and_hang, processes=2, timeout_s=1.0)
    for word in ("hang", "hang_with_lock"):
        pool.add((pids, word))
    time.sleep(60)


def _note_and_hang(task: tuple[str, str]) -> None:
    pids, word = task
    with open(pids, "a") as file:
        file.write(f"{os.getpid()}\n")
    fragile(word)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    hang_for_ever_in_children(sys.argv[1])
