"""What a lane lets pass and how its limit moves: worked examples under a clock of the test's own."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotators.pace import Lane, Limits, Result, buckets, hints


class Clock:
    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def lane_of(tmp_path, clock):
    def make(concurrency=256, requests=None, tokens=None):
        lane = Lane("a lane", Limits(concurrency, requests, tokens), tmp_path, clock)
        lane.register()
        return lane

    return make


def take(lane, n=1):
    for _ in range(n):
        assert lane.take(1) == 0.0


def done(lane, result=Result.CLEAN, n=1, **said):
    for _ in range(n):
        lane.done(result, **said)


def a_round(lane, in_flight, replies):
    """That many clean replies while that many are in flight; nothing is in flight afterwards."""
    take(lane, in_flight)
    for _ in range(replies):
        done(lane)
        take(lane)
    done(lane, Result.FAILED, in_flight)


def grown(lane, limit):
    """The lane after clean rounds up to this limit."""
    while lane.look().limit < limit:
        a_round(lane, lane.look().limit, lane.look().limit)
    assert lane.look().limit == limit
    return lane


# ------------------------------------------------------------------------------- slots


def test_the_limit_starts_at_16_and_holds(lane_of):
    lane = lane_of(256)
    take(lane, 16)
    assert lane.take(1) == 0.05  # asked again soon: a slot comes back at any moment
    done(lane)
    assert lane.take(1) == 0.0


def test_it_starts_no_higher_than_the_concurrency(lane_of):
    lane = lane_of(3)
    take(lane, 3)
    assert lane.take(1) > 0


def test_a_slot_given_back_twice_is_given_back_once(lane_of):
    lane = lane_of(2)
    take(lane)
    done(lane, Result.FAILED, 3)
    take(lane, 2)
    assert lane.take(1) > 0


# ------------------------------------------------------------------------------- growth


def test_slow_start_doubles_per_saturated_round_up_to_the_concurrency(lane_of):
    lane = lane_of(50)
    a_round(
        lane, in_flight=12, replies=16
    )  # 12 < 0.8 x 16 = 12.8: what was not used proves nothing
    assert lane.look().limit == 16
    a_round(lane, in_flight=13, replies=15)  # one reply short of a round of 16
    assert lane.look().limit == 16
    a_round(lane, in_flight=13, replies=1)
    assert lane.look().limit == 32
    a_round(lane, in_flight=26, replies=32)  # 26 >= 0.8 x 32 = 25.6
    assert lane.look().limit == 50  # not 64
    a_round(lane, in_flight=50, replies=50)
    assert lane.look().limit == 50


def test_a_round_has_at_least_four_replies(lane_of, clock):
    lane = lane_of(16)
    for _ in range(20):  # 16, 12, 9, 7, 5, 4, 3, 2, 1, and never below
        take(lane)
        done(lane, Result.RATE_LIMITED)
        clock.now += 15
    assert lane.look().limit == 1
    a_round(lane, 1, 3)
    assert lane.look().limit == 1
    a_round(lane, 1, 1)
    assert lane.look().limit == 2  # 5 % of 1 is nothing; at least 1


def test_failures_that_say_nothing_about_load_count_for_nothing(lane_of):
    lane = lane_of()
    for _ in range(3):
        take(lane, 16)
        done(lane, Result.FAILED, 16)
    assert lane.look().limit == 16


# ------------------------------------------------------------------------------- episodes


def test_forty_rate_limited_replies_are_one_episode_and_one_cut(lane_of):
    lane = grown(lane_of(), 64)
    take(lane, 40)
    done(lane, Result.RATE_LIMITED, 40)
    assert lane.look().limit == 51  # 0.8 x 64 = 51.2
    assert lane.look().episodes == 1


def test_growth_is_gentle_after_the_first_episode_and_starts_after_the_cool_down(lane_of, clock):
    lane = grown(lane_of(), 64)
    take(lane)
    done(lane, Result.RATE_LIMITED)
    clock.now += 14.9
    a_round(lane, 51, 60)  # within the cool-down: counts for nothing
    clock.now += 0.1
    a_round(lane, 51, 50)  # so this is one reply short of a round of 51
    assert lane.look().limit == 51
    a_round(lane, 51, 1)
    assert lane.look().limit == 53  # 5 % of 51 = 2.55


def test_a_round_does_not_inherit_the_peak_of_the_one_before(lane_of, clock):
    lane = lane_of()
    take(lane)
    done(lane, Result.RATE_LIMITED)
    clock.now += 15
    take(lane, 12)
    done(lane, n=12)
    assert lane.look().limit == 13  # 0.8 x 16 = 12.8, and 1 more
    a_round(lane, 1, 13)  # the 12 of before would saturate it: 0.8 x 13 = 10.4
    assert lane.look().limit == 13


def test_what_was_in_flight_during_the_cool_down_does_not_saturate_a_round(lane_of, clock):
    lane = grown(lane_of(), 64)
    take(lane)
    done(lane, Result.RATE_LIMITED)
    take(lane, 51)
    done(lane, Result.FAILED, 51)
    clock.now += 15
    a_round(lane, 40, 51)  # 40 < 0.8 x 51 = 40.8
    assert lane.look().limit == 51


def test_a_new_episode_begins_after_the_cool_down(lane_of, clock):
    lane = grown(lane_of(), 64)
    take(lane, 3)
    done(lane, Result.RATE_LIMITED)
    clock.now += 14.9
    done(lane, Result.RATE_LIMITED)
    assert lane.look().limit == 51
    clock.now += 0.1
    done(lane, Result.RATE_LIMITED)
    assert lane.look().limit == 40  # 0.8 x 51 = 40.8


def test_requests_under_way_at_the_cut_belong_to_its_episode_however_late_they_end(lane_of, clock):
    lane = grown(lane_of(), 64)
    before, clock.now = clock.now, clock.now + 1
    take(lane, 64)
    done(lane, Result.RATE_LIMITED, taken_at=before)
    clock.now += 60  # a slow request
    done(lane, Result.RATE_LIMITED, taken_at=before)
    assert lane.look().limit == 51
    done(lane, Result.CLEAN, 62, taken_at=before)
    assert lane.look().clean == 0  # nor do their clean replies count
    take(lane)
    done(lane, Result.RATE_LIMITED, taken_at=clock.now)
    assert lane.look().limit == 40


def test_a_rate_limited_reply_spoils_the_round(lane_of, clock):
    lane = grown(lane_of(), 32)
    before = clock.now
    take(lane)
    done(lane, Result.RATE_LIMITED)
    clock.now += 15
    a_round(lane, 25, 24)  # the limit is 0.8 x 32 = 25.6
    take(lane)
    done(lane, Result.RATE_LIMITED, taken_at=before)  # of the old episode: no cut
    a_round(lane, 25, 24)
    assert lane.look().limit == 25
    a_round(lane, 25, 1)
    assert lane.look().limit == 26  # 5 % of 25 = 1.25


def test_a_server_in_trouble_pauses_growth_and_cuts_nothing(lane_of, clock):
    lane = lane_of()
    a_round(lane, 16, 15)
    take(lane)
    done(lane, Result.OVERLOADED)
    a_round(lane, 16, 40)
    assert lane.look().limit == 16
    clock.now += 15
    a_round(lane, 16, 16)
    assert lane.look().limit == 32  # still slow start: it was no rate limit


# ------------------------------------------------------------------------------- Retry-After


def test_nothing_leaves_before_retry_after_has_passed(lane_of, clock):
    lane = lane_of()
    take(lane, 2)
    done(lane, Result.RATE_LIMITED, wait_s=30)
    assert lane.take(1) == 30
    clock.now += 10
    done(lane, Result.RATE_LIMITED, wait_s=5)  # ends sooner than the first: changes nothing
    assert lane.take(1) == 20
    clock.now += 19.5
    assert lane.take(1) == 0.5
    clock.now += 0.5
    assert lane.take(1) == 0.0


def test_retry_after_lengthens_the_cool_down(lane_of, clock):
    lane = lane_of()
    take(lane, 3)
    done(lane, Result.RATE_LIMITED, wait_s=30)
    clock.now += 20  # past 15 s
    done(lane, Result.RATE_LIMITED)
    assert lane.look().limit == 12  # 0.8 x 16 = 12.8, once
    clock.now += 10
    done(lane, Result.RATE_LIMITED)
    assert lane.look().limit == 9  # 0.8 x 12 = 9.6


@pytest.mark.parametrize(
    ("said", "waits"),
    [(1000.0, 120.0), (math.inf, 120.0), (0.0, 0.0), (-1.0, 0.0), (math.nan, 0.0)],
)
def test_retry_after_is_bounded(lane_of, said, waits):
    lane = lane_of()
    take(lane)
    done(lane, Result.OVERLOADED, wait_s=said)
    assert lane.take(1) == waits


# ------------------------------------------------------------------------------- headers


def limit_headers(**fields):
    return {f"x-ratelimit-{name.replace('_', '-')}": value for name, value in fields.items()}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1), ("6m0s", 360), ("250ms", 0.25), ("1m30.5s", 90.5), ("1h0m1s", 3601), ("12", 12),
        ("0.5", 0.5), ("0s", 0), (" 2s ", 2), ("-1", None), ("", None), ("soon", None),
        ("1s later", None), ("nan", None), ("inf", None), ("ms", None),
    ],
)  # fmt: skip
def test_a_reset_is_read_in_every_form_servers_use(text, seconds):
    assert hints.duration_s(text) == seconds


@pytest.mark.parametrize(
    ("headers", "waits"),
    [
        (limit_headers(remaining_requests="0", reset_requests="2s", limit_requests="500"), 2),
        (limit_headers(remaining_tokens="0", reset_tokens="250ms"), 0.25),
        (limit_headers(remaining_requests="0", reset_requests="1s",
                       remaining_tokens="0", reset_tokens="3s"), 3),
        (limit_headers(remaining_requests="0", reset_requests="8h0m"), 60),  # bounded
        (limit_headers(remaining_requests="1", reset_requests="2s"), 0),
        (limit_headers(remaining_requests="-1", reset_requests="2s"), 0),
        (limit_headers(remaining_requests="0", reset_requests="2s", limit_requests="0"), 0),
        (limit_headers(remaining_requests="0", reset_requests="2s", limit_requests="-1"), 0),
        (limit_headers(remaining_requests="0", reset_requests="-1"), 0),
        (limit_headers(remaining_requests="0"), 0),
        (limit_headers(reset_requests="2s"), 0),
        (limit_headers(remaining_requests="none", reset_requests="2s"), 0),
        ({}, 0),
    ],
)  # fmt: skip
def test_headers_are_hints_and_absurd_ones_are_ignored(lane_of, clock, headers, waits):
    lane = lane_of()
    take(lane)
    done(lane, headers=headers)
    assert lane.take(1) == waits
    clock.now += waits
    assert waits == 0 or lane.take(1) == 0.0


# ------------------------------------------------------------------------------- buckets


def test_requests_per_minute_leave_a_burst_of_three_seconds_then_one_by_one(lane_of, clock):
    lane = lane_of(requests=120)  # 2 per second, so 6 at most at once
    take(lane, 6)
    assert lane.take(1) == 0.5
    clock.now += 0.5
    take(lane)
    assert lane.take(1) == 0.5
    clock.now += 60  # refilled up to 6, not to a minute's 120
    take(lane, 6)
    assert lane.take(1) == 0.5


def test_tokens_per_minute(lane_of, clock):
    lane = lane_of(tokens=60_000)  # 1000 per second, 3000 at most at once
    assert lane.take(2500) == 0.0
    assert lane.take(1500) == 1.0  # 500 are left
    clock.now += 0.75
    assert lane.take(1250) == 0.0  # 500 + 750
    assert lane.take(1) == 0.001


def test_a_request_above_the_capacity_passes_when_it_is_full_and_leaves_a_debt(lane_of, clock):
    lane = lane_of(tokens=60_000)
    assert lane.take(10_000) == 0.0  # 3000 - 10000 = -7000
    assert lane.take(500) == 7.5
    clock.now += 7.5
    assert lane.take(500) == 0.0
    assert lane.take(10_000) == 3.0  # until it is full again
    clock.now += 3
    assert lane.take(10_000) == 0.0


def test_a_rate_below_one_request_per_burst_still_lets_them_pass_one_by_one(lane_of, clock):
    lane = lane_of(requests=3)  # one in 20 s; the capacity is 0.15 requests
    take(lane)
    wait = lane.take(1)
    assert wait == pytest.approx(20)  # from 0.15 - 1 = -0.85 back to 0.15
    clock.now += wait
    take(lane)


def test_both_buckets_must_agree_and_neither_pays_for_a_refusal(lane_of, clock):
    lane = lane_of(requests=120, tokens=60_000)
    assert lane.take(3000) == 0.0
    assert lane.take(1000) == 1.0  # tokens; 5 requests are left
    clock.now += 1
    assert lane.take(1000) == 0.0
    assert lane.look().requests == 5  # 6 - 1 + 2, at most 6, - 1
    assert lane.look().tokens == 0


_RATES = st.floats(0.01, 1e6)
_STEPS = st.lists(
    st.tuples(st.floats(0, 20), st.floats(0, 10)), min_size=1, max_size=30
)  # seconds between, amount in seconds' worth of the rate


@given(rate=_RATES, steps=_STEPS)
def test_no_window_lets_more_pass_than_capacity_and_rate_allow(rate, steps):
    level, now, passed = rate * buckets.CAPACITY_S, 1000.0, []
    for seconds, worth in steps:
        now, amount = now + seconds, worth * rate
        level = buckets.refilled(level, rate, seconds)
        wait = buckets.wait_s(level, rate, amount)
        if wait:  # the announced wait is enough, always
            now, level = now + wait, buckets.refilled(level, rate, wait)
            assert buckets.wait_s(level, rate, amount) == 0.0
        level -= amount
        passed.append((now, amount))
    capacity = rate * buckets.CAPACITY_S
    for i, (start, _) in enumerate(passed):
        total = 0.0
        for end, amount in passed[i:]:
            # the last one alone may be above the capacity, and counts for what it waited for
            allowed = capacity + rate * (end - start)
            assert total + min(amount, capacity) <= allowed * (1 + 1e-6)
            total += amount


_EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.integers(1, 40)),
        st.tuples(st.sampled_from(Result), st.integers(1, 40)),
        st.tuples(st.just("pause"), st.floats(0.1, 200)),
        st.tuples(st.just("pass"), st.floats(0, 30)),
    ),
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(concurrency=st.integers(1, 100), events=_EVENTS)
def test_whatever_happens_no_more_leave_than_the_limit_and_none_in_a_pause(
    tmp_path_factory, concurrency, events
):
    clock = Clock()
    lane = Lane("any", Limits(concurrency), tmp_path_factory.getbasetemp(), clock)
    lane.register()
    in_flight, paused_until = 0, 0.0
    for what, much in events:
        if what == "pass":
            clock.now += much
        elif what == "take":
            for _ in range(much):
                took = lane.take(1) == 0.0
                assert took == (in_flight < lane.look().limit and clock.now >= paused_until)
                in_flight += took
        elif in_flight and what == "pause":
            paused_until = max(paused_until, clock.now + min(much, 120))
            lane.done(Result.FAILED, wait_s=much)
            in_flight -= 1
        elif what != "pause":
            ending = min(int(much), in_flight)
            done(lane, what, ending)
            in_flight -= ending
        assert lane.look().in_flight == in_flight
        assert 1 <= lane.look().limit <= concurrency
    lane.leave()
