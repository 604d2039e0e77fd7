"""The program under its keeper: how it ended, and the last of what it said."""

import dataclasses
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

KEEPER = Path(__file__).with_name("keeper.py")
GRACE_S = 5.0  # between the request to end and the kill: a container has to be stopped, say
_MORE_S = 15.0  # for the keeper to end all there is, beyond that
_LAST_BYTES = 8192  # of what the program said
_CHUNK = 65_536


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a program ended. ``code`` negative: by a signal; None: it ran too long, or never began."""

    code: int | None
    said: str  # its last words, both streams
    fault: str | None = None  # why it never began


def run(
    command: Sequence[str], folder: str, environment: Mapping[str, str], timeout_s: float
) -> Ended:
    """The program's end; by then nothing that it started runs any more."""
    try:
        keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", str(KEEPER), str(GRACE_S), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=dict(environment),
            start_new_session=True,  # ^C is for the run; it ends the keeper by ending itself
        )
    except (OSError, ValueError) as error:  # an argument that is too long, say
        return Ended(code=None, said="", fault=f"the program cannot be started: {error}")
    last = _Last(keeper.stderr)
    late = _late(keeper, timeout_s)
    word = ""
    if keeper.stdout:
        with keeper.stdout as stream:
            word = stream.read().decode(errors="replace").strip()
    said = last.words()
    if late:
        return Ended(code=None, said=said)
    if word.lstrip("-").isdigit():
        return Ended(code=int(word), said=said)
    return Ended(code=None, said=said, fault=f"the program {word or 'vanished with its keeper'}")


def _late(keeper: "subprocess.Popen[bytes]", timeout_s: float) -> bool:
    """Waits; at the deadline, and whatever else happens, has the program ended."""
    try:
        keeper.wait(timeout_s)
        return False
    except subprocess.TimeoutExpired:
        return True
    finally:
        if keeper.stdin:
            keeper.stdin.close()
        try:
            keeper.wait(GRACE_S + _MORE_S)
        except subprocess.TimeoutExpired:
            keeper.kill()


class _Last:
    """Reads a stream to its end, closes it, and keeps its last bytes.

    Nobody else may close it: where a process escaped (there is no finding it but on Linux), it holds
    the other end, and closing would wait for it.
    """

    def __init__(self, stream: IO[bytes] | None) -> None:
        self._stream, self._bytes = stream, b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        if self._stream is None:
            return
        with self._stream as stream:
            while more := os.read(stream.fileno(), _CHUNK):
                self._bytes = (self._bytes + more)[-_LAST_BYTES:]

    def words(self) -> str:
        """What was said last."""
        self._thread.join(2.0)
        return self._bytes.decode(errors="replace")
