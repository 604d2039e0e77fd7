"""One child process: the parent's end of its pipe, and what the child itself does."""

import contextlib
import dataclasses
import functools
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from multiprocessing import connection
from multiprocessing.reduction import ForkingPickler
from typing import Any

PIPE_BYTES = 2**15  # unread bytes that any system's pipe takes without blocking the writer
START_S = 120.0  # for the imports and the initializer of a child


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A task that is over. One of the last three is set where it gave no result."""

    task: Any
    result: Any = None
    raised: str | None = None  # type and message
    exit_code: int | None = None  # the child died at it; negative: of that signal
    timed_out: bool = False
    seconds: float = dataclasses.field(default=0.0, compare=False)  # of the work itself


class Child:
    """One child process: its pipe, and the tasks that it was given and has not answered."""

    def __init__(
        self, work: Callable[[Any], Any], most_s: float, initializer: Callable[[], None] | None
    ) -> None:
        context = multiprocessing.get_context("forkserver")
        # Heard by the first child of a process alone, before the server starts: it imports once what every
        # child would import for itself, half a second each, and for each wave of a run anew.
        context.set_forkserver_preload([_module_of(work)])
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, work, most_s, initializer), daemon=True
        )
        self._process.start()
        theirs.close()
        # each with its size in bytes; the first is being done
        self.tasks: deque[tuple[Any, int]] = deque()
        self.ready, self.since = False, time.monotonic()

    def give(self, task: Any) -> bool:
        """Send a task unless the pipe could be full: then both ends might wait for each other."""
        data = ForkingPickler.dumps(task)
        if self.tasks and sum(size for _, size in self.tasks) + len(data) > PIPE_BYTES:
            return False
        if not self.tasks and self.ready:
            self.since = time.monotonic()
        with contextlib.suppress(OSError):  # it has died: reading will tell
            self.pipe.send_bytes(data)
        self.tasks.append((task, len(data)))
        return True

    def begin(self) -> None:
        """It has started, or says why it cannot: ``RuntimeError``."""
        trouble = self.pipe.recv()
        if trouble is not None:
            raise RuntimeError(f"a child process cannot start: {trouble}")
        self.ready, self.since = True, time.monotonic()

    def take(self) -> tuple[Done, float]:
        """The answer to the first task, and how many seconds it took."""
        data = self.pipe.recv_bytes()
        task, self.since = self.tasks.popleft()[0], time.monotonic()
        try:
            result, raised, seconds = ForkingPickler.loads(data)
        except Exception as error:
            return Done(task=task, raised=_last_line(error)), 0.0
        return Done(task=task, result=result, raised=raised, seconds=seconds), seconds

    def left_s(self, timeout_s: float) -> float:
        """Seconds until what it is doing has taken too long."""
        return self.since + (timeout_s if self.ready else START_S) - time.monotonic()

    def end(self, *, at_once: bool) -> int | None:
        """Its exit code. Whatever it started itself ends with it."""
        self.pipe.close()
        if not at_once:
            self._process.join(1.0)  # it sees the end of the pipe
        if self._process.is_alive():
            with contextlib.suppress(OSError):  # it is not the head of its group yet
                os.killpg(self._process.pid or 0, signal.SIGKILL)
            self._process.kill()
        self._process.join()
        return self._process.exitcode


def _module_of(work: Callable[[Any], Any]) -> str:
    """Where a function lives; of a partial one, the function within."""
    while isinstance(work, functools.partial):
        work = work.func
    return getattr(work, "__module__", None) or __name__


def _serve(
    pipe: "connection.Connection[Any, Any]",
    work: Callable[[Any], Any],
    most_s: float,
    initializer: Callable[[], None] | None,
) -> None:
    """What a child does. It outlives neither its parent nor, by much, a task's time.

    The alarm is the system's own: it ends code that hangs with Python's lock held, too.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # which an engine's worker ignores: `launcher`
    os.setpgid(0, 0)  # so that an interrupt is the parent's business, and all below can be ended
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    with contextlib.suppress(EOFError, OSError):  # the parent has no more, or has gone
        pipe.send(_trouble(initializer))
        while True:
            task = pipe.recv()
            signal.setitimer(signal.ITIMER_REAL, most_s)
            answer = _answer(work, task)
            signal.setitimer(signal.ITIMER_REAL, 0)
            pipe.send_bytes(answer)


def _trouble(initializer: Callable[[], None] | None) -> str | None:
    try:
        if initializer is not None:
            initializer()
    except Exception as error:
        return _last_line(error)
    return None


def _answer(work: Callable[[Any], Any], task: Any) -> Any:
    """(result, what was raised, seconds), pickled."""
    start = time.monotonic()
    try:
        result = work(task)
        return ForkingPickler.dumps((result, None, time.monotonic() - start))
    except Exception as error:
        return ForkingPickler.dumps((None, _last_line(error), time.monotonic() - start))


def _last_line(error: Exception) -> str:
    return traceback.format_exception(error)[-1].strip()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGKILL)
