"""Contestants in turns, on a processor or a GPU, and what came of it."""

import dataclasses
import math
import statistics
import time
from collections.abc import Callable, Sequence

import torch


@dataclasses.dataclass(slots=True, kw_only=True)
class Contestant:
    """Somebody's way to do the same work, and the seconds that each call of it took, by round."""

    name: str
    work: Callable[[], object]
    units: int  # frames, clips or operations of one call
    flops: float = 0.0  # of one call
    calls: int = 1  # in a round
    seconds: list[float] = dataclasses.field(default_factory=list)  # of one call, by round

    @property
    def median_s(self) -> float:
        """Seconds of one call."""
        return statistics.median(self.seconds)

    @property
    def per_s(self) -> float:
        """Units per second."""
        return self.units / self.median_s

    @property
    def flops_per_s(self) -> float:
        """Operations per second."""
        return self.flops / self.median_s

    @property
    def best_flops_per_s(self) -> float:
        """Operations per second in the best round: what the machine can do, whatever else it did."""
        return self.flops / min(self.seconds)

    def over(self, other: "Contestant") -> float:
        """Median over the rounds of the other's time over this one's, round by round: what slows the
        machine down in a round slows both."""
        pairs = zip(self.seconds, other.seconds, strict=True)
        ratios = [(theirs / other.units) / (ours / self.units) for ours, theirs in pairs]
        return statistics.median(ratios)


def compete(
    contestants: Sequence[Contestant], rounds: int, device: torch.device, least_s: float
) -> None:
    """Every contestant in every round, each round beginning with another one.

    Two calls before the first round are not measured: the first compiles and allocates, the second
    says how many calls fill ``least_s``.
    """
    for one in contestants:
        seconds_of(one.work, 1, device)
        one.calls = max(1, math.ceil(least_s / max(seconds_of(one.work, 1, device), 1e-6)))
    for turn in range(rounds):
        first = turn % len(contestants)
        for one in (*contestants[first:], *contestants[:first]):
            one.seconds.append(seconds_of(one.work, one.calls, device))


def seconds_of(work: Callable[[], object], calls: int, device: torch.device) -> float:
    """Seconds of one of so many calls. On a GPU by events, for calls return before they are done."""
    if device.type != "cuda":
        began = time.perf_counter()
        for _ in range(calls):
            work()
        return (time.perf_counter() - began) / calls
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize(device)
    start.record(torch.cuda.current_stream(device))
    for _ in range(calls):
        work()
    end.record(torch.cuda.current_stream(device))
    torch.cuda.synchronize(device)
    return start.elapsed_time(end) / 1000 / calls  # milliseconds
