"""What goes into which file: one request at a time, so that memory stays flat, up to the limits.

Beside the file for the server lies one with tickets: all that is needed to book and keep a reply,
whatever became of the run's configuration by the time it arrives.
"""

import dataclasses
import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

from annotators.batch.state import INPUT, TICKETS, sync, sync_folder
from annotators.journal import Request
from annotators.ledger import Amount
from schemas import Settings

T = TypeVar("T")
PATH = "/v1/chat/completions"  # as a batch names it, whatever the server's own address


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one file: requests, bytes, and input tokens (None: no limit)."""

    requests: int
    n_bytes: int
    input_tokens: int | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One request of a shard: its key is the ``custom_id``."""

    request: Request
    worst: Amount
    estimate: int  # input tokens, before it was corrected by replies


class Feed(Generic[T]):
    """An iterator to which one item may be given back."""

    def __init__(self, items: Iterable[T]) -> None:
        self._items, self._back = iter(items), list[T]()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        return self._back.pop() if self._back else next(self._items)

    def give_back(self, item: T) -> None:
        """It comes next again."""
        self._back.append(item)


def line_of(key: str, body: bytes) -> bytes:
    """The line of a request in a file for the server."""
    head = {"custom_id": key, "method": "POST", "url": PATH}
    return json.dumps(head, separators=(",", ":")).encode()[:-1] + b',"body":' + body + b"}\n"


class Draft:
    """A shard that is being written into an empty folder."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder, self._limits = folder, limits
        self.keys: dict[str, None] = {}  # in the order of the lines
        self.worst = Amount(requests=0)
        self._bytes = 0
        self._input = open(folder / INPUT, "wb")  # noqa: SIM115 (closed by close() and drop())
        self._tickets = open(folder / TICKETS, "wb")  # noqa: SIM115

    def fits(self, line: bytes, worst: Amount) -> bool:
        """Whether one more request stays within the limits of the server."""
        tokens = self._limits.input_tokens
        return (
            len(self.keys) < self._limits.requests
            and self._bytes + len(line) <= self._limits.n_bytes
            and (tokens is None or self.worst.input_tokens + worst.input_tokens <= tokens)
        )

    def add(self, ticket: Ticket, line: bytes) -> None:
        """Write one request."""
        self._input.write(line)
        self._tickets.write(_write(ticket))
        self.keys[ticket.request.key] = None
        self.worst += ticket.worst
        self._bytes += len(line)

    def drop(self) -> None:
        """As if it had never been begun."""
        self._input.close()
        self._tickets.close()
        shutil.rmtree(self.folder)

    def close(self) -> None:
        """On disk when this returns."""
        for file in (self._input, self._tickets):
            file.flush()
            sync(file.fileno())
            file.close()
        sync_folder(self.folder)


class Tickets:
    """The tickets of a written shard, read one at a time. Not for several threads at once."""

    def __init__(self, folder: Path) -> None:
        self._file: IO[bytes] = open(folder / TICKETS, "rb")  # noqa: SIM115 (closed by close())
        self._offsets: dict[str, int] = {}
        offset = 0
        for line in self._file:
            self._offsets[json.loads(line)["key"]] = offset
            offset += len(line)
        self.keys = list(self._offsets)  # in the order of the lines of the shard

    def __contains__(self, key: str) -> bool:
        return key in self._offsets

    def __getitem__(self, key: str) -> Ticket:
        self._file.seek(self._offsets[key])
        ticket = _read(json.loads(self._file.readline()))
        if ticket.request.key != key:
            raise ValueError(f"{self._file.name}: the ticket of {key} is damaged; restore the file")
        return ticket

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _write(ticket: Ticket) -> bytes:
    content = {
        "key": ticket.request.key,
        "estimate": ticket.estimate,
        "worst": dataclasses.asdict(ticket.worst),
        "request": ticket.request.description(),
    }
    return json.dumps(content, separators=(",", ":")).encode() + b"\n"


def _read(content: dict[str, Any]) -> Ticket:
    request = content["request"]
    shaped = {"frames": tuple(request["frames"]), "settings": Settings(**request["settings"])}
    return Ticket(
        request=Request(**request | shaped),
        worst=Amount(**content["worst"]),
        estimate=content["estimate"],
    )
