"""The rules of a lane: what is remembered, when a request may leave, how the limit moves.

The limit on requests in flight adapts by additive increase and multiplicative decrease (Chiu and
Jain, "Analysis of the increase and decrease algorithms for congestion avoidance in computer
networks", 1989), with the rules that inspect_ai's adaptive connections use for model APIs: slow
start, growth by 5 % per clean round, one cut by 0.8 per rate-limit episode, a cool-down of 15 s.

- A round is as many clean replies as the limit (at least :data:`SHORTEST_ROUND`). At its end the
  limit grows if, during it, at least :data:`SATURATED` of the limit were in flight: what was not
  used proves nothing. It doubles until the first episode, and grows gently from then on.
- An episode starts with a rate-limited reply and cuts the limit once. Requests already in flight at
  the cut belong to it, and so does whatever arrives within the cool-down (as long as Retry-After
  where that is longer): they cut no second time and count for no round.
- A server in trouble (5xx) says nothing about the limit: growth rests for a cool-down, no cut.
- Until a Retry-After has passed, nothing leaves.

Times are seconds of a monotonic clock. No file and no lock here.
"""

import dataclasses
import math

from annotators.pace import buckets
from annotators.pace.limits import Limits, Result

START = 16  # in flight at first
CUT = 0.8
GROWTH = 0.05
SATURATED = 0.8
SHORTEST_ROUND = 4
COOL_DOWN_S = 15.0
LONGEST_PAUSE_S = 120.0  # a longer Retry-After is cut to this
POLL_S = 0.05  # how soon to ask again for a slot that another process may free


@dataclasses.dataclass(slots=True)
class State:
    """One lane, over all processes. All of it is numbers, so that it fits a row of a shared file."""

    concurrency: int = 0  # the limits in force
    request_rate: float = 0.0  # per second; 0: no limit
    token_rate: float = 0.0
    limit: int = 0  # requests in flight now allowed
    in_flight: int = 0  # of all processes together
    processes: int = 0
    requests: float = 0.0  # levels of the buckets
    tokens: float = 0.0
    refilled_at: float = 0.0
    clean: int = 0  # replies of this round
    peak: int = 0  # most in flight during it
    episodes: int = 0
    cut_at: float = 0.0
    cool_until: float = 0.0  # until then no further cut
    rest_until: float = 0.0  # until then nothing counts for growth
    pause_until: float = 0.0  # until then nothing leaves
    reaped_at: float = 0.0
    seen_at: float = 0.0
    closed: int = 0


def fresh(now: float) -> State:
    """A lane that nothing is known of."""
    return State(refilled_at=now, seen_at=now, cut_at=-math.inf)


def adopt(state: State, limits: Limits, now: float) -> None:
    """Let these limits be in force from now on. Buckets start full."""
    first = state.concurrency == 0
    refill(state, now)
    state.concurrency = limits.concurrency
    state.request_rate = (limits.requests_per_minute or 0.0) / 60
    state.token_rate = (limits.tokens_per_minute or 0.0) / 60
    state.limit = min(START if first else state.limit, state.concurrency)
    refill(state, now, buckets.CAPACITY_S if first else 0.0)  # cuts levels to the new capacities


def refill(state: State, now: float, more_s: float = 0.0) -> None:
    """Bring the buckets up to date."""
    seconds = now - state.refilled_at + more_s
    state.requests = buckets.refilled(state.requests, state.request_rate, seconds)
    state.tokens = buckets.refilled(state.tokens, state.token_rate, seconds)
    state.refilled_at = now


def bucket_wait_s(state: State, tokens: float, now: float) -> float:
    """Seconds until the buckets let a request of this many tokens pass; 0.0: now."""
    refill(state, now)
    return max(
        buckets.wait_s(state.requests, state.request_rate, 1.0),
        buckets.wait_s(state.tokens, state.token_rate, tokens),
    )


def sent(state: State, tokens: float, now: float) -> None:
    """A request leaves. What buckets gave is not given back: servers count failed requests too."""
    state.requests -= 1.0
    state.tokens -= tokens
    state.in_flight += 1
    if now >= state.rest_until:
        state.peak = max(state.peak, state.in_flight)


def ended(state: State, result: Result, taken_at: float, now: float) -> None:
    """A request that left at ``taken_at`` came to its end (its slot is given back elsewhere)."""
    if result is Result.CLEAN:
        if now >= state.rest_until and taken_at > state.cut_at:
            _count_clean(state)
    elif result is Result.RATE_LIMITED:
        if now >= state.cool_until and taken_at > state.cut_at:
            _cut(state, now)
        state.clean = 0
    elif result is Result.OVERLOADED:
        _rest(state, now + COOL_DOWN_S)


def retry_after(state: State, result: Result, wait_s: float | None, now: float) -> None:
    """Send nothing for this long; it lengthens the cool-down of an episode."""
    if wait_s is None or not wait_s > 0:
        return
    until = now + min(wait_s, LONGEST_PAUSE_S)
    state.pause_until = max(state.pause_until, until)
    if result is Result.RATE_LIMITED:
        state.cool_until = max(state.cool_until, until)
        _rest(state, until)


def _count_clean(state: State) -> None:
    state.clean += 1
    if state.clean < max(state.limit, SHORTEST_ROUND):
        return
    if state.peak >= SATURATED * state.limit:
        step = max(1, int(GROWTH * state.limit)) if state.episodes else state.limit
        state.limit = min(state.limit + step, state.concurrency)
    state.clean, state.peak = 0, state.in_flight


def _cut(state: State, now: float) -> None:
    state.limit = max(1, int(CUT * state.limit))
    state.episodes += 1
    state.cut_at, state.cool_until = now, now + COOL_DOWN_S
    _rest(state, state.cool_until)


def _rest(state: State, until: float) -> None:
    state.rest_until = max(state.rest_until, until)
    state.clean = state.peak = 0
