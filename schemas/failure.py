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
    TOO_LARGE = "too_large"  # more bytes, pixels, frames, streams or memory than allowed
    FETCH = "fetch"  # the clip could not be fetched from its address
    WRONG_DECODER = "wrong_decoder"  # the decoder asked for is known to be wrong on such a file
    NO_TIMES = "no_times"  # the sampling policy needs times, and the file has none
    TIMEOUT = "timeout"  # a child process or a request passed its deadline
    CRASHED = "crashed"  # a child process died (native code)
    WITHDRAWN = "withdrawn"  # its owner took this content back; not an error
    # clip checks: clips that the configuration leaves out; not errors
    BLACK = "black"  # nearly every frame is black
    FROZEN = "frozen"  # the frames hardly differ
    TOO_SHORT = "too_short"  # fewer frames, or less time, than asked
    LETTERBOX = "letterbox"  # black bars take much of the picture
    NEAR_DUPLICATE = "near_duplicate"  # all but repeats another clip
    NSFW = "nsfw"  # the hook says so
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


CLIP_CHECKS = (
    Reason.BLACK,
    Reason.FROZEN,
    Reason.TOO_SHORT,
    Reason.LETTERBOX,
    Reason.NEAR_DUPLICATE,
    Reason.NSFW,
)
HARMLESS = frozenset(
    {Reason.WITHDRAWN, Reason.NOT_APPLICABLE, Reason.NOT_RECORDED, *CLIP_CHECKS}
)  # never count towards a failure rate
STOPS_RUN = frozenset({Reason.AUTHENTICATION, Reason.QUOTA})


@record
class Failure:
    """A record that is missing. Key: stage, key.

    ``key`` is the missing record's key fields joined by ``/``; ``message`` says what was wrong and
    what to do; ``cost_usd`` what was paid for nothing (0.0: nothing; None: unknown).
    """

    stage: str  # video, frames, check, annotate, compare
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
