"""What an estimate is: a line for every annotator, and what they come to together."""

import dataclasses
from collections.abc import Sequence
from typing import Literal, Self

from annotators.ledger import Amount
from pipeline.estimate.text import text_of


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One annotator, or one generator.

    Tokens, costs and time are those of the requests that are still to be sent.
    """

    annotator_id: str
    # remote: requests are sent, and paid for. here: a model that runs here answers in words.
    # made: clips that a generator makes. free: anything else
    way: Literal["remote", "here", "made", "free"] = "free"
    questions: int  # clips, pairs or lists x rubrics x draws, of the clips that can be read
    requests: int = 0  # still to be sent; 0 for an annotator that sends none
    replies: int = 0  # that these ask for: more, where draws share a request
    choices: int = 1  # replies that one request asks for, at most
    paid: int = 0  # questions whose replies lie in the journal
    images: int = 0  # to be looked at here
    text_tokens: int = 0
    image_tokens: int = 0
    output_at_most: int = 0
    output_likely: int = 0
    usd_at_most: float | None = 0.0  # None: no price
    usd_likely: float | None = 0.0
    seconds: float | None = None  # None: nobody can tell
    limit: str = ""  # what bounds the time
    remark: str = ""  # what is behind the number of requests, where it is not what is usual
    # the same where no pair lies in a tie band; this line stands for all pairs
    least: Self | None = None

    @property
    def asks(self) -> bool:
        """Whether it sends requests at all."""
        if self.way == "made":
            return self.requests > 0
        return self.way == "remote" and bool(self.requests or self.paid)

    @property
    def input_tokens(self) -> int:
        """Of text and images."""
        return self.text_tokens + self.image_tokens

    @property
    def worst(self) -> Amount:
        """What its requests may use at most."""
        if not self.asks:
            return Amount(requests=0)
        return Amount(
            requests=self.requests,
            input_tokens=self.input_tokens,
            output_tokens=self.output_at_most,
            usd=self.usd_at_most,
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """Bytes a run will add."""

    clips: int
    frames: int
    journal: int
    tables: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.clips + self.frames + self.journal + self.tables


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a run would ask for, before anything is sent."""

    heading: tuple[str, ...]
    lines: tuple[Line, ...]
    making: tuple[Line, ...] = ()  # clips to be made, a line for each generator
    watching: tuple[Line, ...] = ()  # what sentinels add, a line for each judge they watch
    disk: Disk
    assumed: tuple[str, ...]  # every figure that was neither measured nor given
    notes: tuple[str, ...]

    @property
    def worst(self) -> Amount:
        """What all requests together may use at most; the price is unknown if one is."""
        return sum(
            (line.worst for line in (*self.making, *self.lines, *self.watching)), Amount(requests=0)
        )

    def text(self, width: int | None = 80) -> str:
        """For a terminal of so many columns; None: no sentence is broken."""
        together = all_together(self.lines, (*self.making, *self.watching))
        return text_of(self, together, width)


def all_together(lines: Sequence[Line], watching: Sequence[Line] = ()) -> Line:
    """Everything that is paid for, as one line. Annotators work at the same time; what is in
    ``watching`` (sentinels, clips that are made) comes before them."""
    asking = [line for line in (*lines, *watching) if line.asks]
    whole = _added(asking)
    if any(line.least for line in asking):
        whole = dataclasses.replace(whole, least=_added([line.least or line for line in asking]))
    times = [_longest(lines), _longest(watching)]
    return dataclasses.replace(
        whole, seconds=None if None in times else sum(t for t in times if t is not None)
    )


def _longest(lines: Sequence[Line]) -> float | None:
    times = [line.seconds for line in lines if line.asks]
    return None if None in times else max((t for t in times if t is not None), default=0.0)


def _added(asking: Sequence[Line]) -> Line:
    def total(name: str) -> int:
        return sum(getattr(line, name) for line in asking)

    def usd(name: str) -> float | None:
        costs = [getattr(line, name) for line in asking]
        return None if None in costs else sum(costs)

    return Line(
        annotator_id="all",
        way="remote",
        questions=total("questions"),
        requests=total("requests"),
        replies=total("replies"),
        choices=max((line.choices for line in asking), default=1),
        paid=total("paid"),
        text_tokens=total("text_tokens"),
        image_tokens=total("image_tokens"),
        output_at_most=total("output_at_most"),
        output_likely=total("output_likely"),
        usd_at_most=usd("usd_at_most"),
        usd_likely=usd("usd_likely"),
    )
