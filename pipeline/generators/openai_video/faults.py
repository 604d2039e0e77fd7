"""What an error of a Videos API means for a clip, and for the run."""

import re

from annotators.chat import errors
from pipeline.generators.openai_video.service import Job, Torn
from schemas import Reason

# codes and words of refusals that the chat interface does not know
_MODERATED = re.compile(
    r"moderat(?:ion|ed)|sentinel_block|safety[ _](?:system|filter|violation|block)|safety\.",
    re.IGNORECASE,
)


class Gone(Exception):
    """The server knows nothing of a job any more, or has thrown its clip away."""


def may_pass(error: BaseException) -> bool:
    """Whether the same call is worth repeating."""
    return isinstance(error, Torn) or errors.is_transient(error)


def reason_of(error: BaseException) -> Reason:
    """Why a clip is missing after the last attempt of a call."""
    if may_pass(error):
        return Reason.UNAVAILABLE
    reason = errors.reason_of(error) or Reason.UNAVAILABLE
    words = f"{getattr(error, 'code', '')} {errors.said(error)}"
    return _unless_moderated(reason, words)


def reason_of_job(job: Job) -> Reason:
    """Why the server failed a job, by its words: quota, a content filter, or anything else."""
    reason = _unless_moderated(errors.reason_of_status(400, job.error), job.error)
    return Reason.GENERATION if reason is Reason.REJECTED else reason


def _unless_moderated(reason: Reason | None, words: str) -> Reason:
    if reason is Reason.REJECTED and _MODERATED.search(words):
        return Reason.CONTENT_FILTER
    return reason or Reason.UNAVAILABLE


def is_gone(error: BaseException | None) -> bool:
    """Whether the server says that there is no such thing, at least for now."""
    return getattr(error, "status_code", None) in (404, 410)
