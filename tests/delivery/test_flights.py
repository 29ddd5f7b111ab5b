"""Single flight: one source for many, each at their own pace, stopped when nobody listens any more."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from functools import partial

import pytest

from gateway_core.delivery.flights import AHEAD, Flight, Flights
from gateway_core.exchange import Exchange
from gateway_core.model import Refused
from gateway_core.providers.base import MOST_AT_ONCE
from gateway_core.wire import errors
from tests.loop_turns import LoopTurns
from tests.providers.calls import make_call

NAME = "the same"
Put = Callable[[Sequence[int]], Awaitable[None]]


class Source:
    """Numbers, with a stop after ``quiet_after`` until ``go`` is set; ``read`` counts what was taken of it."""

    def __init__(self, numbers: int, quiet_after: int | None = None, error: Exception | None = None) -> None:
        self.numbers = numbers
        self.quiet_after = quiet_after
        self.error = error
        self.read = 0
        self.go = asyncio.Event()
        self.closed = False

    async def run(self, put: Put, at_once: int = 1) -> None:
        try:
            for number in range(0, self.numbers, at_once):
                if number == self.quiet_after:
                    await self.go.wait()
                self.read += at_once
                await put(list(range(number, number + at_once)))
            if self.error:
                raise self.error
        finally:
            self.closed = True


def depart(source: Callable[[Put], Awaitable[None]]) -> Flight[int]:
    """A flight that nobody else is to board."""
    return Flights[int]().begin(NAME, Exchange(make_call().request, time.monotonic()), source)


def begin(flights: Flights[int], source: Source, at_once: int = 1) -> Flight[int]:
    exchange = Exchange(make_call().request, time.monotonic())
    return flights.begin(NAME, exchange, partial(source.run, at_once=at_once))


def board(flights: Flights[int]) -> Flight[int]:
    flight = flights.board(NAME)
    assert flight is not None
    return flight


async def read(flight: Flight[int], number: int | None = None) -> list[int]:
    """What a listener hears, or the first ``number`` items of it."""
    got: list[int] = []
    async with aclosing(flight.listen(60)) as items:
        async for some in items:
            assert some
            got += some
            if number is not None and len(got) >= number:
                break
    return got[:number]


async def test_all_on_board_hear_everything_whenever_they_came() -> None:
    flights: Flights[int] = Flights()
    source = Source(100, quiet_after=40)
    flight = begin(flights, source)
    early = asyncio.create_task(read(flight))
    assert await read(flight, 40) == list(range(40))
    late = asyncio.create_task(read(board(flights)))
    await asyncio.sleep(0)
    source.go.set()
    assert await early == await late == list(range(100))
    assert source.read == 100 and len(flights) == 0 and flights.board(NAME) is None


async def test_who_does_not_read_keeps_nobody_waiting() -> None:
    flights: Flights[int] = Flights()
    flight = begin(flights, Source(500))
    slow = flight.listen(60)
    begun = [*await anext(slow)]
    assert await read(board(flights)) == list(range(500))
    assert begun + [item async for items in slow for item in items] == list(range(500))


async def test_what_has_come_is_heard_at_once_and_others_have_their_turn() -> None:
    source = Source(1000, quiet_after=1000)
    flight = depart(partial(source.run, at_once=500))
    heard = [len(items) async for items in flight.listen(60)]
    assert heard == [MOST_AT_ONCE, 500 - MOST_AT_ONCE] * 2


async def test_it_reads_no_further_ahead_than_a_few_items_of_the_fastest() -> None:
    flights: Flights[int] = Flights()
    source = Source(500)
    flight = begin(flights, source)
    async with aclosing(flight.listen(60)) as heard:
        got = [*await anext(heard), *await anext(heard)]
        for _ in range(100):
            await asyncio.sleep(0)
    assert got == list(range(len(got))) and source.read <= len(got) + AHEAD
    assert await read(board(flights)) == list(range(500))


async def test_it_goes_on_without_its_leader_and_ends_with_its_last_listener() -> None:
    flights: Flights[int] = Flights()
    source = Source(10, quiet_after=3)
    flight = begin(flights, source)
    follower = board(flights)
    assert await read(flight, 3) == [0, 1, 2]
    told: list[bool] = []
    flight.when_over(lambda: told.append(source.closed))
    await flight.leave()
    assert not source.closed and told == []
    await follower.leave()
    assert source.closed and told == [True] and flights.board(NAME) is None


async def test_a_follower_who_leaves_disturbs_nobody() -> None:
    flights: Flights[int] = Flights()
    source = Source(10, quiet_after=3)
    flight = begin(flights, source)
    await read(board(flights), 2)
    await flight.leave()
    source.go.set()
    assert await read(flight) == list(range(10))


async def test_a_refusal_is_everybodys() -> None:
    flights: Flights[int] = Flights()
    source = Source(4, quiet_after=3, error=Refused(errors.no_provider("No.")))
    flight = begin(flights, source)
    listeners = [asyncio.create_task(read(flight)) for flight in (flight, board(flights), board(flights))]
    await read(flight, 3)
    source.go.set()
    failures = await asyncio.gather(*listeners, return_exceptions=True)
    assert [failure.refusal.code for failure in failures if isinstance(failure, Refused)] == ["no_provider"] * 3
    assert flights.board(NAME) is None, "the next one asks anew"


async def test_a_fault_of_our_own_is_everybodys_too() -> None:
    flight = begin(Flights(), Source(0, error=ValueError("broken")))
    with pytest.raises(ValueError, match="broken"):
        await read(flight)


@pytest.mark.parametrize("quiet_after", [0, 1, 3])
async def test_a_pause_is_told_to_each(quiet_after: int) -> None:
    source = Source(5, quiet_after)
    got: list[int | None] = []
    async for items in begin(Flights(), source).listen(0.001):
        got += items or [None]
        if got.count(None) == 3:
            source.go.set()
    assert [item for item in got if item is not None] == [0, 1, 2, 3, 4]
    assert got[quiet_after : quiet_after + 3] == [None] * 3


async def test_an_error_comes_after_what_came_before_it() -> None:
    got: list[int] = []
    with pytest.raises(ValueError, match="broken"):
        async for items in begin(Flights(), Source(3, error=ValueError("broken"))).listen(60):
            got += items
    assert got == [0, 1, 2]


async def test_a_slow_listener_keeps_the_source_waiting_behind_one_large_batch() -> None:
    source = Source(4000)
    flight = begin(Flights(), source, at_once=200)
    heard = flight.listen(60)
    await anext(heard)
    for _ in range(50):
        await asyncio.sleep(0)
    assert source.read <= 400
    await flight.leave()
    assert source.closed and len(asyncio.all_tasks()) == 1


async def test_who_came_in_time_boards_a_flight_that_ended_while_they_looked_elsewhere() -> None:
    flights: Flights[int] = Flights()
    source = Source(3)
    with flights.approached(NAME):
        assert await read(begin(flights, source)) == [0, 1, 2]
        assert await read(board(flights)) == [0, 1, 2]
    assert flights.board(NAME) is None


async def test_nobody_boards_a_flight_that_was_stopped() -> None:
    flights: Flights[int] = Flights()
    with flights.approached(NAME):
        flight = begin(flights, Source(3, quiet_after=1))
        await read(flight, 1)
        await flight.leave()
        assert flights.board(NAME) is None


async def test_without_a_name_nothing_is_shared() -> None:
    flights: Flights[int] = Flights()
    begin(flights, Source(3))
    with flights.approached(None):
        assert flights.board(None) is None


@pytest.mark.parametrize("moments", [0, 1, 2, 5])
async def test_a_listener_cancelled_twice_leaves_nothing_running(moments: int) -> None:
    source = Source(3, quiet_after=1)

    async def slow_to_end(put: Put) -> None:
        try:
            await source.run(put)
        finally:
            for _ in range(3):
                await asyncio.sleep(0)

    flight = depart(slow_to_end)

    async def listen() -> None:
        try:
            await read(flight)
        finally:
            await flight.leave()

    task = asyncio.create_task(listen())
    await read(flight, 1)
    task.cancel()
    for _ in range(moments):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert source.closed and len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("is_left", [False, True])
async def test_one_that_was_refused_or_left_is_kept_by_nobody(is_left: bool) -> None:
    async def source(put: Put) -> None:
        if is_left:
            await asyncio.Event().wait()
        await put([1])
        raise Refused(errors.internal_error())

    gc.disable()
    try:
        flight = depart(source)
        await asyncio.sleep(0)
        if not is_left:
            with suppress(Refused):
                await read(flight)
        await flight.leave()
        await asyncio.sleep(0)
        kept = weakref.ref(flight)
        del flight
        assert kept() is None
    finally:
        gc.enable()


class Ending:
    """A source of so many items, which has work to be done once they were heard; ``go`` lets the work end."""

    def __init__(self, number: int) -> None:
        self.flights: Flights[int] = Flights()
        self.go, self.begun, self.over = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.told: list[str] = []
        self.number = number
        self.flight = self.flights.begin(NAME, Exchange(make_call().request, time.monotonic()), self._run)
        self.flight.when_over(self.over.set)

    async def _run(self, put: Put) -> None:
        for number in range(self.number - 1):
            await put([number])
        self.flight.then(self._work)
        await put([self.number - 1])

    async def _work(self) -> None:
        self.told.append("work")
        self.begun.set()
        await self.go.wait()
        self.told.append("done")


async def test_those_who_listen_do_not_wait_for_what_is_done_then() -> None:
    ending = Ending(3)
    assert await read(ending.flight) == [0, 1, 2]
    assert ending.told == []
    await ending.begun.wait()
    assert not ending.over.is_set()
    ending.go.set()
    await ending.over.wait()
    assert ending.told == ["work", "done"]


async def test_who_comes_before_a_flight_has_landed_boards_it() -> None:
    ending = Ending(3)
    with ending.flights.approached(NAME):
        await ending.begun.wait()
    assert await read(board(ending.flights)) == [0, 1, 2]
    ending.go.set()
    await asyncio.wait(ending.flights.under_way)
    assert len(ending.flights) == 0 and not ending.flights.under_way


@pytest.mark.parametrize("moments", range(6))
async def test_what_is_to_be_done_then_is_done_also_if_all_leave(moments: int) -> None:
    ending = Ending(3)
    await read(ending.flight, 1)
    for _ in range(moments):
        await asyncio.sleep(0)
    assert ending.flight.over
    await ending.flight.leave()
    ending.go.set()
    await ending.over.wait()
    assert len(ending.flights) == 0 and ending.told == ["work", "done"] and not ending.flight.stopped


async def test_a_slow_listener_does_not_delay_what_is_done_then() -> None:
    ending = Ending(AHEAD)
    ending.go.set()
    await ending.over.wait()
    assert await read(ending.flight) == list(range(AHEAD))


class Taker:
    """Takes items for a listener, but for those from ``least`` on."""

    def __init__(self, least: int = 1000) -> None:
        self.least = least
        self.taken: list[int] = []
        self.asked = 0

    def __call__(self, items: Sequence[int]) -> bool:
        self.asked += 1
        if items[0] >= self.least:
            return False
        self.taken += items
        return True


async def heard_of(flight: Flight[int], take: Callable[[Sequence[int]], bool], pause_s: float = 60) -> list[int | None]:
    """What a listener hears who has items taken; None for each pause."""
    return [item async for items in flight.listen(pause_s, take) for item in items or (None,)]


async def paced(put: Put, numbers: int) -> None:
    for number in range(numbers):
        for _ in range(3):
            await asyncio.sleep(0)
        await put([number])


async def test_what_is_taken_while_a_listener_waits_does_not_wake_it() -> None:
    taker, other = Taker(), Taker(0)
    flight = depart(partial(paced, numbers=4 * AHEAD))
    woken, read = await asyncio.gather(heard_of(flight, taker), heard_of(flight, other))
    assert woken == [] and taker.taken == list(range(4 * AHEAD))
    assert read == list(range(4 * AHEAD)) and other.taken == []


async def test_what_was_not_taken_is_heard_before_anything_more_is_taken() -> None:
    both: list[int] = []

    def every_third(items: Sequence[int]) -> bool:
        if items[0] % 3 == 0:
            return False
        both.extend(items)
        return True

    async def burst(put: Put) -> None:
        await asyncio.sleep(0)
        for number in range(0, 30, 2):
            await put([number])
            await put([number + 1])
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    flight = depart(burst)
    woken = 0
    async for items in flight.listen(60, every_third):
        both += items
        woken += 1
    assert both == list(range(30)) and 0 < woken < 15


async def test_what_fails_to_take_is_the_end_of_its_listener_alone() -> None:
    def broken(items: Sequence[int]) -> bool:
        if items[0] == 2:
            raise ValueError("broken")
        return True

    flight = depart(partial(paced, numbers=5))
    failed, whole = await asyncio.gather(heard_of(flight, broken), read(flight), return_exceptions=True)
    assert isinstance(failed, ValueError) and whole == [0, 1, 2, 3, 4]


async def test_a_pause_begins_anew_with_what_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, go = asyncio.get_running_loop(), asyncio.Event()
    late_s = 0.0
    real = loop.time
    monkeypatch.setattr(loop, "time", lambda: real() + late_s)

    async def source(put: Put) -> None:
        await asyncio.sleep(0)
        for number in range(3):
            await put([number])
            await go.wait()
            go.clear()

    flight = depart(source)
    taker = Taker()
    listening = asyncio.create_task(heard_of(flight, taker, pause_s=60))
    for seconds in (50, 50, 100):
        await asyncio.sleep(0.01)
        late_s += seconds
        await asyncio.sleep(0.01)
        go.set()
    assert await listening == [None] and taker.taken == [0, 1, 2]


async def test_others_have_their_turn_also_where_all_is_taken() -> None:
    async def at_once(put: Put) -> None:
        await asyncio.sleep(0)
        for number in range(10):
            await put(range(number * MOST_AT_ONCE, (number + 1) * MOST_AT_ONCE))

    taker, turns = Taker(10 * MOST_AT_ONCE), LoopTurns()
    assert await heard_of(depart(at_once), taker) == []
    assert len(taker.taken) == 10 * MOST_AT_ONCE and turns.now >= 10
