"""Where batches of clips are made: in child processes, or in threads of the process that asks."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Literal

import pebble

from pipeline.generators.base import GeneratorSpec
from pipeline.generators.make import Outcome, make
from schemas import Clip


def opened(place: Literal["processes", "threads"], at_once: int) -> "Lane":
    """A lane of this kind, which bears so many batches at a time."""
    return _LANES[place](at_once)


class _Processes:
    """Child processes: a generator that hangs or dies costs one batch."""

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self._pool = pebble.ProcessPool(
            max_workers=at_once,
            context=multiprocessing.get_context("forkserver"),
            initializer=_end_with_parent,
        )

    def submit(
        self, work: tuple[Any, ...], spec: GeneratorSpec, clips: Sequence[Clip]
    ) -> "Future[list[Outcome]]":
        return self._pool.schedule(make, args=work, timeout=spec.timeout_s * len(clips))

    def close(self) -> None:
        self._pool.close()  # type: ignore[no-untyped-call]
        self._pool.join()


class _Threads:
    """A thread per batch, for generators that only wait and keep their own deadlines.

    They are daemons: a run that is interrupted need not wait for clips that take minutes.
    """

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once

    def submit(
        self, work: tuple[Any, ...], spec: GeneratorSpec, clips: Sequence[Clip]
    ) -> "Future[list[Outcome]]":
        future: Future[list[Outcome]] = Future()
        threading.Thread(target=_into, args=(future, *work), name=spec.account, daemon=True).start()
        return future

    def close(self) -> None:
        """Nothing is left to close."""


def _end_with_parent() -> None:
    """A run that was killed holds no model in memory, and makes nothing that nobody waits for."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # how the pool ends it; a worker ignores it
    if (parent := multiprocessing.parent_process()) is not None:
        threading.Thread(target=_end_after, args=(parent.join,), daemon=True).start()


def _end_after(joined: Callable[[], None]) -> None:
    joined()
    os._exit(1)


def _into(future: "Future[list[Outcome]]", *work: Any) -> None:
    try:
        future.set_result(make(*work))
    except BaseException as error:
        future.set_exception(error)


Lane = _Processes | _Threads
_LANES: dict[str, Callable[[int], Lane]] = {"processes": _Processes, "threads": _Threads}
