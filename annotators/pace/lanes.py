"""The asyncio front of an annotator over its lanes: who waits, who is next, and where it goes."""

import asyncio
import heapq
import itertools
import math
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

from annotators.pace.lane import Lane
from annotators.pace.limits import Result
from annotators.pace.processes import LONGEST_SLEEP_S  # another may close a lane meanwhile
from annotators.pace.state import POLL_S

SHORTEST_SLEEP_S = 0.001
_NO_HEADERS: Mapping[str, str] = {}


class LanesClosed(RuntimeError):
    """Nothing is sent any more; the message says why."""


class Turn:
    """A slot on one lane, and the word on how its request ended. The last word counts."""

    __slots__ = ("headers", "lane", "result", "taken_at", "wait_s")

    def __init__(self, lane: int, taken_at: float) -> None:
        self.lane, self.taken_at = lane, taken_at  # index of the lane; its clock
        self._say(Result.FAILED)

    def clean(self, headers: Mapping[str, str] = _NO_HEADERS) -> None:
        """It was answered."""
        self._say(Result.CLEAN, headers)

    def rate_limited(
        self, headers: Mapping[str, str] = _NO_HEADERS, wait_s: float | None = None
    ) -> None:
        """It was turned away as one too many; ``wait_s``: what Retry-After said."""
        self._say(Result.RATE_LIMITED, headers, wait_s)

    def overloaded(
        self, headers: Mapping[str, str] = _NO_HEADERS, wait_s: float | None = None
    ) -> None:
        """The server has trouble of its own (5xx)."""
        self._say(Result.OVERLOADED, headers, wait_s)

    def failed(self) -> None:
        """It ended in a way that says nothing about load."""
        self._say(Result.FAILED)

    def _say(
        self,
        result: Result,
        headers: Mapping[str, str] = _NO_HEADERS,
        wait_s: float | None = None,
    ) -> None:
        self.result, self.headers, self.wait_s = result, headers, wait_s


_Waiter = tuple[float, int, float, "asyncio.Future[Turn]"]  # first come, arrival, tokens


class Lanes:
    """Hands out slots in the order of ``first_come``. Lives on one event loop, in one thread.

    Whoever is first gets the lane with most room that takes its request; those behind wait even
    where a smaller request would fit, so nobody is passed over forever. Registers the lanes.

    Raises ValueError without a lane.
    """

    def __init__(self, lanes: Sequence[Lane]) -> None:
        if not lanes:
            raise ValueError("no lane to send anything on")
        self._lanes = list(lanes)
        self._why: str | None = None  # shut
        self._left = False
        self._waiting: list[_Waiter] = []  # a heap; who was cancelled stays until it is first
        self._arrivals = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        for lane in self._lanes:
            lane.register()

    @property
    def open(self) -> bool:
        """Whether anything may still be sent."""
        return self._why is None and any(lane.closed is None for lane in self._lanes)

    @asynccontextmanager
    async def slot(self, tokens: float, *, first_come: float) -> AsyncIterator[Turn]:
        """A slot for a request of this many tokens, held until the block ends.

        A block left without a word on the turn counts as failed. Raises :class:`LanesClosed` once
        :meth:`shut` was called or every lane is closed.
        """
        turn = await self._turn(tokens, first_come)
        try:
            yield turn
        finally:
            self._release(turn)

    def shut(self, why: str) -> None:
        """Turn away everybody who waits or will come; requests under way end as they end."""
        if self._why is None:
            self._why = why
            self._turn_away(why)

    def close(self, lane: int, why: str) -> None:
        """Send nothing on this lane any more, from any process."""
        if self._left:
            return  # late: closing would register the lane again
        self._lanes[lane].close(why)
        if not self.open:
            self._turn_away(self._reason())

    def leave(self) -> None:
        """Turn waiters away and give the lanes back, slots still held included."""
        self.shut("the annotator was closed")
        self._left = True
        for lane in self._lanes:
            lane.leave()

    async def _turn(self, tokens: float, first_come: float) -> Turn:
        if self._why is not None:
            raise LanesClosed(self._why)
        future: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()
        waiter = (first_come, next(self._arrivals), tokens, future)
        heapq.heappush(self._waiting, waiter)
        if self._waiting[0] is waiter:
            self._serve(range(len(self._lanes)))
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self._release(future.result())  # served, and cancelled before it could know
            raise

    def _release(self, turn: Turn) -> None:
        lane = self._lanes[turn.lane]
        lane.done(turn.result, turn.wait_s, turn.headers, turn.taken_at)
        if self._waiting and lane.room > 0:
            self._serve([turn.lane])

    def _serve(self, candidates: Iterable[int]) -> None:
        """Give slots to those who wait, first come first served, as long as there are any.

        ``candidates``: lanes worth asking for the first; for the others, those known to have room.
        """
        sleep = POLL_S
        while (first := self._first()) is not None:
            turn, sleep = self._take(candidates, first[2])
            if turn is None:
                break
            heapq.heappop(self._waiting)
            first[3].set_result(turn)
            candidates = [index for index, lane in enumerate(self._lanes) if lane.room > 0]
        if self._waiting:
            if sleep == math.inf and not self.open:
                self._turn_away(self._reason())
            else:
                self._wake_in(sleep)

    def _first(self) -> _Waiter | None:
        while self._waiting and self._waiting[0][3].done():
            heapq.heappop(self._waiting)
        return self._waiting[0] if self._waiting else None

    def _take(self, candidates: Iterable[int], tokens: float) -> tuple[Turn | None, float]:
        """A turn, or the seconds after which to ask all lanes again; infinity: all are closed."""
        sleep, asked = math.inf, 0
        for index in sorted(candidates, key=lambda index: -self._lanes[index].room):
            lane = self._lanes[index]
            now = lane.clock()  # before taking: a cut in between must find it under way
            wait = lane.take(tokens)
            if wait == 0.0:
                return Turn(index, now), 0.0
            sleep, asked = min(sleep, wait), asked + 1
        return None, sleep if asked == len(self._lanes) else min(sleep, POLL_S)

    def _wake_in(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        at = loop.time() + min(max(seconds, SHORTEST_SLEEP_S), LONGEST_SLEEP_S)
        if self._timer is not None:
            if self._timer.when() <= at:
                return
            self._timer.cancel()
        self._timer = loop.call_at(at, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._serve(range(len(self._lanes)))

    def _reason(self) -> str:
        return "; ".join(dict.fromkeys(lane.closed or "" for lane in self._lanes))

    def _turn_away(self, why: str) -> None:
        waiting, self._waiting = self._waiting, []
        for *_, future in waiting:
            if not future.done():
                future.set_exception(LanesClosed(why))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
