"""A new job for one clip: within the budget, and never a second one for a call that came to no end."""

import json
import re
import time
import uuid

from annotators.chat import errors
from pipeline.generators.base import GenerationError
from pipeline.generators.openai_video.desk import Desk
from pipeline.generators.openai_video.faults import may_pass
from pipeline.generators.openai_video.notes import Notes
from pipeline.generators.openai_video.repeat import Patience
from pipeline.generators.openai_video.service import Job
from pipeline.generators.openai_video.spec import OpenAIVideoSpec
from pipeline.generators.openai_video.till import Till
from schemas import Clip, Reason

CLOCKS_S = 600.0  # by which our clock and the server's may differ


class Order:
    """The way to a job that the server took and that is noted.

    Equal prompts are asked for one at a time, so that a job found in the server's list is that of the
    call that was lost. That holds among the threads of a process; where two processes ask the same
    prompt of one account in the same moment, and both lose the answer, they may take the same job.
    """

    def __init__(
        self, spec: OpenAIVideoSpec, desk: Desk, clip: Clip, notes: Notes, till: Till
    ) -> None:
        self._spec, self._desk, self._clip = spec, desk, clip
        self._notes, self._till = notes, till

    def placed(self, patience: Patience) -> Job:
        """The job. Its cost is reserved, its id on disk."""
        self._name, self._began = uuid.uuid4().hex, time.time()
        with self._desk.turns[self._clip.prompt]:
            job = patience.repeat(
                "create",
                self._attempt,
                most=self._spec.max_attempts,
                sleep=self._desk.sleep,
                busy_counts=False,
            )
            try:
                self._notes.put(job.id)
            except Exception as error:  # a full disk must not lose the jobs that are bought next
                self._desk.gate.shut(f"a paid job could not be noted: {error}")
        return job

    def _attempt(self) -> Job:
        if self._till.lost and (found := self._found()):
            return found
        self._desk.keep_pause()
        self._till.reserve(self._desk)
        try:
            return self._desk.service.create(self._fields(), self._name)
        except BaseException as error:
            if errors.maybe_billed(error):
                self._till.lose()
            else:
                self._till.release()
            if errors.is_rate_limit(error):
                self._desk.pause(errors.hinted_wait_s(errors.headers_of(error)) or 0.0)
            raise

    def _fields(self) -> dict[str, object]:
        spec, clip = self._spec, self._clip
        own: dict[str, object] = {
            "model": spec.model,
            "prompt": clip.prompt,
            "seconds": None if spec.seconds is None else str(spec.seconds),
            "size": spec.size,
        }
        own |= {name: value for name, value in _drawn(clip).items() if name in spec.sends}
        return {**spec.extra_body, **{k: v for k, v in own.items() if v is not None}}

    def _found(self) -> Job | None:
        """The job that a call without an answer created all the same; None where there is none."""
        if self._spec.worst_usd == 0.0:
            return None  # nothing is paid twice
        try:
            recent = list(self._desk.service.recent(self._began - CLOCKS_S))
        except Exception as error:
            if may_pass(error):
                raise
            raise self._untold(errors.said(error, self._desk.service.key)) from error
        others = [job for job in recent if not self._notes.taken(job.id)]
        if others and (self._spec.sends or any(job.prompt is None for job in others)):
            raise self._untold("its list of jobs does not tell one from the other")
        same = [job for job in others if self._is_ours(job)]
        if not same:
            return None
        self._till.find()
        return same[-1]

    def _is_ours(self, job: Job) -> bool:
        spec = self._spec
        asked = (None if spec.seconds is None else str(spec.seconds), spec.size)
        told = zip((job.seconds, job.size), asked, strict=True)
        # servers may tell the dated version of what was asked for (sora-2-2025-12-08, not sora-2-pro)
        model = re.sub(r"-\d{4}-\d\d-\d\d\Z", "", job.model or spec.model)
        return (
            job.prompt == self._clip.prompt
            and spec.model in (model, job.model)
            and all(None in pair or pair[0] == pair[1] for pair in told)
        )

    def _untold(self, why: str) -> GenerationError:
        return GenerationError(
            "create: the call came to no end, and whether the server made a job of it cannot be told "
            f"({why}); it is not sent again, for it might be paid twice; `retry` asks anew",
            Reason.UNAVAILABLE,
        )


def _drawn(clip: Clip) -> dict[str, object]:
    """What is the clip's own, and sent to servers that take it."""
    settings = json.loads(clip.settings or "{}")
    return {"seed": clip.seed, "guidance_scale": settings.get("guidance_scale")}
