"""The replies to one question, in order: the last one counts, and it may be asked for once more."""

from annotators.base import Question
from annotators.journal import Entry, Journal, Request
from annotators.judge.completion import Completion, read_choice
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
    one of its own. Draws go on sharing requests as long as none of their replies is of use. The
    journal alone decides, so that every reading of it gives the same rows.
    """
    if not chain:
        return request_of(spec, question)
    request, entry = chain[-1]
    completion = completion_of(question, request, entry)
    if completion is None:  # some servers give one reply, whatever they are asked for
        return request_of(spec, question, alone=True)
    longer = request.settings.max_output_tokens != spec.output_cap(question.rubric)
    shared = request.settings.choices is not None
    aside = journal.is_set_aside(request.key)
    # what other draws come to sets a shared request aside; one that was cut there has its own way on
    if completion.cut and not longer and (shared or not aside):
        return request_of(spec, question, attempt=request.attempt, longer=True, alone=True)
    if not aside or (shared and _of_use(spec, question, completion)):
        return None
    alone = not (shared and _in_vain(spec, question, request, entry))
    return request_of(spec, question, attempt=request.attempt + 1, longer=longer, alone=alone)


def _in_vain(spec: JudgeSpec, question: Question, request: Request, entry: Entry) -> bool:
    """Whether a shared request gave every draw a whole reply, and none of them is of use."""
    replies = [read_choice(entry.body, k) for k in range(request.settings.choices or 0)]
    return all(
        reply is not None and not reply.cut and not _of_use(spec, question, reply)
        for reply in replies
    )


def _of_use(spec: JudgeSpec, question: Question, completion: Completion) -> bool:
    """Whether a reply says something on every dimension."""
    verdict = verdict_for(spec, question, completion)
    return not any(isinstance(said, Unusable) for said in verdict)
