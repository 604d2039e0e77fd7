"""Questions -> rows: each worker opens every annotator once and keeps its questions in flight."""

import dataclasses
import functools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import apache_beam as beam

from annotators.base import Annotator, AnnotatorSpec, Outcome, Question, Resources
from pipeline.progress import Ticker
from pipeline.protocol import ProtocolOptions, alone, compared, comparing
from pipeline.transforms.outputs import FAILURES, at_end, sorted_out
from schemas import HARMLESS, Failure, FrameSet, Lineup, Rubric

# an element of the input and an annotator -> what the annotator is asked about it
Questions = Callable[[Any, AnnotatorSpec], Iterable[Question]]


@dataclasses.dataclass
class Annotate(beam.PTransform):
    """Every clip asked by every annotator, rubric and draw. Returns (annotations, failures)."""

    annotators: Sequence[AnnotatorSpec]
    rubrics: Sequence[Rubric]
    resources: Resources
    progress: str

    def expand(self, frames: beam.PCollection) -> Any:
        questions = functools.partial(_alone, rubrics=tuple(self.rubrics))
        ask = _AskFn("annotate", self.annotators, questions, self.resources, self.progress)
        done = frames | "annotate" >> beam.ParDo(ask).with_outputs(FAILURES, main="annotations")
        return done.annotations, done.failures


@dataclasses.dataclass
class Compare(beam.PTransform):
    """{frames, lineups}: every lineup asked by every annotator that compares. Returns (comparisons,
    failures). What meets at a prompt are references to frames, never pictures."""

    annotators: Sequence[AnnotatorSpec]
    rubrics: Sequence[Rubric]
    protocol: ProtocolOptions
    resources: Resources
    progress: str

    def expand(self, inputs: Any) -> Any:
        by_prompt = {name: rows | name >> beam.Map(_keyed) for name, rows in inputs.items()}
        asked = (
            by_prompt
            | "Meet" >> beam.CoGroupByKey()
            | "LineUp" >> beam.FlatMap(_line_up)
            | "Spread" >> beam.Reshuffle()  # a prompt's lineups are answered side by side
        )
        questions = functools.partial(_compared, rubrics=tuple(self.rubrics))
        judges = comparing(self.annotators, self.protocol)
        ask = _AskFn("compare", judges, questions, self.resources, self.progress)
        done = asked | "compare" >> beam.ParDo(ask).with_outputs(FAILURES, main="comparisons")
        return done.comparisons, done.failures


def _keyed(row: Any) -> tuple[str, Any]:
    return row.prompt_id, row


def _alone(
    frames: FrameSet, annotator: AnnotatorSpec, rubrics: Sequence[Rubric]
) -> Iterator[Question]:
    return alone(frames, rubrics, annotator.draws)


def _line_up(
    met: tuple[str, dict[str, Iterable[Any]]],
) -> Iterator[tuple[Lineup, tuple[FrameSet, ...]]]:
    """Each lineup with the frames of its clips; the rubric's words do not travel."""
    clips = {frames.video_id: frames for frames in met[1]["frames"]}
    for lineup in met[1]["lineups"]:
        yield lineup, tuple(clips[video] for video in lineup.video_ids)


def _compared(
    element: tuple[Lineup, tuple[FrameSet, ...]],
    annotator: AnnotatorSpec,
    rubrics: Sequence[Rubric],
) -> Iterator[Question]:
    lineup, clips = element
    if lineup.draw < annotator.draws:
        yield compared(lineup, clips, rubrics)


class _AskFn(beam.DoFn):
    """Submits in ``process``, drains the oldest over a window, and the rest in ``finish_bundle``."""

    def __init__(
        self,
        stage: str,
        annotators: Sequence[AnnotatorSpec],
        questions: Questions,
        resources: Resources,
        progress: str,
    ) -> None:
        self._stage, self._specs, self._questions = stage, tuple(annotators), questions
        self._resources, self._progress = resources, progress

    def setup(self) -> None:
        self._annotators: list[tuple[Annotator, AnnotatorSpec]] = [
            (spec.open(self._resources), spec) for spec in self._specs
        ]
        self._ahead = {id(a): a.in_flight for a, _ in self._annotators}
        self._tickers = {id(a): Ticker(self._progress, a.annotator_id) for a, _ in self._annotators}
        self._counter = functools.cache(
            functools.partial(beam.metrics.Metrics.counter, self._stage)
        )

    def start_bundle(self) -> None:
        self._waiting: dict[int, deque[Future[Sequence[Outcome]]]] = {
            id(a): deque() for a, _ in self._annotators
        }

    def process(self, element: Any) -> Iterator[Any]:
        for annotator, spec in self._annotators:
            waiting = self._waiting[id(annotator)]
            waiting.extend(map(annotator.submit, self._questions(element, spec)))
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
