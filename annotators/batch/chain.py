"""The replies that a question has so far, and the request that it still lacks."""

from annotators.base import Question
from annotators.chat.completion import read_completion
from annotators.chat.request import request_of
from annotators.chat.spec import ChatSpec
from annotators.journal import Entry, Journal, Request


def chain_of(
    spec: ChatSpec, journal: Journal, question: Question
) -> tuple[list[tuple[Request, Entry]], Request | None]:
    """Replies in order, and the next request; None where the last reply stands.

    A reply that was set aside is followed by another attempt, one that was cut at its token cap by
    one with a larger cap, once. Raises JournalError for a damaged entry.
    """
    chain: list[tuple[Request, Entry]] = []
    attempt, longer = 0, False
    while True:
        request = request_of(spec, question, attempt=attempt, longer=longer)
        entry = journal.get(request.key)
        if entry is None:
            return chain, request
        chain.append((request, entry))
        if journal.is_set_aside(request.key):
            attempt += 1
        elif not longer and read_completion(entry.body).cut:
            longer = True
        else:
            return chain, None
