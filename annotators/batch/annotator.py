"""Reads what a batch run bought: replies from the journal, and notes on those that are missing."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from annotators.base import Outcome, Question, Resources, failures
from annotators.batch.notes import Note, Notes
from annotators.batch.spec import OpenAIBatchSpec
from annotators.batch.state import folder_of
from annotators.journal import Journal
from annotators.judge.chain import chain_of
from annotators.judge.outcomes import outcomes_of, paid
from annotators.told import Told
from schemas import Reason

THREADS = 16  # a store may be far away


class BatchAnnotator:
    """An open judge that sends nothing."""

    def __init__(self, spec: OpenAIBatchSpec, resources: Resources) -> None:
        self.annotator_id = spec.annotator_id
        self.in_flight = 4 * THREADS
        self._spec, self._journal = spec, Journal(resources.journal)
        work = resources.work
        self._notes = None if work is None else Notes(folder_of(work, spec.annotator_id))
        self._told = resources.told
        self._pool = ThreadPoolExecutor(THREADS, f"annotator-{spec.annotator_id}")

    def submit(self, question: Question) -> "Future[Sequence[Outcome]]":
        """One outcome per dimension of the rubric. The future never raises for a single item."""
        return self._pool.submit(self._answer, question)

    def close(self) -> None:
        """End the threads, once they have read what they were asked for."""
        self._pool.shutdown()

    def _answer(self, question: Question) -> Sequence[Outcome]:
        try:
            chain, missing = chain_of(self._spec, self._journal, question)
            lacks = int(missing is not None)
            self._told(Told(asked=len(chain) + lacks, cached=len(chain), missing=lacks))
            if missing is None:
                return outcomes_of(self._spec, question, chain)
        except Exception as error:  # nothing a single item does may reach an engine
            message = f"{type(error).__name__}: {error}"
            return failures(question, self.annotator_id, Reason.INTERNAL, message)
        note, before = self._note(missing.key), paid(self._spec, question, chain)
        known = note.cost_usd is not None and before.cost_usd is not None
        return failures(
            question,
            self.annotator_id,
            note.reason,
            note.message,
            cost_usd=(note.cost_usd or 0.0) + (before.cost_usd or 0.0) if known else None,
            input_tokens=before.input_tokens,
            output_tokens=before.output_tokens,
        )

    def _note(self, key: str) -> Note:
        noted = self._notes.of(key) if self._notes else None
        return noted or Note(
            key=key,
            reason=Reason.NOT_ATTEMPTED,
            message="no reply is in the journal, and no batch run on this machine says why; the same "
            "command asks again",
        )
