"""A bundle's elements through child processes: native code that hangs or dies costs one element."""

import dataclasses
import multiprocessing
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, TimeoutError
from typing import Any

import apache_beam as beam
import pebble

from pipeline.progress import Ticker
from pipeline.transforms.outputs import FAILURES, at_end, sorted_out
from schemas import Failure, Reason

AHEAD = 4  # elements submitted per process before the oldest is waited for


@dataclasses.dataclass
class Isolated(beam.PTransform):
    """Element -> record or Failure, by ``work`` in child processes with a deadline.

    Returns (records, failures). ``work`` is a picklable plain function of one element; ``key`` names
    the record it owes.
    """

    work: Callable[[Any], Any]
    key: Callable[[Any], str]
    stage: str
    processes: int
    timeout_s: float
    progress: str

    def expand(self, elements: beam.PCollection) -> Any:
        done = elements | self.stage >> beam.ParDo(_IsolatedFn(self)).with_outputs(
            FAILURES, main="records"
        )
        return done.records, done.failures


class _IsolatedFn(beam.DoFn):
    def __init__(self, how: Isolated) -> None:
        self._work, self._key, self._stage = how.work, how.key, how.stage
        self._processes, self._timeout_s = how.processes, how.timeout_s
        self._progress = how.progress

    def setup(self) -> None:
        self._pool = pebble.ProcessPool(
            max_workers=self._processes, context=multiprocessing.get_context("forkserver")
        )
        self._ticker = Ticker(self._progress, self._stage)
        self._counters = {
            name: beam.metrics.Metrics.counter(self._stage, name) for name in ("done", "failed")
        }

    def start_bundle(self) -> None:
        self._waiting: deque[tuple[Any, Future[Any]]] = deque()

    def process(self, element: Any) -> Iterator[Any]:
        future = self._pool.schedule(self._work, args=[element], timeout=self._timeout_s)
        self._waiting.append((element, future))
        while len(self._waiting) > AHEAD * self._processes:
            yield self._finish(*self._waiting.popleft())

    def finish_bundle(self) -> Iterator[Any]:
        while self._waiting:
            yield at_end(self._finish(*self._waiting.popleft()))
        self._ticker.flush()

    def teardown(self) -> None:
        self._pool.close()  # type: ignore[no-untyped-call]
        self._pool.join()

    def _finish(self, element: Any, future: "Future[Any]") -> Any:
        try:
            outcome = future.result()
        except TimeoutError:
            outcome = self._failure(
                element,
                Reason.TIMEOUT,
                f"gave no result within {self._timeout_s:g} s and was ended",
            )
        except pebble.ProcessExpired as error:
            outcome = self._failure(
                element, Reason.CRASHED, f"the child process died with exit code {error.exitcode}"
            )
        except Exception as error:
            last = traceback.format_exception(error)[-1].strip()
            outcome = self._failure(element, Reason.INTERNAL, f"a fault of this program: {last}")
        failed = isinstance(outcome, Failure)
        self._counters["failed" if failed else "done"].inc()
        self._ticker.add(done=not failed, failed=failed)
        return sorted_out(outcome)

    def _failure(self, element: Any, reason: Reason, message: str) -> Failure:
        return Failure(stage=self._stage, key=self._key(element), reason=reason, message=message)
