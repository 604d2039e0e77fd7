"""One clip: the job noted before, or a new one; its end; the file.

What was paid is never paid again: a job's id is on disk before anything is done with it.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from annotators.chat import errors
from annotators.judge.gate import Unanswered
from pipeline.generators.base import GenerationError, Tools
from pipeline.generators.openai_video.desk import Desk
from pipeline.generators.openai_video.faults import Gone, is_gone, reason_of_job
from pipeline.generators.openai_video.notes import Notes
from pipeline.generators.openai_video.order import Order
from pipeline.generators.openai_video.repeat import Patience
from pipeline.generators.openai_video.service import Job
from pipeline.generators.openai_video.spec import OpenAIVideoSpec
from pipeline.generators.openai_video.till import Till
from pipeline.media.sniff import HEAD_BYTES, container_of
from schemas import STOPS_RUN, Clip, Reason

T = TypeVar("T")
WELL, BADLY = "completed", frozenset({"failed", "cancelled", "canceled", "expired"})
EXPIRED = "expired"
MOST_MISSED = 3  # looks in a row that find no such job: one made just now may take a moment to show
MOST_LOOKS = 30  # after errors that may pass; a look is free, and what is looked at is paid
DOWNLOAD_S = 60.0  # at least, though a job took all the time it had


class Purchase:
    """The way to one clip."""

    def __init__(self, spec: OpenAIVideoSpec, desk: Desk, clip: Clip, tools: Tools) -> None:
        self._spec, self._desk = spec, desk
        self._notes = Notes(spec, clip, tools)
        self._till = Till(spec, tools.ledger)
        self._patience = Patience(desk, self._notes.key, spec.timeout_s)
        self._order = Order(spec, desk, clip, self._notes, self._till)

    def bytes_of(self) -> bytes:
        """The clip's file. Raises :class:`GenerationError` and nothing else."""
        try:
            return self._taken_up() or self._bought()
        except Unanswered as error:
            raise self._failed(error.message, error.reason, 0.0) from error
        except Gone as error:
            self._notes.forget()
            raise self._failed(str(error), Reason.UNAVAILABLE, self._spec.worst_usd) from error
        except GenerationError as error:
            if error.reason in STOPS_RUN:
                self._desk.gate.shut(f"{error.reason}: {error}")
            raise self._failed(str(error), error.reason, error.cost_usd) from error
        except Exception as error:  # whatever it is, it costs one clip
            said = f"{type(error).__name__}: {errors.said(error, self._desk.service.key)}"
            raise self._failed(said, Reason.INTERNAL, None) from error
        finally:
            # a job goes on without us, and counts as billed; a later run that takes it up knows better
            self._till.settle(known=False)

    def _taken_up(self) -> bytes | None:
        """The clip of a job that was created before; None where there is none, or it is gone."""
        if failed := self._notes.failed():
            raise failed
        noted = self._notes.job()
        if noted is None:
            return None
        if noted.owed:
            self._till.regain()
        try:
            job = self._ended(self._look(noted.job_id))
            if job.status != EXPIRED:
                return self._collected(job)
        except Gone:
            pass
        self._till.settle(known=False)
        self._notes.forget()
        return None

    def _bought(self) -> bytes:
        job = self._order.placed(self._patience)
        self._patience.renew()
        return self._collected(self._ended(job))

    def _ended(self, job: Job) -> Job:
        while job.status != WELL and job.status not in BADLY:
            if self._patience.over:
                raise GenerationError(
                    f"job {job.id} is {job.status} after {self._spec.timeout_s:g} s; it goes on at "
                    "the server, and `retry` collects it without paying again (or raise timeout_s)",
                    Reason.TIMEOUT,
                )
            time.sleep(self._spec.poll_s)
            job = self._look(job.id)
        return job

    def _collected(self, job: Job) -> bytes:
        if job.status != WELL:
            raise self._refused(job)
        if self._till.open:
            self._till.settle(known=True)
            self._notes.settle()
        data = self._downloaded(job)
        if container_of(data[:HEAD_BYTES]) is None:
            begin = errors.redact(repr(data[:40]), self._desk.service.key)
            said = f"job {job.id}: {len(data)} bytes that are no video: they begin with {begin}"
            raise GenerationError(said, cost_usd=self._spec.worst_usd)
        return data

    def _downloaded(self, job: Job) -> bytes:
        service = self._desk.service
        until = max(self._patience.until, time.monotonic() + DOWNLOAD_S)
        try:
            return self._there(f"download {job.id}", lambda: service.download(job.id, until))
        except GenerationError as error:  # it is paid
            raise GenerationError(
                str(error), error.reason, cost_usd=self._spec.worst_usd
            ) from error

    def _refused(self, job: Job) -> GenerationError:
        """Books a job that the server took and failed. Where that cost nothing, or more money mends it,
        the next run asks for the clip again; what is paid for nothing is kept until `retry`."""
        worst = self._spec.worst_usd
        billed = worst != 0.0 and (self._spec.price.failed_billed if self._spec.price else None)
        if billed is False:
            self._till.release()
        else:
            self._till.settle(known=billed is True)
        said = errors.redact(job.error or "no reason given", self._desk.service.key)
        cost = {False: 0.0, True: worst, None: None}[billed]
        error = GenerationError(
            f"job {job.id} {job.status}: {said}", reason_of_job(job), cost_usd=cost
        )
        if cost == 0.0 or error.reason in STOPS_RUN:
            self._notes.forget()
        else:
            self._notes.settle()
            self._notes.fail(error)
        return error

    def _look(self, job_id: str) -> Job:
        return self._there(f"look at {job_id}", lambda: self._desk.service.retrieve(job_id))

    def _there(self, what: str, ask: Callable[[], T]) -> T:
        """What the server knows of a job. Raises :class:`Gone`."""
        missed = 0
        while True:
            try:
                return self._patience.repeat(what, ask, most=MOST_LOOKS)
            except GenerationError as error:
                missed += 1
                if not is_gone(error.__cause__):
                    raise
                if missed == MOST_MISSED:
                    raise Gone(str(error)) from error
            time.sleep(self._spec.poll_s)

    def _failed(self, message: str, reason: Reason, cost_usd: float | None) -> GenerationError:
        return GenerationError(message, reason, cost_usd=self._till.for_nothing(cost_usd))
