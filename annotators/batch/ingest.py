"""From the files of a finished batch to entries of the journal, notes, and what it cost.

A reply is kept under its ``custom_id`` and nothing else: lines come in any order, and a line that
names no request of the shard, or one that was answered already, is counted and left out.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from annotators.batch.notes import Note
from annotators.batch.results import Line, read_lines
from annotators.batch.shards import Tickets
from annotators.batch.state import ERRORS, OUTPUT, Shard
from annotators.chat.cost import used
from annotators.chat.errors import NoCompletion, reason_of, reason_of_status, redact
from annotators.journal import Journal
from annotators.judge.completion import Completion, is_completion, read_completion
from annotators.ledger import Amount
from annotators.models import Price
from schemas import STOPS_RUN, Reason

AT_ONCE = 256  # lines that are kept at the same time


class Short(Exception):
    """The result files hold fewer replies than the server says it has billed."""


@dataclasses.dataclass(slots=True)
class Tally:
    """What came of a shard. Every request of it is answered, noted, or missed."""

    used: Amount = dataclasses.field(default_factory=lambda: Amount(requests=0))
    answered: set[str] = dataclasses.field(default_factory=set)
    notes: dict[str, Note] = dataclasses.field(default_factory=dict)
    missed: dict[str, str] = dataclasses.field(default_factory=dict)  # key -> why
    lost: set[str] = dataclasses.field(default_factory=set)  # billed or not, nobody knows
    estimates: list[tuple[int, int]] = dataclasses.field(default_factory=list)  # and the count
    stop: str | None = None  # why nothing more may be sent
    unknown: int = 0  # lines that name no request of the shard
    repeated: int = 0
    unreadable: int = 0

    @property
    def oddities(self) -> str:
        """What was wrong with the files, for a person; empty where nothing was."""
        counts = {
            "with an unknown custom_id": self.unknown,
            "with a repeated custom_id": self.repeated,
            "that cannot be read": self.unreadable,
        }
        return ", ".join(f"{n} lines {what}" for what, n in counts.items() if n)


class Ingestion:
    """Reads one shard's files. Reading them again changes nothing in the journal.

    Args:
        price: what the replies cost; goes into the journal with them.
        secret: the key of the server, kept out of messages.
    """

    def __init__(self, journal: Journal, price: Price | None, secret: str) -> None:
        self._journal, self._price, self._secret = journal, price, secret

    def run(self, shard: Shard, folder: Path) -> Tally:
        """Raises :class:`Short` for files that cannot be whole, and JournalError."""
        tickets = Tickets(folder)
        try:
            tally = Tally()
            self._replies(tickets, folder / OUTPUT, shard, tally)
            self._errors(tickets, folder / ERRORS, tally)
            self._faults(tickets, shard, tally)
            self._rest(tickets, shard, tally)
            return tally
        finally:
            tickets.close()

    def _replies(self, tickets: Tickets, path: Path, shard: Shard, tally: Tally) -> None:
        n_lines = 0
        with ThreadPoolExecutor(8, "journal") as pool:  # a store may be far away
            for chunk in _chunks(_lines(path)):
                n_lines += len(chunk)
                kept = [line for line in chunk if self._is_ours(line, tickets, tally)]
                requests = [tickets[line.custom_id].request for line in kept if line is not None]
                bodies = [line.body or "" for line in kept if line is not None]
                price = self._price.model_dump(exclude_none=True) if self._price else None
                for _ in pool.map(self._journal.put, requests, bodies, itertools.repeat(price)):
                    pass
        if shard.completed is not None and n_lines < shard.completed:
            raise Short(f"{n_lines} of {shard.completed} replies")

    def _is_ours(self, line: Line | None, tickets: Tickets, tally: Tally) -> bool:
        """Whether a line holds a reply to keep. Anything else is counted."""
        if line is None:
            tally.unreadable += 1
            return False
        key = line.custom_id
        if key not in tickets:
            tally.unknown += 1
            return False
        if key in tally.answered or key in tally.lost:
            tally.repeated += 1
            return False
        if line.status != 200 or line.body is None or not is_completion(line.body):
            self._refused(line, tally)
            return False
        tally.answered.add(key)
        tally.missed.pop(key, None)
        tally.notes.pop(key, None)
        self._count(tickets, key, read_completion(line.body), tally)
        return True

    def _count(self, tickets: Tickets, key: str, completion: Completion, tally: Tally) -> None:
        ticket = tickets[key]
        tally.used += used(self._price, completion) or ticket.worst
        if completion.input_tokens is not None:
            tally.estimates.append((ticket.estimate, completion.input_tokens))

    def _errors(self, tickets: Tickets, path: Path, tally: Tally) -> None:
        for line in _lines(path):
            if line is None:
                tally.unreadable += 1
            elif line.custom_id not in tickets:
                tally.unknown += 1
            elif line.custom_id in tally.answered or line.custom_id in tally.lost:
                tally.repeated += 1
            else:
                self._refused(line, tally)

    def _refused(self, line: Line, tally: Tally) -> None:
        """A line without a reply: the request's own fault, or one that may pass."""
        key, reason = line.custom_id, None
        if line.status == 200:
            error = NoCompletion(line.body or "")
            reason, message = reason_of(error), str(error)
            if error.status is None:
                tally.lost.add(key)  # the model may have worked
        else:
            message = f"HTTP {line.status}: {line.words}" if line.status else line.words
            if line.status is not None:
                reason = reason_of_status(line.status, line.words)
        message = redact(message, self._secret)
        if reason in STOPS_RUN:
            tally.stop, reason = f"{reason}: {message}", None
        if reason is None:
            tally.missed[key] = message
        else:
            tally.notes[key] = Note(key=key, reason=reason, message=message)

    def _faults(self, tickets: Tickets, shard: Shard, tally: Tally) -> None:
        """What the server found wrong with the file as a whole, or with lines of it."""
        for fault in shard.faults:
            words = redact(f"{fault.code} {fault.message}", self._secret)
            reason = reason_of_status(400, words)
            if reason in STOPS_RUN:
                tally.stop = f"{reason}: {words}"
            elif fault.line is not None and 1 <= fault.line <= len(tickets.keys):
                key = tickets.keys[fault.line - 1]
                if key not in tally.answered:
                    tally.notes[key] = Note(
                        key=key, reason=reason or Reason.REJECTED, message=words
                    )

    def _rest(self, tickets: Tickets, shard: Shard, tally: Tally) -> None:
        """Requests that no line is about: billed at the worst case where that cannot be excluded."""
        why = "; ".join(redact(f"{f.code} {f.message}", self._secret) for f in shard.faults)
        for key in tickets.keys:
            if key in tally.answered or key in tally.notes or key in tally.missed:
                continue
            tally.missed[key] = why or f"the batch is {shard.status} and says nothing about it"
            if shard.status == "completed":
                tally.lost.add(key)
        for key in tally.lost:
            tally.used += tickets[key].worst


def _lines(path: Path) -> Iterator[Line | None]:
    return read_lines(path) if path.exists() else iter(())


def _chunks(lines: Iterable[Line | None]) -> Iterator[list[Line | None]]:
    lines = iter(lines)
    while chunk := list(itertools.islice(lines, AT_ONCE)):
        yield chunk
