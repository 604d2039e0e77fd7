"""Which requests the draws of a question still need, by what the journal holds."""

from collections import Counter
from collections.abc import Iterator, Sequence

from annotators.base import Question
from annotators.journal import Journal, JournalError
from annotators.judge.chain import chain_of
from annotators.judge.request import request_of
from annotators.judge.spec import JudgeSpec


def owed(spec: JudgeSpec, draws: Sequence[Question], journal: Journal | None) -> dict[int, int]:
    """Requests that the draws of a question need: how many replies one asks for -> how many such."""
    shared = spec.choices(draws[0].rubric)
    if journal is None:
        return {1: len(draws)} if shared is None else {shared: 1}
    if shared is None:
        return {1: sum(not _answered(spec, draw, journal) for draw in draws)}
    missing = {key: n for draw in draws for key, n in _missing(spec, draw, journal)}
    return dict(Counter(missing.values()))


def _answered(spec: JudgeSpec, question: Question, journal: Journal) -> bool:
    """Whether a draw of its own has a reply that counts. No entry is opened."""
    attempt = 0
    while journal.known(key := request_of(spec, question, attempt=attempt).key):
        if not journal.is_set_aside(key):
            return True
        attempt += 1
    return False


def _missing(spec: JudgeSpec, question: Question, journal: Journal) -> Iterator[tuple[str, int]]:
    """The request that a draw lacks, if any: its key, and how many replies it asks for. Draws that
    share one find their replies in its body, where a server may have left some out."""
    try:
        request = chain_of(spec, journal, question)[1]
    except JournalError:
        return  # whoever reads it for its score says so
    if request is not None:
        yield request.key, request.settings.choices or 1
