"""What a lane is held to, and how a request on it ended."""

import dataclasses
import enum
import math


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """What one machine may do on one lane (limits of an account are already divided by machines).

    Raises ValueError for a concurrency below 1 and for a rate that is not above zero and finite.
    """

    concurrency: int  # most requests in flight
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None

    def __post_init__(self) -> None:
        if self.concurrency < 1:
            raise ValueError(f"concurrency is {self.concurrency}; it must be at least 1")
        for name in ("requests_per_minute", "tokens_per_minute"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{name} is {value}; it must be above 0, or absent for no limit")


class Result(enum.Enum):
    """What the end of a request says about load."""

    CLEAN = "clean"  # answered
    RATE_LIMITED = "rate_limited"  # turned away as one too many
    OVERLOADED = "overloaded"  # the server has trouble of its own (5xx)
    FAILED = "failed"  # nothing: refused for what it is, cancelled, never sent
