"""The replies that a question has so far in the journal, and the request that it still lacks."""

from annotators.base import Question
from annotators.chat.chain import next_request
from annotators.chat.spec import ChatSpec
from annotators.journal import Entry, Journal, Request


def chain_of(
    spec: ChatSpec, journal: Journal, question: Question
) -> tuple[list[tuple[Request, Entry]], Request | None]:
    """Replies in order, and the next request; None where the last reply stands.

    Raises JournalError for a damaged entry.
    """
    chain: list[tuple[Request, Entry]] = []
    while (request := next_request(spec, journal, question, chain)) is not None:
        entry = journal.get(request.key)
        if entry is None:
            return chain, request
        chain.append((request, entry))
    return chain, None
