"""The front over several lanes: who is next, where it goes, and what becomes of those who wait."""

import asyncio
import random
import time

import pytest

from annotators.pace import Lane, Lanes, LanesClosed, Limits, Result


@pytest.fixture
def lanes_of(tmp_path):
    def make(*concurrency, **limits):
        return Lanes(
            [Lane(f"lane {i}", Limits(n, **limits), tmp_path) for i, n in enumerate(concurrency)]
        )

    return make


def twin(tmp_path, index=0, concurrency=1):
    """The same lane, as another process has it."""
    lane = Lane(f"lane {index}", Limits(concurrency), tmp_path)
    lane.register()
    return lane


class Asker:
    """Waits for a slot, says so once it is in, and stays until it is told to go."""

    def __init__(self, lanes, first_come=0.0, order=None, tokens=1.0):
        self.entered, self.leave = asyncio.Event(), asyncio.Event()
        self._order, self._first_come, self._tokens = order, first_come, tokens
        self.lane = None
        self.task = asyncio.ensure_future(self._ask(lanes))

    async def _ask(self, lanes):
        async with lanes.slot(self._tokens, first_come=self._first_come) as turn:
            self.lane = turn.lane
            self.entered.set()
            if self._order is not None:
                self._order.append(self._first_come)
            await self.leave.wait()
            turn.clean()


async def settle():
    """Whatever can happen without time passing has happened."""
    for _ in range(10):
        await asyncio.sleep(0)


async def soon(awaitable):
    return await asyncio.wait_for(awaitable, 10)


def in_flight(lanes):
    return sum(lane.look().in_flight for lane in lanes._lanes)


# ------------------------------------------------------------------------------- order


def test_the_one_that_came_first_is_next_and_is_woken_without_a_timer(lanes_of):
    async def main():
        lanes, order = lanes_of(1), []
        holder = Asker(lanes)
        await settle()
        waiting = [Asker(lanes, n, order) for n in (3, 1, 2)]  # 1: a retry that keeps its place
        for asker in waiting:
            asker.leave.set()
        await settle()
        assert order == []
        holder.leave.set()
        for _ in range(4):
            await settle()  # no time passes: every release wakes the next at once
        assert order == [1, 2, 3]
        assert in_flight(lanes) == 0
        lanes.leave()

    asyncio.run(main())


def test_it_goes_where_most_room_is(lanes_of):
    async def main():
        lanes, askers = lanes_of(2, 4), []
        for _ in range(6):
            askers.append(Asker(lanes))
            await settle()
        # rooms: 2 4 | 2 3 | 2 2 (the first of equals) | 1 2 | 1 1 | 0 1
        assert [asker.lane for asker in askers] == [1, 1, 0, 1, 0, 1]
        late = Asker(lanes)
        await settle()
        assert late.lane is None
        askers[2].leave.set()
        await settle()
        assert late.lane == 0
        lanes.leave()

    asyncio.run(main())


def test_a_lane_that_must_pause_is_passed_by(lanes_of):
    async def main():
        lanes = lanes_of(4, 1)
        async with lanes.slot(1, first_come=0) as turn:
            assert turn.lane == 0
            turn.rate_limited(wait_s=60)
        async with lanes.slot(1, first_come=1) as turn:
            assert turn.lane == 1
            waiter = Asker(lanes)
            await settle()
            assert not waiter.entered.is_set()
        await soon(waiter.entered.wait())
        assert waiter.lane == 1
        lanes.leave()

    asyncio.run(main())


def test_the_words_on_a_turn_reach_the_lane(lanes_of):
    async def main():
        lanes = lanes_of(16)
        async with lanes.slot(1, first_come=0) as turn:
            turn.rate_limited()
        assert lanes._lanes[0].look().limit == 12  # 0.8 x 16
        with pytest.raises(KeyError):
            async with lanes.slot(1, first_come=0):
                raise KeyError("without a word: it failed, and says nothing about load")
        async with lanes.slot(1, first_come=0) as turn:
            turn.overloaded()
        assert lanes._lanes[0].look().limit == 12
        exhausted = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "30s"}
        async with lanes.slot(1, first_come=0) as turn:
            turn.clean(exhausted)
        assert lanes._lanes[0].take(1) > 29
        assert in_flight(lanes) == 0
        lanes.leave()

    asyncio.run(main())


def test_a_reply_to_a_request_from_before_the_cut_does_not_cut_again(lanes_of):
    async def main():
        lanes = lanes_of(16)
        async with lanes.slot(1, first_come=0) as early:
            async with lanes.slot(1, first_come=1) as turn:
                turn.rate_limited()
            early.rate_limited()
            state = lanes._lanes[0].look()
            assert early.taken_at < state.cut_at
        assert lanes._lanes[0].look().episodes == 1
        lanes.leave()

    asyncio.run(main())


# ------------------------------------------------------------------------------- waiting


def test_who_waits_for_tokens_goes_when_they_are_there(lanes_of):
    async def main():
        lanes = lanes_of(4, tokens_per_minute=60_000)  # 1000 per second, 3000 at once
        async with lanes.slot(3000, first_come=0):
            begun = time.monotonic()
        async with lanes.slot(200, first_come=1):
            assert time.monotonic() - begun >= 0.199
        lanes.leave()

    asyncio.run(soon(main()))


def test_a_slot_that_another_process_frees_is_noticed(lanes_of, tmp_path):
    async def main():
        lanes, other = lanes_of(1), twin(tmp_path)
        assert other.take(1) == 0.0
        waiter = Asker(lanes)
        await asyncio.sleep(0.12)
        assert not waiter.entered.is_set()
        other.done(Result.CLEAN)
        await soon(waiter.entered.wait())
        lanes.leave()
        other.leave()

    asyncio.run(main())


# ------------------------------------------------------------------------------- cancelling


def test_who_is_cancelled_while_it_waits_is_passed_over(lanes_of):
    async def main():
        lanes = lanes_of(1)
        holder, cancelled, next_one = Asker(lanes, 0), Asker(lanes, 1), Asker(lanes, 2)
        await settle()
        cancelled.task.cancel()
        await settle()
        holder.leave.set()
        await settle()
        assert next_one.entered.is_set()
        next_one.leave.set()
        await settle()
        assert in_flight(lanes) == 0
        lanes.leave()

    asyncio.run(main())


def test_who_is_cancelled_with_a_slot_in_hand_passes_it_on(lanes_of):
    async def main():
        lanes = lanes_of(1)
        async with lanes.slot(1, first_come=0) as turn:
            cancelled, next_one = Asker(lanes, 1), Asker(lanes, 2)
            await settle()
            turn.clean()
        cancelled.task.cancel()  # the slot is its own by now, but it has not run yet
        assert in_flight(lanes) == 1
        await settle()
        assert cancelled.task.cancelled()
        assert not cancelled.entered.is_set()
        assert next_one.entered.is_set()
        next_one.leave.set()
        await settle()
        assert in_flight(lanes) == 0
        lanes.leave()

    asyncio.run(main())


@pytest.mark.parametrize("seed", range(5))
def test_no_slot_leaks_and_nobody_is_forgotten_whoever_is_cancelled(lanes_of, seed):
    chance = random.Random(seed)

    async def ask(lanes, n):
        async with lanes.slot(1, first_come=n) as turn:
            await asyncio.sleep(chance.choice([0, 0, 0.001]))
            turn.clean()
        return n

    async def main():
        lanes = lanes_of(3, 2)
        tasks = [asyncio.ensure_future(ask(lanes, n)) for n in range(200)]
        doomed = set(chance.sample(range(200), 80))
        for n in doomed:
            for _ in range(chance.randrange(3)):
                await asyncio.sleep(0)
            tasks[n].cancel()
        done = await soon(asyncio.gather(*tasks, return_exceptions=True))
        assert {n for n in done if isinstance(n, int)} >= set(range(200)) - doomed
        assert in_flight(lanes) == 0
        lanes.leave()

    asyncio.run(main())


# ------------------------------------------------------------------------------- closing


def test_shutting_turns_waiters_away_at_once_and_lets_those_inside_finish(lanes_of):
    async def main():
        lanes = lanes_of(1)
        holder, waiters = Asker(lanes), [Asker(lanes, n) for n in (1, 2)]
        await settle()
        lanes.shut("the budget is spent")
        lanes.shut("and another reason")
        await settle()
        for waiter in waiters:
            assert isinstance(waiter.task.exception(), LanesClosed)
            assert str(waiter.task.exception()) == "the budget is spent"
        with pytest.raises(LanesClosed, match="the budget is spent"):
            async with lanes.slot(1, first_come=0):
                pass
        assert not lanes.open
        holder.leave.set()
        await holder.task
        assert in_flight(lanes) == 0
        lanes.leave()

    asyncio.run(main())


def test_a_closed_lane_is_used_no_more_and_the_last_one_closes_all(lanes_of):
    async def main():
        lanes = lanes_of(1, 2)
        lanes.close(1, "key refused")
        assert lanes.open
        holder, waiter = Asker(lanes, 0), Asker(lanes, 1)
        await settle()
        assert (holder.lane, waiter.lane) == (0, None)
        lanes.close(0, "out of credit")
        await settle()
        assert not lanes.open
        assert str(waiter.task.exception()) == "out of credit; key refused"
        with pytest.raises(LanesClosed, match="out of credit"):
            async with lanes.slot(1, first_come=0):
                pass
        holder.leave.set()
        await holder.task  # inside: it finishes
        lanes.leave()

    asyncio.run(main())


def test_a_lane_that_another_process_closes_turns_waiters_away(lanes_of, tmp_path):
    async def main():
        lanes = lanes_of(1)
        holder, waiter = Asker(lanes, 0), Asker(lanes, 1)
        await settle()
        twin(tmp_path).close("out of credit")
        with pytest.raises(LanesClosed, match="out of credit"):
            await soon(waiter.task)
        assert holder.entered.is_set()
        holder.leave.set()
        await holder.task
        lanes.leave()

    asyncio.run(main())


def test_leaving_turns_waiters_away_and_gives_every_slot_back(lanes_of, tmp_path):
    async def main():
        lanes, other = lanes_of(1), twin(tmp_path)
        holder, waiter = Asker(lanes, 0), Asker(lanes, 1)
        await settle()
        lanes.leave()
        await settle()
        assert isinstance(waiter.task.exception(), LanesClosed)
        assert other.take(1) == 0.0
        holder.leave.set()
        await holder.task  # late, and without harm
        lanes.close(0, "key refused")  # as late
        assert (other.look().in_flight, other.look().processes) == (1, 1)
        assert other.closed is None

    asyncio.run(main())


def test_without_a_lane_nothing_can_be_sent():
    with pytest.raises(ValueError, match="no lane"):
        Lanes([])
