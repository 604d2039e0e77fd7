"""What each reason of a failure means, and what somebody who reads it can do about it.

``{"meaning", "action", "retry"}``; ``retry``: whether ``videoprefer retry DIR --reason R`` may mend it.
Without it the same command takes nothing up that failed, but what was never sent, or left unanswered.
"""

from schemas import Reason

NEVER, RETRY = False, True
# a request is its settings, too, so no reply to another one is of use
ANEW = "which buys all verdicts anew"

_SAID: dict[Reason, tuple[str, str, bool]] = {
    Reason.NOT_FOUND: (
        "the clip's file has gone since it was listed",
        "put the file back where its source names it",
        RETRY,
    ),
    Reason.CHECKSUM: (
        "the bytes are not those that the manifest promised",
        "put the right file back, or correct its sum in the manifest",
        RETRY,
    ),
    Reason.GENERATION: (
        "the generator could not make the clip",
        "the message says why; mend the generator or the prompt",
        RETRY,
    ),
    Reason.UNDECODABLE: (
        "no decoder could read the clip",
        "replace or mend the file; nothing is judged that cannot be seen",
        RETRY,
    ),
    Reason.NO_VIDEO: ("the file has no video stream", "replace the file", RETRY),
    Reason.TOO_LARGE: (
        "more bytes, pixels, frames, streams or memory than allowed",
        "raise the limit in frames: where the file can be trusted",
        RETRY,
    ),
    Reason.FETCH: (
        "the clip could not be fetched from its address",
        "look at the address; the server may have been down",
        RETRY,
    ),
    Reason.WRONG_DECODER: (
        "the decoder asked for is known to be wrong on such a file",
        "choose another decoder in frames:, or leave the choice to the program",
        RETRY,
    ),
    Reason.NO_TIMES: (
        "the sampling policy needs times, and the file has none",
        "choose a policy that counts frames",
        RETRY,
    ),
    Reason.TIMEOUT: (
        "a child process or a request passed its deadline",
        "try again; where it is always the same clip, look at the file",
        RETRY,
    ),
    Reason.CRASHED: (
        "a child process died in native code",
        "try again; where it is always the same clip, look at the file",
        RETRY,
    ),
    Reason.WITHDRAWN: (
        "its owner took this content back",
        "nothing: it is no error, and stays out",
        NEVER,
    ),
    Reason.BLACK: (
        "nearly every frame is black",
        "nothing: the configuration leaves such clips out (checks:)",
        NEVER,
    ),
    Reason.FROZEN: (
        "the frames hardly differ",
        "nothing: the configuration leaves such clips out (checks:)",
        NEVER,
    ),
    Reason.TOO_SHORT: (
        "fewer frames, or less time, than asked",
        "nothing: the configuration leaves such clips out (checks:)",
        NEVER,
    ),
    Reason.LETTERBOX: (
        "black bars take much of the picture",
        "nothing: the configuration leaves such clips out (checks:)",
        NEVER,
    ),
    Reason.NEAR_DUPLICATE: (
        "the clip all but repeats another one",
        "nothing: the configuration leaves such clips out (checks:)",
        NEVER,
    ),
    Reason.NSFW: (
        "the hook for explicit content says so",
        "nothing: the configuration leaves such clips out (checks:)",
        NEVER,
    ),
    Reason.NOT_APPLICABLE: (
        "the annotator cannot judge this clip on this dimension",
        "nothing: it is no error",
        NEVER,
    ),
    Reason.NOT_RECORDED: (
        "the recorded file has no row for this clip",
        "nothing, or give the recorded annotator the missing rows",
        NEVER,
    ),
    Reason.REFUSAL: (
        "the judge declined to give a verdict; the reply was paid",
        "a retry pays for a new reply; the first stays on record",
        RETRY,
    ),
    Reason.CONTENT_FILTER: (
        "the provider's filter stopped the request or the reply",
        "a retry seldom helps; another provider may",
        RETRY,
    ),
    Reason.TRUNCATED: (
        "the reply was cut at its token cap, a second time with a larger one too",
        f"raise max_output_tokens of the annotator, {ANEW}",
        RETRY,
    ),
    Reason.NO_ANSWER: (
        "the reply holds no verdict that could be read",
        "a retry pays for a new reply; many of them: look at one with preview",
        RETRY,
    ),
    Reason.SEVERAL_ANSWERS: (
        "the reply holds several verdicts",
        "a retry pays for a new reply; many of them: look at one with preview",
        RETRY,
    ),
    Reason.OFF_SCALE: (
        "the score is not on the rubric's scale",
        f"a retry pays for a new reply; many of them: ask for reply_format: json_schema, {ANEW}",
        RETRY,
    ),
    Reason.MISSING_DIMENSION: (
        "the reply leaves one of the rubric's dimensions out",
        f"a retry pays for a new reply; many of them: ask for reply_format: json_schema, {ANEW}",
        RETRY,
    ),
    Reason.CONTRADICTION: (
        "the reply contradicts itself",
        "a retry pays for a new reply; many of them: look at one with preview",
        RETRY,
    ),
    Reason.NO_DISTRIBUTION: (
        "the log-probabilities that were asked for are not in the reply",
        f"set score: sampled, {ANEW}, or take a server that gives them",
        RETRY,
    ),
    Reason.REJECTED: (
        "the server refuses this request and would refuse it again",
        "correct what the message names first",
        RETRY,
    ),
    Reason.UNAVAILABLE: (
        "errors that usually pass outlasted the tries",
        "the server was down or overloaded; the same command asks again",
        RETRY,
    ),
    Reason.AUTHENTICATION: ("the server does not take the key", "set the key right", RETRY),
    Reason.QUOTA: ("the account has nothing left to spend", "top the account up", RETRY),
    Reason.NOT_ATTEMPTED: (
        "not sent, because the run was stopped before",
        "run the same command again",
        RETRY,
    ),
    Reason.INTERNAL: (
        "a fault of this program, or of a component it rests on",
        "report it with the message; it may pass on a retry",
        RETRY,
    ),
}

REASONS = {
    reason.value: {"meaning": meaning, "action": action, "retry": retry}
    for reason, (meaning, action, retry) in _SAID.items()
}
