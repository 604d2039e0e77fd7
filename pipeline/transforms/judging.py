"""Questions -> rows: each worker opens every annotator once and keeps its questions in flight."""

import dataclasses
import functools
import hashlib
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import apache_beam as beam

from annotators.base import Annotator, AnnotatorSpec, Outcome, Question, Resources, failures
from annotators.judge.gate import not_attempted
from annotators.stopping import stopped
from pipeline.protocol import ProtocolOptions, alone, compared, comparing
from pipeline.transforms.counting import Counting
from pipeline.transforms.hints import hints_of
from pipeline.transforms.launcher import heed
from pipeline.transforms.outputs import FAILURES, at_end, sorted_out
from schemas import FrameSet, Lineup, Rubric

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
        done = (
            frames
            | "Shown" >> beam.Map(_by_pictures)
            | "Alike" >> beam.GroupByKey()
            | "annotate" >> _on_its_machine(ask).with_outputs(FAILURES, main="annotations")
        )
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
            | "Shown" >> beam.Map(_by_lineup)
            | "Alike" >> beam.GroupByKey()  # also, a prompt's lineups are answered side by side
        )
        questions = functools.partial(_compared, rubrics=tuple(self.rubrics))
        judges = comparing(self.annotators, self.protocol)
        ask = _AskFn("compare", judges, questions, self.resources, self.progress)
        done = asked | "compare" >> _on_its_machine(ask).with_outputs(FAILURES, main="comparisons")
        return done.comparisons, done.failures


def _on_its_machine(ask: "_AskFn") -> beam.ParDo:
    return beam.ParDo(ask).with_resource_hints(**hints_of(ask.specs))


def _keyed(row: Any) -> tuple[str, Any]:
    return row.prompt_id, row


def _by_pictures(frames: FrameSet) -> tuple[bytes, Any]:
    """A clip under what a judge is shown of it: equal requests meet in one process, where the second
    waits for the reply to the first. What travels are references, never pictures."""
    return _digest(frames.prompt, *frames.pictures), frames


def _by_lineup(element: tuple[Lineup, tuple[FrameSet, ...]]) -> tuple[bytes, Any]:
    """Several clips likewise, in the order they are shown: another order is another request."""
    lineup, clips = element
    shown = (part for clip in clips for part in ("", *clip.pictures))
    return _digest(lineup.rubric, str(lineup.draw), clips[0].prompt, *shown), element


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode()).digest()[:16]


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
        # where an engine has lost a clip on its way the books miss the lineup, and name it
        if clips.keys() >= set(lineup.video_ids):
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
    """Submits in ``process``, drains the oldest over a window, and the rest in ``finish_bundle``.

    An element is a key and all that is alike under it.
    """

    def __init__(
        self,
        stage: str,
        annotators: Sequence[AnnotatorSpec],
        questions: Questions,
        resources: Resources,
        progress: str,
    ) -> None:
        self._stage, self.specs, self._questions = stage, tuple(annotators), questions
        self._resources, self._progress = resources, progress

    def setup(self) -> None:
        heed(self._progress)
        self._annotators: list[tuple[Annotator, AnnotatorSpec]] = []
        self._countings: dict[int, Counting] = {}
        for spec in self.specs:
            counting = Counting(f"{self._stage}/{spec.annotator_id}", self._progress)
            annotator = spec.open(dataclasses.replace(self._resources, told=counting.tell))
            self._annotators.append((annotator, spec))
            self._countings[id(annotator)] = counting
        self._ahead = {id(a): a.in_flight for a, _ in self._annotators}

    def start_bundle(self) -> None:
        self._waiting: dict[int, deque[Future[Sequence[Outcome]]]] = {
            id(a): deque() for a, _ in self._annotators
        }

    def process(self, alike: tuple[bytes, Iterable[Any]]) -> Iterator[Any]:
        for element, (annotator, spec) in itertools.product(alike[1], self._annotators):
            waiting = self._waiting[id(annotator)]
            waiting.extend(_submitted(annotator, one) for one in self._questions(element, spec))
            while len(waiting) > self._ahead[id(annotator)]:
                yield from self._finish(annotator, waiting.popleft())

    def finish_bundle(self) -> Iterator[Any]:
        for annotator, _ in self._annotators:
            waiting = self._waiting[id(annotator)]
            while waiting:
                yield from map(at_end, self._finish(annotator, waiting.popleft()))
            self._countings[id(annotator)].flush()
        self._resources.ledger.rest()  # the machine may be gone when the bundle is kept

    def teardown(self) -> None:
        for annotator, _ in self._annotators:
            annotator.close()

    def _finish(self, annotator: Annotator, future: "Future[Sequence[Outcome]]") -> Iterator[Any]:
        for outcome in future.result():
            self._countings[id(annotator)].count(outcome)
            yield sorted_out(outcome)


def _submitted(annotator: Annotator, question: Question) -> "Future[Sequence[Outcome]]":
    """Once the run is to stop nothing more is asked, not even the journal: the wave ends soon."""
    if (why := stopped()) is None:
        return annotator.submit(question)
    future: Future[Sequence[Outcome]] = Future()
    over = not_attempted(why)
    future.set_result(failures(question, annotator.annotator_id, over.reason, over.message))
    return future
