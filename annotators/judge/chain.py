"""The replies to one question, in order: the last one counts, and it may be asked for once more."""

from annotators.base import Question
from annotators.journal import Entry, Journal, Request
from annotators.judge.completion import Completion
from annotators.judge.outcomes import Chain, completion_of, verdict_for
from annotators.judge.request import request_of
from annotators.judge.spec import JudgeSpec
from annotators.verdict import Unusable


def chain_of(spec: JudgeSpec, journal: Journal, question: Question) -> tuple[Chain, Request | None]:
    """The replies that the journal holds, and the request that it lacks; None: the last one stands.

    Raises ``JournalError`` for a damaged entry.
    """
    chain: list[tuple[Request, Entry]] = []
    while request := next_request(spec, journal, question, chain):
        entry = journal.get(request.key)
        if entry is None:
            return chain, request
        chain.append((request, entry))
    return chain, None


def next_request(
    spec: JudgeSpec, journal: Journal, question: Question, chain: Chain
) -> Request | None:
    """What is to be asked after the replies so far; None where the last one stands.

    A reply that was set aside is followed by another attempt, one that was cut at its token cap by
    one with a larger cap, once, and one that the server left out among those of a shared request by
    one of its own. The journal alone decides, so that every reading of it gives the same rows.
    """
    if not chain:
        return request_of(spec, question)
    request, entry = chain[-1]
    longer = request.settings.max_output_tokens != spec.output_cap(question.rubric)
    completion = completion_of(question, request, entry)
    if completion is None:  # some servers give one reply, whatever they are asked for
        return request_of(spec, question, alone=True)
    if journal.is_set_aside(request.key) and not _stands(spec, question, request, completion):
        attempt = request.attempt + 1
        return request_of(spec, question, attempt=attempt, longer=longer, alone=True)
    if not longer and completion.cut:
        return request_of(spec, question, attempt=request.attempt, longer=True, alone=True)
    return None


def _stands(spec: JudgeSpec, question: Question, request: Request, completion: Completion) -> bool:
    """Whether a draw keeps its reply though the request that it shared with others was set aside."""
    if request.settings.choices is None:
        return False
    verdict = verdict_for(spec, question, completion)
    return not any(isinstance(said, Unusable) for said in verdict)
