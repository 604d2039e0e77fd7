"""Child processes that do tasks in turn: native code that hangs or dies costs its one task.

Every child has a pipe of its own and answers each task as soon as it is done, so the parent always
knows which one it is at, and for how long. A child is given a quarter of a second's worth of tasks
ahead, and never waits for the parent between short ones. The parent needs no thread.
"""

import signal
from collections import deque
from collections.abc import Callable, Iterable
from multiprocessing import connection
from typing import Any

from pipeline.transforms.child import START_S, Child, Done

AHEAD_S, MOST_AHEAD = 0.25, 64  # seconds of work, and tasks, that a child is given ahead
GRACE_S = 10.0  # after which a child whose parent did not end it ends by itself
_NONE = object()  # no task: None may be one


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
        self._children: list[Child] = []
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
                child = Child(self._work, self._timeout_s + GRACE_S, self._initializer)
                self._children.append(child)
            if len(child.tasks) > min(AHEAD_S / max(self._mean_s, 1e-6), MOST_AHEAD):
                return
            if not child.give(self._queue[0]):
                return
            self._queue.popleft()

    def _read(self, child: Child) -> list[Done]:
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

    def _died(self, child: Child) -> list[Done]:
        exit_code = child.end(at_once=True)
        if not child.ready:
            raise RuntimeError(
                f"a child process ended with exit code {exit_code} before its first task; "
                "its standard error may say why"
            )
        task = self._lose(child)
        if task is _NONE:
            return []
        overdue = exit_code == -signal.SIGALRM  # see `child`
        return [Done(task=task, exit_code=None if overdue else exit_code, timed_out=overdue)]

    def _overdue(self, child: Child) -> Done:
        child.end(at_once=True)
        if not child.ready:
            raise RuntimeError(f"a child process did not start within {START_S:g} s")
        return Done(task=self._lose(child), timed_out=True)

    def _lose(self, child: Child) -> Any:
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
