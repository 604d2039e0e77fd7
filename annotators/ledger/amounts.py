"""What a request may use and has used: the words the ledger and its callers share."""

import dataclasses
import enum
import math
from typing import Self

from pydantic import Field

from schemas.options import Options


class Budget(Options):
    """Caps on everything an output folder ever spends; None: no cap."""

    usd: float | None = Field(None, gt=0, le=1e6, allow_inf_nan=False)
    tokens: int | None = Field(None, ge=1)  # input and output together
    requests: int | None = Field(None, ge=1)


@dataclasses.dataclass(frozen=True, slots=True)
class Amount:
    """What requests use, or may use at most. ``usd`` None: there is no price to tell."""

    requests: int = 1
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = 0.0

    def __post_init__(self) -> None:
        counts = (self.requests, self.input_tokens, self.output_tokens)
        if min(counts) < 0 or not 0 <= (self.usd or 0) < math.inf:  # false for nan, too
            raise ValueError(f"no amount of money or tokens: {self}")

    def __add__(self, other: Self) -> Self:
        unknown = self.usd is None or other.usd is None
        return type(self)(
            requests=self.requests + other.requests,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            usd=None if unknown else (self.usd or 0.0) + (other.usd or 0.0),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Spent:
    """Where an account stands. What is reserved is in none of the other numbers."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    unpriced: int = 0  # requests whose cost is unknown; they are not in usd
    lost_requests: int = 0  # of requests: billed or not, nobody knows; counted at the worst case
    lost_usd: float = 0.0  # of usd: likewise
    reserved_requests: int = 0  # in flight now
    reserved_usd: float = 0.0  # at the worst case

    def __add__(self, other: Self) -> Self:
        return self._each(other, 1)

    def __sub__(self, other: Self) -> Self:
        return self._each(other, -1)

    def _each(self, other: Self, sign: int) -> Self:
        names = [f.name for f in dataclasses.fields(self)]
        return type(self)(*(getattr(self, n) + sign * getattr(other, n) for n in names))


# what a request may be for, beside the verdicts of the tables, which is the empty purpose
SENTINELS, CANARY = "sentinels", "canary"
AGAIN = "again"  # of a verdict of the tables: asked after a reply that was of no use


class Verdict(enum.Enum):
    """What the ledger says to a request that is about to be sent."""

    RESERVED = enum.auto()  # send it, then settle or release it
    WAIT = enum.auto()  # ask again: it fits if what is in flight costs less than its worst case


RESERVED, WAIT = Verdict.RESERVED, Verdict.WAIT


class OverBudget(RuntimeError):
    """The request does not fit under a cap, whatever becomes of those in flight."""
