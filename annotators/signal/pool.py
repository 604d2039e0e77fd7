"""Where ``signal`` measures: in this process, or in children that may hang or die one at a time."""

import functools
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import Future, TimeoutError

import pebble

from annotators.base import Outcome, Question, Resources, failures
from annotators.signal.judge import internal, judge
from annotators.signal.spec import SignalSpec
from schemas import Reason

_AHEAD = 4  # questions submitted per process, so that none waits for the next


class Inline:
    """Answers at once, in this process."""

    in_flight = 1

    def __init__(self, spec: SignalSpec, resources: Resources) -> None:
        self.annotator_id = spec.annotator_id
        self._spec, self._frames = spec, resources.frames

    def submit(self, question: Question) -> "Future[Sequence[Outcome]]":
        """One outcome per dimension of the rubric; the future is done."""
        answered: Future[Sequence[Outcome]] = Future()
        answered.set_result(judge(question, self._frames, self._spec))
        return answered

    def close(self) -> None:
        """Nothing is held."""


class Pooled:
    """Answers from child processes; a question that hangs or kills its child is a failure."""

    def __init__(self, spec: SignalSpec, resources: Resources) -> None:
        self.annotator_id = spec.annotator_id
        self.in_flight = _AHEAD * resources.children
        self._spec, self._frames = spec, resources.frames
        self._pool = pebble.ProcessPool(
            max_workers=resources.children, context=multiprocessing.get_context("forkserver")
        )

    def submit(self, question: Question) -> "Future[Sequence[Outcome]]":
        """One outcome per dimension of the rubric. The future never raises."""
        answered: Future[Sequence[Outcome]] = Future()
        child = self._pool.schedule(
            judge, args=[question, self._frames, self._spec], timeout=self._spec.timeout_s
        )
        child.add_done_callback(functools.partial(self._hand_over, question, answered))
        return answered

    def close(self) -> None:
        """Wait for what was submitted, then end the children."""
        self._pool.close()  # type: ignore[no-untyped-call]
        self._pool.join()

    def _hand_over(
        self,
        question: Question,
        answered: "Future[Sequence[Outcome]]",
        child: "Future[list[Outcome]]",
    ) -> None:
        answered.set_result(self._outcomes(question, child))

    def _outcomes(self, question: Question, child: "Future[list[Outcome]]") -> Sequence[Outcome]:
        try:
            return child.result()
        except TimeoutError:
            return failures(
                question,
                self.annotator_id,
                Reason.TIMEOUT,
                f"gave no answer within {self._spec.timeout_s:g} s and was ended",
            )
        except pebble.ProcessExpired as error:
            return failures(
                question,
                self.annotator_id,
                Reason.CRASHED,
                f"the child process died with exit code {error.exitcode}",
            )
        except Exception as error:
            return internal(question, self.annotator_id, error)
