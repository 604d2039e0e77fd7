"""Frames -> annotations: each worker opens every annotator once and keeps its questions in flight."""

import dataclasses
import functools
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import apache_beam as beam

from annotators.base import Annotator, AnnotatorSpec, Outcome, Question, Resources
from pipeline.progress import Ticker
from pipeline.transforms.outputs import FAILURES, at_end, sorted_out
from schemas import HARMLESS, Failure, FrameSet, Rubric

STAGE = "annotate"


@dataclasses.dataclass
class Annotate(beam.PTransform):
    """Every clip asked by every annotator, rubric and draw. Returns (annotations, failures)."""

    annotators: Sequence[AnnotatorSpec]
    rubrics: Sequence[Rubric]
    resources: Resources
    progress: str

    def expand(self, frames: beam.PCollection) -> Any:
        done = frames | STAGE >> beam.ParDo(_AnnotateFn(self)).with_outputs(
            FAILURES, main="annotations"
        )
        return done.annotations, done.failures


class _AnnotateFn(beam.DoFn):
    """Submits in ``process``, drains the oldest over a window, and the rest in ``finish_bundle``."""

    def __init__(self, how: Annotate) -> None:
        self._specs, self._rubrics = tuple(how.annotators), tuple(how.rubrics)
        self._resources, self._progress = how.resources, how.progress

    def setup(self) -> None:
        self._annotators: list[tuple[Annotator, int]] = [
            (spec.open(self._resources), spec.draws) for spec in self._specs
        ]
        self._ahead = {id(a): a.in_flight for a, _ in self._annotators}
        self._tickers = {id(a): Ticker(self._progress, a.annotator_id) for a, _ in self._annotators}
        self._counter = functools.cache(functools.partial(beam.metrics.Metrics.counter, STAGE))

    def start_bundle(self) -> None:
        self._waiting: dict[int, deque[Future[Sequence[Outcome]]]] = {
            id(a): deque() for a, _ in self._annotators
        }

    def process(self, frames: FrameSet) -> Iterator[Any]:
        for annotator, draws in self._annotators:
            waiting = self._waiting[id(annotator)]
            for rubric in self._rubrics:
                for draw in range(draws):
                    waiting.append(
                        annotator.submit(Question(frames=frames, rubric=rubric, draw=draw))
                    )
            while len(waiting) > self._ahead[id(annotator)]:
                yield from self._finish(annotator, waiting.popleft())

    def finish_bundle(self) -> Iterator[Any]:
        for annotator, _ in self._annotators:
            waiting = self._waiting[id(annotator)]
            while waiting:
                yield from map(at_end, self._finish(annotator, waiting.popleft()))
            self._tickers[id(annotator)].flush()

    def teardown(self) -> None:
        for annotator, _ in self._annotators:
            annotator.close()

    def _finish(self, annotator: Annotator, future: "Future[Sequence[Outcome]]") -> Iterator[Any]:
        for outcome in future.result():
            reason = outcome.reason if isinstance(outcome, Failure) else None
            failed, harmless = reason is not None, reason in HARMLESS
            self._counter(f"failed_{reason}" if failed else "done").inc()
            ticker = self._tickers[id(annotator)]
            ticker.add(done=not failed, failed=failed and not harmless, skipped=harmless)
            yield sorted_out(outcome)
