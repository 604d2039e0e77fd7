"""The replies to one question, in order: the last one counts, and it may be asked for once more."""

from annotators.base import Question
from annotators.chat.completion import read_completion
from annotators.chat.outcomes import Chain
from annotators.chat.request import request_of
from annotators.chat.spec import ChatSpec
from annotators.journal import Entry, Journal, Request


def chain_of(spec: ChatSpec, journal: Journal, question: Question) -> tuple[Chain, Request | None]:
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
    spec: ChatSpec, journal: Journal, question: Question, chain: Chain
) -> Request | None:
    """What is to be asked after the replies so far; None where the last one stands.

    A reply that was set aside is followed by another attempt, one that was cut at its token cap by
    one with a larger cap, once. The journal alone decides, so that every reading of it gives the
    same rows.
    """
    if not chain:
        return request_of(spec, question)
    request, entry = chain[-1]
    longer = request.settings.max_output_tokens != spec.max_output_tokens
    if journal.is_set_aside(request.key):
        return request_of(spec, question, attempt=request.attempt + 1, longer=longer)
    if not longer and read_completion(entry.body).cut:
        return request_of(spec, question, attempt=request.attempt, longer=True)
    return None
