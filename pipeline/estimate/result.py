"""What an estimate is, and how it reads in a terminal."""

import dataclasses
from collections.abc import Sequence

from annotators.ledger import Amount


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One annotator. Tokens, costs and time are those of the requests that are still to be sent."""

    annotator_id: str
    questions: int  # clips x rubrics x draws, of the clips that can be read
    requests: int = 0  # still to be sent; 0 for an annotator that sends none
    replies: int = 0  # that these ask for: more, where draws share a request
    choices: int = 1  # replies that one request asks for, at most
    paid: int = 0  # questions whose replies lie in the journal
    text_tokens: int = 0
    image_tokens: int = 0
    output_at_most: int = 0
    output_likely: int = 0
    usd_at_most: float | None = 0.0  # None: no price
    usd_likely: float | None = 0.0
    seconds: float | None = None  # None: nobody can tell
    limit: str = ""  # what bounds the time

    @property
    def asks(self) -> bool:
        """Whether it sends requests at all."""
        return bool(self.requests or self.paid)

    @property
    def worst(self) -> Amount:
        """What its requests may use at most."""
        return Amount(
            requests=self.requests,
            input_tokens=self.text_tokens + self.image_tokens,
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
    disk: Disk
    assumed: tuple[str, ...]  # every figure that was neither measured nor given
    notes: tuple[str, ...]

    @property
    def worst(self) -> Amount:
        """What all requests together may use at most; the price is unknown if one is."""
        return sum((line.worst for line in self.lines), Amount(requests=0))

    def text(self) -> str:
        """For the terminal, 80 columns: a block per annotator, one for all, what rests on what."""
        lines = [*self.lines, _all(self.lines)] if len(self.lines) > 1 else self.lines
        disk = self.disk
        return "\n".join(
            [
                *self.heading,
                *(text for line in lines for text in _block(line)),
                "",
                f"disk*: {_size(disk.total)} (clips {_size(disk.clips)}, frames "
                f"{_size(disk.frames)}, journal {_size(disk.journal)}, tables {_size(disk.tables)})",
                *(f"* assumed: {figure}" for figure in self.assumed),
                *(f"note: {note}" for note in self.notes),
            ]
        )


def _all(lines: Sequence[Line]) -> Line:
    asking = [line for line in lines if line.asks]

    def total(name: str) -> int:
        return sum(getattr(line, name) for line in asking)

    def usd(name: str) -> float | None:
        costs = [getattr(line, name) for line in asking]
        return None if None in costs else sum(costs)

    times = [line.seconds for line in asking]
    return Line(
        annotator_id="all",
        questions=sum(line.questions for line in lines),
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
        seconds=None if None in times else max((s for s in times if s is not None), default=0.0),
    )


def _block(line: Line) -> list[str]:
    if not line.asks:
        return ["", f"{line.annotator_id}: free"]
    usd = f"{_usd(line.usd_at_most)} at most, {_usd(line.usd_likely)} likely*"
    rows = (
        ("requests", f"{line.requests:,}", _requests(line)),
        (
            "input tokens",
            f"{line.text_tokens + line.image_tokens:,}",
            f"{line.text_tokens:,} of text*, {line.image_tokens:,} of images",
        ),
        ("output tokens", f"{line.output_at_most:,}", f"at most; {line.output_likely:,} likely*"),
        ("cost", "unknown" if line.usd_at_most is None else usd, ""),
        ("time", _duration(line.seconds) + "*", line.limit),
    )
    return [
        "",
        line.annotator_id,
        *(f"  {name:<14}{value}  {more and f'({more})'}".rstrip() for name, value, more in rows),
    ]


def _requests(line: Line) -> str:
    """What is behind their number: replies that share one, and questions that need none."""
    if line.choices == 1:
        return f"{line.paid:,} more are paid already"
    return f"{line.replies:,} replies, up to {line.choices} in each; {line.paid:,} more are paid"


def _usd(usd: float | None) -> str:
    return "unknown" if usd is None else f"${usd:,.2f}" if usd >= 1 or not usd else f"${usd:.4f}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _size(n_bytes: int) -> str:
    value = float(n_bytes)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:,.1f} GB"
