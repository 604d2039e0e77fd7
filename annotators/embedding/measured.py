"""Annotators that measure: one measurement of a clip answers every question about it.

Rubrics with a dimension each ask about one clip one after the other. What they ask of a model that
sees only frames and prompt is the same thing, so the clip is measured once and each question reads
its answer off. Clips are measured one at a time and never together: what else is in a batch changes
the last digits, and rows must not depend on how many workers there are. Threads read and decode
frames ahead while the model works.
"""

import threading
import traceback
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from annotators.base import Outcome, Question, failures
from annotators.embedding.pictures import Unmeasured
from schemas import Annotation, Dimension, Failure, FrameSet, Reason

T = TypeVar("T")

_THREADS = 3  # one waits for the model, one reads, one is being handed over
DIGITS = 6  # kept of a score; those after them change with the machine and its threads
_KEPT = 64  # measurements; more than the clips in flight


class Measured(Generic[T]):
    """Answers from ``measure(frames)`` by ``answer(question, dimension, measurement)``.

    ``refuse(dimension)`` says why a dimension is not answered, None if it is. ``measure`` raises
    :class:`Unmeasured` for a clip it cannot read; ``close`` ends what it holds.
    """

    in_flight = 4 * _THREADS  # questions; several are about one clip

    def __init__(
        self,
        annotator_id: str,
        *,
        measure: Callable[[FrameSet], T],
        answer: Callable[[Question, Dimension, T], Outcome],
        refuse: Callable[[str], str | None],
        close: Callable[[], None],
    ) -> None:
        self.annotator_id = annotator_id
        self._measure, self._answer, self._refuse, self._close = measure, answer, refuse, close
        self._pool = ThreadPoolExecutor(_THREADS, f"measure-{annotator_id}")
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[tuple[str, ...], str], Future[T]] = OrderedDict()

    def submit(self, question: Question) -> "Future[Sequence[Outcome]]":
        """One outcome per dimension of the rubric. The future never raises."""
        answered: Future[Sequence[Outcome]] = Future()
        if all(self._refuse(d.name) for d in question.rubric.dimensions):
            measurement: Future[T] = Future()
            measurement.set_exception(Unmeasured(Reason.NOT_APPLICABLE, "nothing is answered"))
        else:
            measurement = self._measurement(question.frames)
        measurement.add_done_callback(
            lambda done: answered.set_result(self._outcomes(question, done))
        )
        return answered

    def close(self) -> None:
        """Wait for what was submitted, then let go of the model."""
        self._pool.shutdown()
        self._close()

    def _measurement(self, frames: FrameSet) -> "Future[T]":
        key = frames.jpeg_sha256, frames.prompt
        with self._lock:
            if key not in self._kept:
                self._kept[key] = self._pool.submit(self._measure, frames)
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return self._kept[key]

    def _outcomes(self, question: Question, done: "Future[T]") -> Sequence[Outcome]:
        try:
            value = done.result()
            return self._each(question, lambda d: self._answer(question, d, value))
        except Unmeasured as error:
            reason, message = error.reason, str(error)
        except Exception as error:
            last = traceback.format_exception(error)[-1].strip()
            reason, message = Reason.INTERNAL, f"a fault of this program: {last}"
        return self._each(question, lambda d: self._failure(question, d, reason, message))

    def _each(
        self, question: Question, outcome: Callable[[Dimension], Outcome]
    ) -> Sequence[Outcome]:
        """For a dimension that is not answered it is not applicable, whatever else happened."""
        return [
            self._failure(question, dimension, Reason.NOT_APPLICABLE, refusal)
            if (refusal := self._refuse(dimension.name))
            else outcome(dimension)
            for dimension in question.rubric.dimensions
        ]

    def _failure(
        self, question: Question, dimension: Dimension, reason: Reason, message: str
    ) -> Failure:
        return failures(question, self.annotator_id, reason, message, dimensions=[dimension.name])[
            0
        ]


def measured_row(
    question: Question,
    dimension: Dimension,
    annotator_id: str,
    *,
    score: float,
    scale: tuple[float, float] | None,
    n_frames: int,
    model: str,
    rationale: str | None,
) -> Annotation:
    """The row of a free measurement of a clip's frames. No rubric's words were read for it."""
    frames = question.frames
    return Annotation(
        video_id=frames.video_id,
        dimension=dimension.name,
        annotator_id=annotator_id,
        draw=question.draw,
        prompt_id=frames.prompt_id,
        generator=frames.generator,
        score=round(score, DIGITS),
        scale_low=scale[0] if scale else None,
        scale_high=scale[1] if scale else None,
        n_frames=n_frames,
        model=model,
        rationale=rationale,
        cost_usd=0.0,
        simulated=frames.simulated,
    )
