"""Child processes that do tasks in turn: native code that hangs or dies costs its one task.

Every child has a pipe of its own and answers each task as soon as it is done, so the parent always
knows which one it is at, and for how long. A child is given a quarter of a second's worth of tasks
ahead, and never waits for the parent between short ones. The parent needs no thread.
"""

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
from collections.abc import Callable, Iterable
from multiprocessing import connection
from multiprocessing.reduction import ForkingPickler
from typing import Any

AHEAD_S, MOST_AHEAD = 0.25, 64  # seconds of work, and tasks, that a child is given ahead
PIPE_BYTES = 2**15  # unread bytes that any system's pipe takes without blocking the writer
START_S = 120.0  # for the imports and the initializer of a child
GRACE_S = 10.0  # after which a child whose parent did not end it ends by itself


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A task that is over. One of the last three is set where it gave no result."""

    task: Any
    result: Any = None
    raised: str | None = None  # type and message
    exit_code: int | None = None  # the child died at it; negative: of that signal
    timed_out: bool = False
    seconds: float = dataclasses.field(default=0.0, compare=False)  # of the work itself


class Children:
    """At most ``processes`` children, started when there is something to do. Not for several threads.

    ``work`` and ``initializer`` are picklable and are called in the children, the latter once in each,
    before its first task. A task that takes longer than ``timeout_s`` ends with its child.
    """

    def __init__(
        self,
        work: Callable[[Any], Any],
        *,
        processes: int,
        timeout_s: float,
        initializer: Callable[[], None] | None = None,
    ) -> None:
        self._work, self._initializer = work, initializer
        self._processes, self._timeout_s = processes, timeout_s
        self._children: list[_Child] = []
        self._queue: deque[Any] = deque()
        self._mean_s = AHEAD_S  # of a task, recent ones most

    @property
    def busy(self) -> bool:
        """Whether any task is not over yet."""
        return bool(self._queue) or any(child.tasks for child in self._children)

    @property
    def full(self) -> bool:
        """Whether there are tasks enough for now: take what is done before adding more."""
        return len(self._queue) > self._processes

    def add(self, task: Any) -> None:
        """Hand in a task."""
        self._queue.append(task)
        self._feed()

    def wait(self) -> list[Done]:
        """The tasks that are over by now, in any order; waits for one while any is under way.

        Raises ``RuntimeError`` where a child cannot start.
        """
        done: list[Done] = []
        while not done and self.busy:
            self._feed()
            left = min(child.left_s(self._timeout_s) for child in self._children if child.tasks)
            ready = connection.wait([child.pipe for child in self._children], max(left, 0.0))
            for child in [child for child in self._children if child.pipe in ready]:
                done += self._read(child)
            for child in [c for c in self._children if c.tasks and not c.pipe.poll()]:
                if child.left_s(self._timeout_s) <= 0:
                    done.append(self._overdue(child))
        self._feed()
        return done

    def stop(self) -> None:
        """End all children and forget all tasks."""
        for child in self._children:
            child.end(at_once=bool(child.tasks))
        self._children.clear()
        self._queue.clear()

    def _feed(self) -> None:
        """Give out what is in the queue, least busy child first."""
        while self._queue:
            child = min(self._children, key=lambda child: len(child.tasks), default=None)
            if child is None or (child.tasks and len(self._children) < self._processes):
                child = _Child(self._work, self._timeout_s + GRACE_S, self._initializer)
                self._children.append(child)
            if len(child.tasks) > min(AHEAD_S / max(self._mean_s, 1e-6), MOST_AHEAD):
                return
            if not child.give(self._queue[0]):
                return
            self._queue.popleft()

    def _read(self, child: "_Child") -> list[Done]:
        done = []
        try:
            while child.pipe.poll():
                if not child.ready:
                    child.begin()
                    continue
                one, seconds = child.take()
                self._mean_s = 0.8 * self._mean_s + 0.2 * seconds
                done.append(one)
        except (EOFError, OSError):
            done += self._died(child)
        return done

    def _died(self, child: "_Child") -> list[Done]:
        exit_code = child.end(at_once=True)
        if not child.ready:
            raise RuntimeError(
                f"a child process ended with exit code {exit_code} before its first task; "
                "its standard error may say why"
            )
        task = self._lose(child)
        if task is _NONE:
            return []
        overdue = exit_code == -signal.SIGALRM  # see _serve
        return [Done(task=task, exit_code=None if overdue else exit_code, timed_out=overdue)]

    def _overdue(self, child: "_Child") -> Done:
        child.end(at_once=True)
        if not child.ready:
            raise RuntimeError(f"a child process did not start within {START_S:g} s")
        return Done(task=self._lose(child), timed_out=True)

    def _lose(self, child: "_Child") -> Any:
        """The task that the child was at; what it had been given ahead is for another one."""
        self._children.remove(child)
        first = child.tasks.popleft()[0] if child.tasks else _NONE
        self._queue.extendleft(task for task, _ in reversed(child.tasks))
        return first


def in_children(
    work: Callable[[Any], Any], tasks: Iterable[Any], *, processes: int, timeout_s: float
) -> list[Any]:
    """The results of all tasks, in any order. Raises ``RuntimeError`` where one of them has none."""
    children, results = Children(work, processes=processes, timeout_s=timeout_s), []

    def take() -> None:
        for done in children.wait():
            if done.raised or done.exit_code is not None or done.timed_out:
                why = done.raised or (
                    "it hung" if done.timed_out else f"exit code {done.exit_code}"
                )
                raise RuntimeError(f"a child process gave no result: {why}")
            results.append(done.result)

    try:
        for task in tasks:
            children.add(task)
            while children.full:
                take()
        while children.busy:
            take()
    finally:
        children.stop()
    return results


_NONE = object()  # no task: None may be one


class _Child:
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
