"""A bundle's elements through child processes: native code that hangs or dies costs one element."""

import dataclasses
import signal
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam

from annotators.shared import cores
from annotators.stopping import stopped
from pipeline.transforms.child import Done
from pipeline.transforms.children import Children
from pipeline.transforms.counting import Counting
from pipeline.transforms.launcher import heed
from pipeline.transforms.outputs import FAILURES, at_end, sorted_out
from schemas import Failure, Reason


@dataclasses.dataclass
class Isolated(beam.PTransform):
    """Element -> record or Failure, by ``work`` in child processes with a deadline for each element.

    Returns (records, failures). ``work`` is a picklable plain function of one element; ``key`` names
    the record it owes. ``initializer`` is called once in each child before its first element.
    """

    work: Callable[[Any], Any]
    key: Callable[[Any], str]
    stage: str
    processes: int
    timeout_s: float
    progress: str
    initializer: Callable[[], None] | None = None

    def expand(self, elements: beam.PCollection) -> Any:
        done = elements | self.stage >> beam.ParDo(_IsolatedFn(self)).with_outputs(
            FAILURES, main="records"
        )
        return done.records, done.failures


class _IsolatedFn(beam.DoFn):
    def __init__(self, how: Isolated) -> None:
        self._work, self._key, self._stage = how.work, how.key, how.stage
        self._processes, self._timeout_s = how.processes, how.timeout_s
        self._progress, self._initializer = how.progress, how.initializer
        self._unit = "decode_ms" if how.stage == "frames" else "item_ms"

    def setup(self) -> None:
        self._children = Children(
            self._work,
            processes=self._processes or cores(),
            timeout_s=self._timeout_s,
            initializer=self._initializer,
        )
        heed(self._progress)
        self._counting = Counting(self._stage, self._progress)

    def start_bundle(self) -> None:
        if self._children.busy:  # left over from a bundle that was given up
            self._children.stop()

    def process(self, element: Any) -> Iterator[Any]:
        if why := stopped():
            yield self._counted(self._failure(element, Reason.NOT_ATTEMPTED, _stopped(why)))
            return
        self._children.add(element)
        while self._children.full:
            for done in self._children.wait():
                yield self._finish(done)

    def finish_bundle(self) -> Iterator[Any]:
        while self._children.busy:
            for done in self._children.wait():
                yield at_end(self._finish(done))
        self._counting.flush()

    def teardown(self) -> None:
        self._children.stop()

    def _finish(self, done: Done) -> Any:
        took = {self._unit: 1000 * done.seconds} if done.seconds else {}
        return self._counted(self._outcome(done), **took)

    def _counted(self, outcome: Any, **took_ms: float) -> Any:
        self._counting.count(outcome, **took_ms)
        return sorted_out(outcome)

    def _outcome(self, done: Done) -> Any:
        if done.timed_out:
            reason, message = (
                Reason.TIMEOUT,
                f"gave no result within {self._timeout_s:g} s and was ended",
            )
        elif done.exit_code == -signal.SIGTERM:  # a service ends all processes of a run at once
            reason, message = Reason.NOT_ATTEMPTED, _stopped("SIGTERM")
        elif done.exit_code is not None:
            reason, message = (
                Reason.CRASHED,
                f"the child process died with exit code {done.exit_code}",
            )
        elif done.raised is not None:
            reason, message = Reason.INTERNAL, f"a fault of this program: {done.raised}"
        else:
            return done.result
        return self._failure(done.task, reason, message)

    def _failure(self, task: Any, reason: Reason, message: str) -> Failure:
        return Failure(stage=self._stage, key=self._key(task), reason=reason, message=message)


def _stopped(why: str) -> str:
    return f"not begun, because the run was stopped ({why}); the same command resumes it"
