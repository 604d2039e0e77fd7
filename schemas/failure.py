"""What could not be done: a row with a reason from a closed list, never an exception in an engine."""

from enum import StrEnum

from schemas.base import check_at_least, record, refuse


class Reason(StrEnum):
    """Why a record is missing. The value is what the ``failures`` table holds."""

    # clips and frames
    NOT_FOUND = "not_found"  # the file has gone since it was listed
    CHECKSUM = "checksum"  # the bytes are not those the manifest promised
    GENERATION = "generation"  # the generator could not make the clip
    UNDECODABLE = "undecodable"  # no decoder could read the clip
    NO_VIDEO = "no_video"  # the file has no video stream
    TOO_LARGE = "too_large"  # more bytes, pixels or frames than allowed
    TIMEOUT = "timeout"  # a child process or a request passed its deadline
    CRASHED = "crashed"  # a child process died (native code)
    # verdicts
    NOT_APPLICABLE = "not_applicable"  # the annotator cannot judge this; not an error
    NOT_RECORDED = "not_recorded"  # the recorded file has no row for this clip
    REFUSAL = "refusal"
    CONTENT_FILTER = "content_filter"
    TRUNCATED = "truncated"
    NO_ANSWER = "no_answer"
    SEVERAL_ANSWERS = "several_answers"
    OFF_SCALE = "off_scale"
    MISSING_DIMENSION = "missing_dimension"
    CONTRADICTION = "contradiction"
    NO_DISTRIBUTION = "no_distribution"  # the log-probabilities that were asked for are not there
    # requests
    REJECTED = "rejected"  # the server refuses this request and would refuse it again
    UNAVAILABLE = "unavailable"  # transient errors outlasted the retries
    AUTHENTICATION = "authentication"  # stops the run
    QUOTA = "quota"  # stops the run
    NOT_ATTEMPTED = "not_attempted"  # not sent, because the run was stopped before
    # anything else
    INTERNAL = "internal"  # a fault of this program, kept with its last lines


HARMLESS = frozenset(
    {Reason.NOT_APPLICABLE, Reason.NOT_RECORDED}
)  # never count towards a failure rate
STOPS_RUN = frozenset({Reason.AUTHENTICATION, Reason.QUOTA})


@record
class Failure:
    """A record that is missing. Key: stage, key.

    ``key`` is the missing record's key fields joined by ``/``; ``message`` says what was wrong and
    what to do; ``cost_usd`` what was paid for nothing (0.0: nothing; None: unknown).
    """

    stage: str  # video, frames, annotate, compare
    key: str
    reason: Reason
    message: str
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = 0.0
    reply_key: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.reason, Reason):
            refuse(self, "reason", "a Reason")
        if not self.key or not self.message:
            refuse(self, "message", "a key and a message")
        check_at_least(self, 0, "cost_usd", "input_tokens", "output_tokens")
